// SPDX-License-Identifier: MIT
/* The map of changed blocks: nothing that changed may be missing in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "changemap.h"
#include "module.h"
#include "workload.h"

#define STORAGE_SECTORS (48 * MIB / SECTOR)

/*
 * Random writes of all kinds between two takes. The map has every block that
 * differs, and no block that nobody wrote to.
 */
static void superset_on(struct dev *dev, uint64_t area, unsigned int rounds)
{
	struct dev *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct blk_snap_cbt_info before;
	snap_id id;

	model_fill(model, 0, area);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	REQUIRE_OK(tracker_find(dev->id, &before));
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		uint32_t *old = model_freeze(model);
		struct writer writers[3];
		uint64_t differ = 0, reported = 0;
		struct map map;

		/* Some writes while held, some after. */
		for (unsigned int i = 0; i < ARRAY_SIZE(writers); i++) {
			writers[i] = (struct writer){
				.model = model,
				.mode = i == 0 ? write_direct : i == 1 ? write_buffered : write_aio,
				.first = i * (area / 3 / 8 * 8), .count = area / 3 / 8 * 8,
				.limit = i == 2 ? 128 : 1024, .writes = 8,
				.stream = round * 10 + i,
			};
			worker_start(writer_run, &writers[i]);
			if (i == 1) {
				workers_join();
				REQUIRE_OK(snap_destroy(&id));
			}
		}
		workers_join();
		snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
		map = map_read(dev);
		CHECK(same_generation(&map.info, &before));
		CHECK_EQ(map.info.snap_number, before.snap_number + 1);
		for (uint32_t b = 0; b < map.info.blk_count; b++) {
			bool said = map.bytes[b] > before.snap_number, written = false;

			for (uint64_t s = b * map.block_sectors;
			     s < (b + 1) * map.block_sectors && s < dev->sectors; s++) {
				if (model->seq[s] != old[s]) {
					written = true;
					differ++;
				}
			}
			reported += said;
			if (written && !said)
				FAIL("block %u changed and is not in the map (%u, before %u)", b,
				     map.bytes[b], before.snap_number);
			if (said && !written)
				FAIL("block %u did not change and is in the map", b);
			if (map.bytes[b] > map.info.snap_number)
				FAIL("block %u: %u is newer than the snapshot %u", b, map.bytes[b],
				     map.info.snap_number);
		}
		CHECK(differ > 0);
		note("%s: %llu KiB differ, %llu KiB reported, ratio %.1f", dev->path,
		     (unsigned long long)differ / 2,
		     (unsigned long long)(reported * map.block_sectors / 2),
		     differ ? (double)reported * map.block_sectors / differ : 0);
		before = map.info;
		free(map.bytes);
		free(old);
	}
	model_free(model);
}

static void superset(void)
{
	superset_on(dev_disk(0), 24 * MIB / SECTOR, 3);
}

static void superset_on_4k_loop(void)
{
	struct dev *dev = dev_loop(12 * MIB + 4096, 4096);

	superset_on(dev, dev->sectors / 24 * 24, 2);
}

/* A backup as a client of the interface keeps it. */
struct backup {
	char *data;
	struct blk_snap_cbt_info info;
	unsigned int fulls;
};

static void backup_update(struct backup *backup, struct dev *image, const struct map *map)
{
	bool full = !backup->data || !same_generation(&map->info, &backup->info);
	uint64_t size = image->sectors * SECTOR;

	if (!backup->data)
		backup->data = page_alloc(size);
	/* Within a generation numbers only grow: else a client would miss changes. */
	if (!full && map->info.snap_number <= backup->info.snap_number) {
		FAIL("number %u follows %u in one generation", map->info.snap_number,
		     backup->info.snap_number);
	}
	backup->fulls += full;
	for (uint32_t b = 0; b < map->info.blk_count; b++) {
		uint64_t offset = (uint64_t)b * map->info.blk_size;
		uint64_t length = size - offset < map->info.blk_size ? size - offset
								      : map->info.blk_size;

		if (!full && map->bytes[b] <= backup->info.snap_number)
			continue;
		REQUIRE_EQ(pread(image->fd, backup->data + offset, length, offset), length);
	}
	backup->info = map->info;
}

static void write_a_little(struct model *model, struct rng *rng, unsigned int writes)
{
	while (writes--) {
		uint64_t first, count;

		pick_extent(rng, 0, model->dev->sectors, 64, 512, &first, &count);
		REQUIRE(model_write(model, first, count));
	}
}

/*
 * A full copy and then increments only, over more takes than a byte can count.
 * The copy has to equal each image, and must not need a full copy too often.
 */
static void chain(void)
{
	enum { takes = 310 };
	struct dev *dev, *storage = dev_storage_disk();
	struct model *model;
	struct backup backup = { 0 };
	struct rng rng;
	snap_id id;

	/* Hundreds of disks come and go, each waits for the kernel a dozen times. */
	command("echo 1 > /sys/kernel/rcu_expedited");
	module_require("tracking_block_minimum_shift=12");
	dev = dev_loop(256 * KIB + 512, 512);
	model = model_new(dev);
	rng_init(&rng, 55);
	model_fill(model, 0, dev->sectors);
	for (unsigned int take = 0; take < takes && !test_failed(); take++) {
		struct dev *image;
		struct map map;
		uint32_t *frozen;

		write_a_little(model, &rng, 3);
		snap_begin_one(&id, dev, storage, 0, 4096);
		frozen = model_freeze(model);
		write_a_little(model, &rng, 2);
		image = dev_image(&id, dev);
		map = map_read(dev);
		backup_update(&backup, image, &map);
		for (uint64_t s = 0; s < dev->sectors && !test_failed(); s++)
			if (!sector_matches(backup.data + s * SECTOR, model->tag, s, frozen[s]))
				FAIL("take %u (number %u): sector %llu of the backup is stale",
				     take, map.info.snap_number, (unsigned long long)s);
		free(map.bytes);
		free(frozen);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
	}
	/* The first one, and the one that a number of one byte makes necessary. */
	CHECK(test_failed() || (backup.fulls >= 2 && backup.fulls <= 3));
	note("%u full copies in %u takes", backup.fulls, takes);
	command("echo 0 > /sys/kernel/rcu_expedited");
	free(backup.data);
	model_free(model);
}

static void frozen_between_takes(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct map first, second, third;
	snap_id id;

	model_fill(model, 0, 1024);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	first = map_read(dev);
	model_fill(model, 2048, 4096);
	second = map_read(dev);
	CHECK_EQ(first.info.blk_count, second.info.blk_count);
	CHECK(!memcmp(first.bytes, second.bytes, first.info.blk_count));
	REQUIRE_OK(snap_destroy(&id));
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	third = map_read(dev);
	for (uint32_t b = 0; b < third.info.blk_count; b++) {
		bool written = b >= 2048 / 128 && b < 6144 / 128;

		if ((third.bytes[b] > second.info.snap_number) != written)
			FAIL("block %u is %u", b, third.bytes[b]);
	}
	free(first.bytes);
	free(second.bytes);
	free(third.bytes);
	model_free(model);
}

/* What the module writes to its storage is no change of the device. */
static void storage_is_not_tracked(void)
{
	struct dev *dev = dev_disk(0);
	struct model *model = model_new(dev);
	uint64_t first = 32 * MIB / SECTOR;
	struct blk_snap_snapshot_status status;
	struct map old, map;
	snap_id id;

	model_fill(model, 0, 4096);
	snap_begin_one(&id, dev, dev, first, STORAGE_SECTORS);
	old = map_read(dev);
	model_fill(model, 0, 4096);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK(status.storage_filled >= 4096);
	REQUIRE_OK(snap_destroy(&id));
	snap_begin_one(&id, dev, dev, first, STORAGE_SECTORS);
	map = map_read(dev);
	for (uint32_t b = 0; b < map.info.blk_count; b++)
		if ((map.bytes[b] > old.info.snap_number) != (b < 4096 / 128))
			FAIL("block %u is %u", b, map.bytes[b]);
	free(old.bytes);
	free(map.bytes);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "superset", superset, 120 },
		{ "superset_on_4k_loop", superset_on_4k_loop, 120 },
		{ "chain", chain, 180 },
		{ "frozen_between_takes", frozen_between_takes, 60 },
		{ "storage_is_not_tracked", storage_is_not_tracked, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
