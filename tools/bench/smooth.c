// SPDX-License-Identifier: MIT
/* The longest time that a writer waits: storage that is slow, that is extended, and the take. */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "harness.h"
#include "modules.h"

#define WRITERS 2
#define LIMIT_NS 1500000000LL
#define DELAY_MS 20

/* What of old data may be in memory, so that it does not take long until writers have to wait. */
#define MEMORY_MIB "8"

static const struct pattern writes = { .name = "writes", .block = 4096, .jobs = 1, .depth = 1, .random = true, .count = -1U };

struct writer {
	struct engine engine;
	struct outcome outcome;
	struct plan plan;
	pthread_t thread;
};

static struct writer *writers;

static void *write_along(void *argument)
{
	struct writer *writer = argument;

	engine_run(&writer->engine, &writer->outcome);
	return NULL;
}

/* Each of them has a part of the device. */
static void start_writers(struct bench *bench)
{
	uint64_t part = bench->media.origin.sectors * 512 / WRITERS;

	for (unsigned int i = 0; i < WRITERS; i++) {
		struct writer *writer = &writers[i];

		plan_make(&writer->plan, &writes, part, bench->round * WRITERS + i);
		for (unsigned int j = 0; j < writer->plan.count; j++)
			writer->plan.offsets[j] += part * i;
		writer->engine.plan = &writer->plan;
		writer->engine.path = bench->media.origin.path;
		writer->engine.limit_ns = LIMIT_NS;
		if (pthread_create(&writer->thread, NULL, write_along, writer))
			die("no thread");
	}
}

static void end_writers(struct bench *bench, const char *subject)
{
	double longest = 0, least = 1e18, most = 0, total = 0;
	char text[96];

	for (unsigned int i = 0; i < WRITERS; i++) {
		struct writer *writer = &writers[i];
		double rate;

		pthread_join(writer->thread, NULL);
		rate = writer->outcome.done * 1e9 / writer->outcome.ns;
		longest = writer->outcome.latency.max > longest ? writer->outcome.latency.max : longest;
		least = rate < least ? rate : least;
		most = rate > most ? rate : most;
		total += rate;
		plan_free(&writer->plan);
	}
	snprintf(text, sizeof(text), "%s: longest write", subject);
	record_value(bench, "smooth", text, "ms", longest / 1e6);
	snprintf(text, sizeof(text), "%s: writes", subject);
	record_value(bench, "smooth", text, "a second", total);
	snprintf(text, sizeof(text), "%s: slower of two writers", subject);
	record_value(bench, "smooth", text, "of the faster", least / most);
}

static void held_on(struct bench *bench, const struct disk *storage, const char *subject)
{
	snap_id id = modules_hold(&bench->media.origin, storage);

	start_writers(bench);
	end_writers(bench, subject);
	modules_release(&id);
}

static void extended(struct bench *bench)
{
	const struct media *media = &bench->media;
	const struct disk *storage = &media->storage;
	uint64_t piece = storage->sectors / 64 & ~7ULL;
	snap_id id;

	must(snap_create(&media->origin.id, 1, &id), "creation of a snapshot");
	must(snap_append_one(&id, storage->id, 0, piece * 32), "adding of storage");
	must(snap_take(&id), "take");
	start_writers(bench);
	for (unsigned int i = 32; i < 64; i++) {
		sleep_ms(30);
		must(snap_append_one(&id, storage->id, piece * i, piece), "adding of storage");
	}
	end_writers(bench, "storage extended 32 times");
	modules_release(&id);
}

static void taken(struct bench *bench)
{
	const struct media *media = &bench->media;

	start_writers(bench);
	for (unsigned int i = 0; i < 5; i++) {
		snap_id id;

		sleep_ms(150);
		id = modules_hold(&media->origin, &media->storage);
		sleep_ms(50);
		modules_release(&id);
	}
	end_writers(bench, "taken 5 times");
}

static void set_memory(const char *text)
{
	FILE *file = fopen("/sys/module/blksnap/parameters/copy_memory_limit", "we");

	/* Another module may have no such limit. */
	if (file) {
		fputs(text, file);
		fclose(file);
	}
}

static void run_round(struct bench *bench)
{
	const struct media *media = &bench->media;
	struct disk delayed, slow;

	modules_track(&media->origin);
	start_writers(bench);
	end_writers(bench, "tracked only");
	held_on(bench, &media->storage, "held");
	extended(bench);
	taken(bench);

	set_memory(MEMORY_MIB);
	delayed = dm_create("bench-delayed", media->storage.sectors, "delay", "%u:%u 0 0 %u:%u 0 %u", media->storage.id.mj,
			    media->storage.id.mn, media->storage.id.mj, media->storage.id.mn, DELAY_MS);
	held_on(bench, &delayed, "storage that takes 20 ms to write");
	dm_remove("bench-delayed");
	slow = null_disk("bench-slow", 512, "memory_backed=1 mbps=20");
	held_on(bench, &slow, "storage that takes 20 MB/s");
	null_remove("bench-slow");
	modules_untrack(&media->origin);
}

void smooth_run(struct bench *bench)
{
	if (!wanted(bench->patterns, "smooth"))
		return;
	writers = xcalloc(WRITERS, sizeof(*writers));
	for (bench->round = 1; bench->round <= bench->rounds; bench->round++) {
		/* Anew, for the limit that the round before has set. */
		modules_load(bench->module);
		run_round(bench);
		modules_unload();
	}
	free(writers);
	printf("%s, smooth\n", bench->media.name);
}
