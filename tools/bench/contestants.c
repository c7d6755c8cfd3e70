// SPDX-License-Identifier: MIT
/* Everyone who does the same plan: the bare device, modules, and what the kernel has for snapshots. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "harness.h"
#include "modules.h"

/* A cell ends after this time, however slow the contestant is. */
#define CELL_LIMIT_NS 1500000000LL
#define CELL_LIMIT_SMALL_NS 200000000LL

static snap_id held;

static int64_t used_by_module(void)
{
	return modules_used(&held);
}

static int64_t used_by_dm_snapshot(void)
{
	char text[128];
	unsigned long long sectors;

	dm_status("bench-snap", text, sizeof(text));
	return sscanf(text, "%llu/", &sectors) == 1 ? (int64_t)sectors * 512 : -1;
}

unsigned int cell_run(struct bench *bench, const struct cell *cell)
{
	struct outcome *outcome = xmalloc(sizeof(*outcome));
	struct engine engine = {
		.plan = &bench->plan,
		.path = cell->path,
		.mode = cell->mode,
		.copy_path = bench->media.storage.path,
		.limit = cell->limit,
		.limit_ns = bench->small ? CELL_LIMIT_SMALL_NS : CELL_LIMIT_NS,
	};
	struct counters before, after;
	int64_t memory, used, end, settled;
	unsigned int done;

	counters_settle(&bench->media);
	memory = kernel_memory();
	used = cell->used ? cell->used() : 0;
	counters_read(&bench->media, &before);
	engine_run(&engine, outcome);
	end = now_ns();
	settled = counters_settle(&bench->media);
	counters_read(&bench->media, &after);
	used = cell->used ? cell->used() - used : 0;
	memory = kernel_memory() - memory;
	if (wanted(bench->contestants, cell->contestant))
		record_cell(bench, cell, outcome, outcome->ns + (settled > end ? settled - end : 0), &before, &after,
			    used, memory);
	done = outcome->done_evenly ?: 1;
	free(outcome);
	return done;
}

static void run_raw(struct bench *bench)
{
	struct cell cell = { .contestant = "raw", .path = bench->media.origin.path };

	if (wanted(bench->contestants, cell.contestant))
		cell_run(bench, &cell);
}

static void run_floor(struct bench *bench)
{
	const struct pattern *pattern = bench->plan.pattern;
	struct cell cell = { .contestant = "floor", .path = bench->media.origin.path, .mode = engine_floor };

	/* Several at a time overlap with each other, which says nothing. */
	if (pattern->depth != 1 || pattern->reads)
		return;
	if (wanted(bench->contestants, cell.contestant))
		cell_run(bench, &cell);
	cell.contestant = "floor-copy";
	cell.mode = engine_floor_copy;
	if (wanted(bench->contestants, cell.contestant))
		cell_run(bench, &cell);
	cell.contestant = "raw-read";
	cell.mode = engine_read;
	if (wanted(bench->contestants, cell.contestant))
		cell_run(bench, &cell);
}

/* First touch, and again what was touched. */
static void run_held(struct bench *bench, const char *path, const char *prefix, int64_t (*used)(void))
{
	char name[64];
	struct cell cell = { .contestant = name, .path = path, .used = used };

	snprintf(name, sizeof(name), "%sfirst", prefix);
	cell.limit = cell_run(bench, &cell);
	snprintf(name, sizeof(name), "%sagain", prefix);
	if (wanted(bench->contestants, name))
		cell_run(bench, &cell);
}

static bool held_wanted(const struct bench *bench, const char *prefix)
{
	char name[64];

	snprintf(name, sizeof(name), "%sfirst", prefix);
	if (wanted(bench->contestants, name))
		return true;
	snprintf(name, sizeof(name), "%sagain", prefix);
	return wanted(bench->contestants, name);
}

static void run_module(struct bench *bench, const char *file, const char *prefix)
{
	const struct media *media = &bench->media;
	char name[64];
	struct cell cell = { .contestant = name, .path = media->origin.path };
	bool untracked, tracked;

	snprintf(name, sizeof(name), "%suntracked", prefix);
	untracked = wanted(bench->contestants, name);
	snprintf(name, sizeof(name), "%stracked", prefix);
	tracked = wanted(bench->contestants, name);
	if (!untracked && !tracked && !held_wanted(bench, prefix))
		return;

	modules_load(file);
	if (untracked) {
		snprintf(name, sizeof(name), "%suntracked", prefix);
		modules_track(&media->other);
		cell_run(bench, &cell);
		modules_untrack(&media->other);
	}
	if (tracked) {
		snprintf(name, sizeof(name), "%stracked", prefix);
		modules_track(&media->origin);
		cell_run(bench, &cell);
	}
	if (held_wanted(bench, prefix)) {
		held = modules_hold(&media->origin, &media->storage);
		run_held(bench, media->origin.path, prefix, used_by_module);
		modules_release(&held);
	}
	modules_untrack(&media->origin);
	modules_unload();
}

/* A persistent snapshot is new where its header is zero. */
static void zero_start(const struct disk *disk)
{
	void *buffer = page_alloc(MIB);
	int fd = open_device(disk->path, O_WRONLY | O_DIRECT);

	memset(buffer, 0, MIB);
	if (pwrite(fd, buffer, MIB, 0) != (ssize_t)MIB)
		die("%s cannot be written", disk->path);
	close(fd);
	free(buffer);
}

static void run_dm_snapshot(struct bench *bench, char kind, unsigned int chunk_kib)
{
	const struct media *media = &bench->media;
	const struct disk *origin = &media->origin, *storage = &media->storage;
	struct disk disk;
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "dm-snapshot-%c-%uk-", kind, chunk_kib);
	if (!held_wanted(bench, prefix))
		return;
	if (kind == 'P')
		zero_start(storage);
	dm_create("bench-snap", origin->sectors, "snapshot", "%u:%u %u:%u %c %u", origin->id.mj, origin->id.mn,
		  storage->id.mj, storage->id.mn, kind, chunk_kib * 2);
	disk = dm_create("bench-top", origin->sectors, "snapshot-origin", "%u:%u", origin->id.mj, origin->id.mn);
	run_held(bench, disk.path, prefix, used_by_dm_snapshot);
	dm_remove("bench-top");
	dm_remove("bench-snap");
}

static void run_own(struct bench *bench)
{
	/* The bare device before and after: what a module is compared with is as near as it can be. */
	run_raw(bench);
	run_floor(bench);
	run_module(bench, bench->module, "");
	run_raw(bench);
}

static void run_other(struct bench *bench)
{
	if (bench->other_module)
		run_module(bench, bench->other_module, "other-");
}

static void run_dm_snapshots(struct bench *bench)
{
	static const unsigned int chunks[] = { 4, 64, 256 };

	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		run_dm_snapshot(bench, 'N', chunks[i]);
		run_dm_snapshot(bench, 'P', chunks[i]);
	}
}

void contestants_run(struct bench *bench)
{
	static void (*const families[])(struct bench *) = { run_own, run_other, run_dm_snapshots, thin_run };

	/* Each round begins with another one. */
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		families[(i + bench->round) % ARRAY_SIZE(families)](bench);
}
