// SPDX-License-Identifier: MIT
/* Reading an image, beside reading its original; and what a reader of either does to a writer. */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm.h"
#include "harness.h"
#include "modules.h"

static const struct pattern sequential = { .name = "sequential 1 MiB", .block = MIB, .jobs = 1, .depth = 1, .count = -1U };
static const struct pattern ahead = { .name = "sequential 1 MiB QD8", .block = MIB, .jobs = 1, .depth = 8, .count = -1U };
static const struct pattern random4 = { .name = "random 4 KiB", .block = 4096, .jobs = 1, .depth = 1, .random = true, .count = 6000 };
static const struct pattern random16 = { .name = "random 4 KiB QD16", .block = 4096, .jobs = 1, .depth = 16, .random = true, .count = 12000 };

static struct disk image_of(const snap_id *id)
{
	struct blk_snap_image_info images[1];
	uint32_t count = 1;
	char path[64];

	must(snap_images(id, images, &count), "list of images");
	/* Without udev a node has the name of its disk; the link of its number leads to that. */
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", images[0].image_dev_id.mj, images[0].image_dev_id.mn);
	char *target = realpath(path, NULL);

	if (!target)
		die("%s is missing", path);
	snprintf(path, sizeof(path), "/dev/%.50s", strrchr(target, '/') + 1);
	free(target);
	return disk_at(path);
}

/* Transfers a second of a pattern that reads these bytes of a device. */
static double read_rate(const struct pattern *pattern, const char *path, uint64_t first, uint64_t bytes, unsigned int seed)
{
	struct outcome *outcome = xmalloc(sizeof(*outcome));
	struct plan plan;
	struct engine engine = { .plan = &plan, .path = path, .mode = engine_read, .limit_ns = 800000000 };
	double rate;

	plan_make(&plan, pattern, bytes, seed);
	for (unsigned int i = 0; i < plan.count; i++)
		plan.offsets[i] += first;
	engine_run(&engine, outcome);
	rate = outcome->done * 1e9 / outcome->ns;
	plan_free(&plan);
	free(outcome);
	return rate;
}

static void write_part(const struct pattern *pattern, const char *path, uint64_t first, uint64_t bytes)
{
	struct outcome *outcome = xmalloc(sizeof(*outcome));
	struct plan plan;
	struct engine engine = { .plan = &plan, .path = path };

	plan_make(&plan, pattern, bytes, 0);
	for (unsigned int i = 0; i < plan.count; i++)
		plan.offsets[i] += first;
	engine_run(&engine, outcome);
	plan_free(&plan);
	free(outcome);
}

/* A device that reads from the original, beside that. */
static void compare(struct bench *bench, const struct disk *reader, const char *what, uint64_t first, uint64_t bytes)
{
	static const struct pattern *const all[] = { &sequential, &ahead, &random4, &random16 };
	const char *original = bench->media.origin.path;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char subject[96];
		double before = read_rate(all[i], original, first, bytes, bench->round);
		double through = read_rate(all[i], reader->path, first, bytes, bench->round);
		double after = read_rate(all[i], original, first, bytes, bench->round);

		snprintf(subject, sizeof(subject), "%s, %s", what, all[i]->name);
		record_value(bench, "image", subject, "of original", through * 2 / (before + after));
	}
}

/* The least that one block device above another one takes, in this kernel. */
static void compare_linear(struct bench *bench)
{
	const struct disk *origin = &bench->media.origin;
	struct disk linear = dm_create("bench-linear", origin->sectors, "linear", "%u:%u 0", origin->id.mj, origin->id.mn);

	compare(bench, &linear, "dm-linear", 0, origin->sectors * 512 / 2);
	dm_remove("bench-linear");
}

struct reader {
	struct engine engine;
	struct outcome outcome;
	struct plan plan;
	atomic_bool stop;
	pthread_t thread;
};

static void *read_along(void *argument)
{
	struct reader *reader = argument;

	engine_run(&reader->engine, &reader->outcome);
	return NULL;
}

/* A writer that touches blocks for the first time, while somebody reads a whole device; writes a second. */
static double write_rate(struct bench *bench, bool image)
{
	static const struct pattern writes = { .name = "writes", .block = 4096, .jobs = 1, .depth = 1, .random = true, .count = 10000 };
	const struct media *media = &bench->media;
	struct outcome *outcome = xmalloc(sizeof(*outcome));
	struct reader *reader = xcalloc(1, sizeof(*reader));
	struct engine engine = { .path = media->origin.path, .limit_ns = 1500000000 };
	snap_id id = modules_hold(&media->origin, &media->storage);
	struct disk disk = image ? image_of(&id) : media->origin;
	struct plan plan;
	double rate;

	plan_make(&plan, &writes, media->origin.sectors * 512, bench->round);
	engine.plan = &plan;
	plan_make(&reader->plan, &sequential, disk.sectors * 512, 0);
	reader->engine.plan = &reader->plan;
	reader->engine.path = disk.path;
	reader->engine.mode = engine_read;
	reader->engine.stop = &reader->stop;
	if (pthread_create(&reader->thread, NULL, read_along, reader))
		die("no thread");
	sleep_ms(50);
	engine_run(&engine, outcome);
	atomic_store(&reader->stop, true);
	pthread_join(reader->thread, NULL);
	rate = outcome->done * 1e9 / outcome->ns;
	plan_free(&plan);
	plan_free(&reader->plan);
	free(reader);
	free(outcome);
	modules_release(&id);
	return rate;
}

static void run_round(struct bench *bench)
{
	const struct media *media = &bench->media;
	uint64_t bytes = media->origin.sectors * 512;
	static const struct pattern scattered = { .name = "scattered", .block = 4096, .jobs = 1, .depth = 16, .random = true, .count = -1U };
	snap_id id = modules_hold(&media->origin, &media->storage);
	struct disk image = image_of(&id);

	/* The first half stays as it is; a quarter is overwritten in order, an eighth in no order. */
	write_part(&ahead, media->origin.path, bytes / 2, bytes / 4);
	write_part(&scattered, media->origin.path, bytes / 4 * 3, bytes / 8);
	counters_settle(media);
	compare(bench, &image, "untouched", 0, bytes / 2);
	compare(bench, &image, "copied in order", bytes / 2, bytes / 4);
	compare(bench, &image, "copied in random order", bytes / 4 * 3, bytes / 8);
	modules_release(&id);
	compare_linear(bench);

	record_value(bench, "image", "writer beside a reader of the image", "of beside original",
		     write_rate(bench, true) / write_rate(bench, false));
}

void images_run(struct bench *bench)
{
	if (!wanted(bench->patterns, "image"))
		return;
	modules_load(bench->module);
	for (bench->round = 1; bench->round <= bench->rounds; bench->round++)
		run_round(bench);
	modules_untrack(&bench->media.origin);
	modules_unload();
	printf("%s, image\n", bench->media.name);
}
