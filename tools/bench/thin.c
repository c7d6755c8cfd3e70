// SPDX-License-Identifier: MIT
/* dm-thin: a volume in a pool over both disks, and a snapshot of it. */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dm.h"
#include "harness.h"

#define BLOCK_KIB 64	/* the smallest that there is */

static int64_t used_in_pool(void)
{
	char text[256];
	unsigned long long blocks;

	dm_status("bench-pool", text, sizeof(text));
	if (sscanf(text, "%*u %*u/%*u %llu/", &blocks) != 1)
		return -1;
	return (int64_t)blocks * BLOCK_KIB * 1024;
}

static void zero_metadata(const struct disk *disk)
{
	void *buffer = page_alloc(MIB);
	int fd = open_device(disk->path, O_WRONLY | O_DIRECT);

	memset(buffer, 0, MIB);
	if (pwrite(fd, buffer, MIB, 0) != (ssize_t)MIB)
		die("%s cannot be written", disk->path);
	close(fd);
	free(buffer);
}

void thin_run(struct bench *bench)
{
	const struct media *media = &bench->media;
	struct cell first = { .contestant = "dm-thin-64k-first", .used = used_in_pool };
	struct cell again = { .contestant = "dm-thin-64k-again", .used = used_in_pool };
	struct disk data, pool, volume;

	if (!wanted(bench->contestants, first.contestant) && !wanted(bench->contestants, again.contestant))
		return;
	zero_metadata(&media->meta);
	data = dm_concat("bench-data", &media->origin, &media->storage);
	pool = dm_create("bench-pool", data.sectors, "thin-pool", "%u:%u %u:%u %u 0 1 skip_block_zeroing",
			 media->meta.id.mj, media->meta.id.mn, data.id.mj, data.id.mn, BLOCK_KIB * 2);
	dm_message("bench-pool", "create_thin 0");
	volume = dm_create("bench-top", media->origin.sectors, "thin", "%u:%u 0", pool.id.mj, pool.id.mn);
	engine_fill(volume.path, volume.sectors * 512);
	dm_suspend("bench-top");
	dm_message("bench-pool", "create_snap 1 0");
	dm_resume("bench-top");

	first.path = again.path = volume.path;
	again.limit = cell_run(bench, &first);
	if (wanted(bench->contestants, again.contestant))
		cell_run(bench, &again);
	dm_remove("bench-top");
	dm_remove("bench-pool");
	dm_remove("bench-data");
}
