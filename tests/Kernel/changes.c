// SPDX-License-Identifier: MIT
/* The map of changed blocks: nothing that changed may be missing in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define STORAGE_SECTORS (48 * MIB / SECTOR)

struct map {
	struct blk_snap_cbt_info info;
	unsigned char *bytes;
	uint64_t block_sectors;
};

/* Reads the whole map with one request, as every client of this interface may. */
static struct map map_read(const struct dev *dev)
{
	struct map map;

	REQUIRE_OK(tracker_find(dev->id, &map.info));
	map.block_sectors = map.info.blk_size / SECTOR;
	map.bytes = xcalloc(1, map.info.blk_count);
	REQUIRE_EQ(tracker_read_map(dev->id, 0, map.info.blk_count, map.bytes),
		   map.info.blk_count);
	return map;
}

static bool same_generation(const struct blk_snap_cbt_info *a, const struct blk_snap_cbt_info *b)
{
	return same_id(&a->generation_id, &b->generation_id);
}

/* What a fresh tracker says about itself. */
static void geometry(void)
{
	static const struct { uint64_t bytes; unsigned int block; } sizes[] = {
		{ 8 * MIB, 512 }, { 8 * MIB + 512, 512 }, { 512 * 1024, 512 }, { 4096, 512 },
		{ 8 * MIB + 4096, 4096 },
	};
	struct dev *storage = dev_storage_disk();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct dev *dev = dev_loop(sizes[i].bytes, sizes[i].block);
		struct map map;
		snap_id id;

		snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
		map = map_read(dev);
		CHECK_EQ(map.info.device_capacity, sizes[i].bytes);
		CHECK_EQ(map.info.blk_size, 64 * KIB);
		CHECK_EQ(map.info.blk_count, (sizes[i].bytes + 64 * KIB - 1) / (64 * KIB));
		CHECK_EQ(map.info.snap_number, 1);
		for (uint32_t b = 0; b < map.info.blk_count; b++)
			if (!CHECK_EQ(map.bytes[b], 0))
				break;
		free(map.bytes);
		REQUIRE_OK(snap_destroy(&id));
		REQUIRE_OK(tracker_remove(dev->id));
		dev_close(dev);
	}
}

static void block_size_follows_parameters(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512);
	struct blk_snap_cbt_info info;
	snap_id id;

	module_require("tracking_block_minimum_shift=14");
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(tracker_find(dev->id, &info));
	CHECK_EQ(info.blk_size, 16 * KIB);
	CHECK_EQ(info.blk_count, 512);
	control_reset();
	/* 2^10 blocks of 4 KiB are fewer than the device has. */
	module_require("tracking_block_minimum_shift=12 tracking_block_maximum_count=1024");
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(tracker_find(dev->id, &info));
	CHECK_EQ(info.blk_size, 8 * KIB);
	CHECK_EQ(info.blk_count, 1024);
}

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

static void readable_only_while_held(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	unsigned char bytes[128];
	snap_id id;

	CHECK_RESULT(tracker_read_map(dev->id, 0, 128, bytes), -ENODATA);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	CHECK_RESULT(tracker_read_map(dev->id, 0, 128, bytes), -EPERM);
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE_SECTORS));
	CHECK_RESULT(tracker_read_map(dev->id, 0, 128, bytes), -EPERM);
	REQUIRE_OK(snap_take(&id));
	CHECK_RESULT(tracker_read_map(dev->id, 0, 128, bytes), 128);
	REQUIRE_OK(snap_destroy(&id));
	CHECK_RESULT(tracker_read_map(dev->id, 0, 128, bytes), -EPERM);
	REQUIRE_OK(tracker_remove(dev->id));
	CHECK_RESULT(tracker_read_map(dev->id, 0, 128, bytes), -ENODATA);
}

static void map_offsets(void)
{
	enum { blocks = 129 };
	static const uint32_t lengths[] = { 0, 1, 2, 64, 128, 129, 130, 65536, 0x7fffffff,
					    0xfffffffe, 0xffffffff };
	static const uint32_t offsets[] = { 0, 1, 64, 127, 128, 129, 130, 4096, 0x7fffffff,
					    0x80000000, 0xffffff80, 0xffffffff };
	struct dev *dev = dev_loop(8 * MIB + 512, 512), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	unsigned char bytes[blocks + 64];
	struct map whole;
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	for (uint64_t s = 0; s < dev->sectors; s += 3 * 128)
		REQUIRE(model_write(model, s, 1));
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE_SECTORS));
	REQUIRE_OK(snap_take(&id));
	whole = map_read(dev);
	REQUIRE_EQ(whole.info.blk_count, blocks);
	for (size_t o = 0; o < ARRAY_SIZE(offsets); o++) {
		for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
			uint32_t offset = offsets[o], length = lengths[l];
			uint32_t left = offset < blocks ? blocks - offset : 0;
			int want = offset > blocks ? -EINVAL : (int)(length < left ? length : left);
			int got;

			memset(bytes, 0xaa, sizeof(bytes));
			got = tracker_read_map(dev->id, offset, length, bytes);
			if (got != want)
				FAIL("offset %u, length %u: got %d, want %d", offset, length, got,
				     want);
			if (got > 0 && memcmp(bytes, whole.bytes + offset, got))
				FAIL("offset %u, length %u: other bytes", offset, length);
			for (size_t i = got > 0 ? got : 0; i < sizeof(bytes); i++)
				if (bytes[i] != 0xaa) {
					FAIL("offset %u, length %u: byte %zu was written", offset,
					     length, i);
					break;
				}
		}
	}
	free(whole.bytes);
	model_free(model);
}

static void mark_dirty(void)
{
	struct dev *dev = dev_loop(8 * MIB + 512, 512), *storage = dev_storage_disk(), *image;
	const range marks[] = { { 128 * 3 + 127, 2 }, { 128 * 10, 128 }, { 16384, 1 } };
	const range beyond[] = { { 129 * 128, 1 } }, huge[] = { { 8, UINT64_MAX } },
		    wrapping[] = { { UINT64_MAX - 1, 4 } };
	const uint32_t marked[] = { 3, 4, 10, 128 };
	struct map before, after;
	snap_id id;

	CHECK_RESULT(tracker_mark(dev->id, marks, 1), -ENODEV);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	REQUIRE_OK(snap_destroy(&id));
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	before = map_read(dev);
	CHECK_RESULT(tracker_mark(dev->id, marks, ARRAY_SIZE(marks)), 0);
	after = map_read(dev);
	for (unsigned int next = 0; next < 2; next++) {
		for (uint32_t b = 0, m = 0; b < after.info.blk_count; b++) {
			bool want = m < ARRAY_SIZE(marked) && marked[m] == b;

			m += want;
			/* In this map as changed by this take, in the next as by the next. */
			if (after.bytes[b] != (want ? before.info.snap_number + next : 0))
				FAIL("%s take, block %u: %u", next ? "next" : "this", b,
				     after.bytes[b]);
		}
		free(after.bytes);
		if (next)
			break;
		/* Ranges that do not lie on the device. */
		CHECK_RESULT(tracker_mark(dev->id, beyond, 1), -EINVAL);
		CHECK_RESULT(tracker_mark(dev->id, wrapping, 1), -EINVAL);
		image = dev_image(&id, dev);
		CHECK_RESULT(tracker_mark(image->id, beyond, 1), -EINVAL);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
		after = map_read(dev);
	}
	/* By the number of the image. */
	image = dev_image(&id, dev);
	CHECK_RESULT(tracker_mark(image->id, (range[]){ { 128 * 77 + 5, 3 } }, 1), 0);
	after = map_read(dev);
	CHECK_EQ(after.bytes[77], after.info.snap_number);
	CHECK_EQ(after.bytes[76], 0);
	CHECK_EQ(after.bytes[78], 0);
	free(after.bytes);
	dev_close(image);
	CHECK_RESULT(tracker_mark(dev->id, huge, 1), -EINVAL);
	free(before.bytes);
}

static void marking_nothing_marks_nothing(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	const range empty[] = { { 0, 0 }, { 500, 0 } };
	struct map map;
	snap_id id;

	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		CHECK_RESULT_IN(tracker_mark(dev->id, &empty[i], 1), 0, -EINVAL);
	CHECK_RESULT_IN(tracker_mark(dev->id, empty, 0), 0, -EINVAL);
	map = map_read(dev);
	for (uint32_t b = 0; b < map.info.blk_count; b++)
		if (!CHECK_EQ(map.bytes[b], 0))
			break;
	free(map.bytes);
}

/* A device of another size is another device: everything has to be read again. */
static void resize(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk(), *image;
	static const uint64_t sizes[] = { 12 * MIB, 6 * MIB };
	struct model *model;
	struct map old, map;
	uint32_t *seq;
	snap_id id;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t sectors = dev->sectors;

		model = model_new(dev);
		model_fill(model, 0, sectors);
		snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
		old = map_read(dev);
		seq = model_freeze(model);
		image = dev_image(&id, dev);
		if (sizes[i] > sectors * SECTOR) {
			/* Growth while held: the image stays what it is. */
			dev_loop_resize(dev, sizes[i]);
			model->seq = realloc(model->seq, dev->sectors * sizeof(*model->seq));
			memset(model->seq + sectors, 0, (dev->sectors - sectors) * 4);
			model_fill(model, sectors - 16, 64);
			model_fill(model, 0, 64);
			CHECK_EQ(image->sectors, sectors);
			check_image(image, model, seq, 0, sectors);
			check_live(model, 0, dev->sectors);
		}
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		if (sizes[i] < sectors * SECTOR)
			dev_loop_resize(dev, sizes[i]);
		snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
		map = map_read(dev);
		CHECK(!same_generation(&map.info, &old.info));
		CHECK_EQ(map.info.device_capacity, sizes[i]);
		CHECK_EQ(map.info.blk_count, sizes[i] / (64 * KIB));
		image = dev_image(&id, dev);
		CHECK_EQ(image->sectors, sizes[i] / SECTOR);
		check_image(image, model, model->seq, 0, dev->sectors);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
		free(old.bytes);
		free(map.bytes);
		model_free(model);
	}
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

/* Tracking starts with the first create, and starts anew after the tracker was removed. */
static void tracker_life(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct blk_snap_cbt_info first, second;
	struct map map;
	snap_id id;

	CHECK_RESULT(tracker_find(dev->id, &first), -ENODATA);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(tracker_find(dev->id, &first));
	CHECK_EQ(first.snap_number, 0);
	CHECK_EQ(first.device_capacity, 8 * MIB);
	REQUIRE(model_write(model, 128 * 6, 1));
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE_SECTORS));
	REQUIRE_OK(snap_take(&id));
	CHECK_RESULT(tracker_remove(dev->id), -EBUSY);
	map = map_read(dev);
	CHECK(same_generation(&map.info, &first));
	CHECK_EQ(map.bytes[6], 1);
	CHECK_EQ(map.bytes[5], 0);
	free(map.bytes);
	REQUIRE_OK(snap_destroy(&id));
	/* It outlives the snapshot, and goes on. */
	REQUIRE(model_write(model, 128 * 9, 1));
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	map = map_read(dev);
	CHECK(same_generation(&map.info, &first));
	CHECK_EQ(map.info.snap_number, 2);
	CHECK_EQ(map.bytes[6], 1);
	CHECK_EQ(map.bytes[9], 2);
	free(map.bytes);
	REQUIRE_OK(snap_destroy(&id));
	REQUIRE_OK(tracker_remove(dev->id));
	CHECK_RESULT(tracker_remove(dev->id), -ENODATA);
	CHECK_RESULT(tracker_find(dev->id, &second), -ENODATA);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(tracker_find(dev->id, &second));
	CHECK(!same_generation(&first, &second));
	CHECK_EQ(second.snap_number, 0);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "geometry", geometry, 60 },
		{ "block_size_follows_parameters", block_size_follows_parameters, 60 },
		{ "tracker_life", tracker_life, 60 },
		{ "superset", superset, 120 },
		{ "superset_on_4k_loop", superset_on_4k_loop, 120 },
		{ "chain", chain, 180 },
		{ "frozen_between_takes", frozen_between_takes, 60 },
		{ "readable_only_while_held", readable_only_while_held, 60 },
		{ "map_offsets", map_offsets, 60 },
		{ "mark_dirty", mark_dirty, 60 },
		{ "marking_nothing_marks_nothing", marking_nothing_marks_nothing, 60 },
		{ "resize", resize, 60 },
		{ "storage_is_not_tracked", storage_is_not_tracked, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
