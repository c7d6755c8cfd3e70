// SPDX-License-Identifier: MIT
/* How long the storage lasts, and what memory is held for it. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "modules.h"

#define MOUNT_POINT "/run/bench"

static void write_all(struct bench *bench, const struct plan *plan)
{
	struct outcome *outcome = xmalloc(sizeof(*outcome));
	struct engine engine = { .plan = plan, .path = bench->media.origin.path };

	engine_run(&engine, outcome);
	free(outcome);
	counters_settle(&bench->media);
}

static void trim(struct bench *bench)
{
	const struct media *media = &bench->media;
	int64_t before;
	snap_id id;

	mkdir(MOUNT_POINT, 0755);
	if (command("mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 %s && mount %s " MOUNT_POINT
		    " && dd if=/dev/zero of=" MOUNT_POINT "/file bs=1M count=%u conv=fsync status=none",
		    media->origin.path, media->origin.path, (unsigned int)(media->origin.sectors / 2048 / 10)))
		die("no file system to trim");
	id = modules_hold(&media->origin, &media->storage);
	before = modules_used(&id);
	if (command("fstrim " MOUNT_POINT))
		die("the file system cannot be trimmed");
	if (command("sync"))
		die("sync");
	counters_settle(media);
	record_value(bench, "lasting", "fstrim of a file system that is 90 % empty", "KiB of storage",
		     (modules_used(&id) - before) / 1024.0);
	modules_release(&id);
	if (command("umount " MOUNT_POINT))
		die("the file system cannot be unmounted");
}

static void overwrite(struct bench *bench)
{
	static const struct pattern writes = { .name = "writes", .block = 4096, .jobs = 1, .depth = 16, .random = true, .count = 20000 };
	const struct media *media = &bench->media;
	snap_id id = modules_hold(&media->origin, &media->storage);
	struct plan plan;
	int64_t before;

	plan_make(&plan, &writes, media->origin.sectors * 512, 1);
	write_all(bench, &plan);
	before = modules_used(&id);
	write_all(bench, &plan);
	record_value(bench, "lasting", "the same blocks once more", "KiB of storage", (modules_used(&id) - before) / 1024.0);
	plan_free(&plan);
	modules_release(&id);
}

/* Pages of 8 KiB over a tenth of the disk, some of them several times. */
static void database(struct bench *bench)
{
	static const struct pattern writes = { .name = "writes", .block = 8192, .jobs = 1, .depth = 16, .random = true, .count = -1U };
	const struct media *media = &bench->media;
	snap_id id = modules_hold(&media->origin, &media->storage);
	unsigned int distinct = 0;
	struct plan plan;
	struct rng rng;
	bool *seen;

	plan_make(&plan, &writes, media->origin.sectors * 512 / 10, 1);
	seen = xcalloc(plan.count, sizeof(*seen));
	rng_init(&rng, 7);
	for (unsigned int i = 0; i < plan.count; i++) {
		unsigned int page = rng_below(&rng, plan.count);

		plan.offsets[i] = (uint64_t)page * 8192;
		distinct += !seen[page];
		seen[page] = true;
	}
	write_all(bench, &plan);
	record_value(bench, "lasting", "random 8 KiB over a tenth of the disk", "of distinct bytes",
		     modules_used(&id) / (distinct * 8192.0));
	free(seen);
	plan_free(&plan);
	modules_release(&id);
}

/* The worst: every block for itself, in no order. */
static void memory(struct bench *bench)
{
	static const struct pattern writes = { .name = "writes", .block = 4096, .jobs = 1, .depth = 16, .random = true, .count = -1U };
	const struct media *media = &bench->media;
	int64_t before = kernel_memory(), held;
	struct plan plan;
	snap_id id;

	plan_make(&plan, &writes, media->origin.sectors * 512, 1);
	write_all(bench, &plan);
	before = kernel_memory();
	id = modules_hold(&media->origin, &media->storage);
	record_value(bench, "memory", "of a snapshot that holds nothing yet", "KiB", (kernel_memory() - before) / 1024.0);
	before = kernel_memory();
	write_all(bench, &plan);
	held = modules_used(&id);
	record_value(bench, "memory", "of the whole disk, written in random order", "% of bytes held",
		     (kernel_memory() - before) * 100.0 / held);
	plan_free(&plan);
	modules_release(&id);
}

void lasting_run(struct bench *bench)
{
	bool storage = wanted(bench->patterns, "lasting"), kernel = wanted(bench->patterns, "memory");

	if (!storage && !kernel)
		return;
	bench->round = 1;
	modules_load(bench->module);
	if (storage) {
		trim(bench);
		overwrite(bench);
		database(bench);
	}
	if (kernel)
		memory(bench);
	modules_untrack(&bench->media.origin);
	modules_unload();
	printf("%s, lasting and memory\n", bench->media.name);
}
