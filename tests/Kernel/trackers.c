// SPDX-License-Identifier: MIT
/* Trackers: what they say about their device, when their map can be read, and marking by hand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "changemap.h"
#include "module.h"
#include "workload.h"

#define STORAGE_SECTORS (48 * MIB / SECTOR)

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

/*
 * A disk that shows less of itself for a while, as one does that is rescanned when it does not answer. Nothing was taken
 * meanwhile, so that the map goes on: with all that is written afterwards.
 */
static void smaller_for_a_while(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	uint64_t sectors = dev->sectors;
	struct map old, map;
	snap_id id;

	model_fill(model, 0, sectors);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	old = map_read(dev);
	REQUIRE_OK(snap_destroy(&id));
	dev_loop_resize(dev, 2 * MIB);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_destroy(&id));
	dev_loop_resize(dev, 8 * MIB);
	model_fill(model, sectors - 64, 64);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	map = map_read(dev);
	CHECK(same_generation(&map.info, &old.info));
	CHECK_EQ(map.bytes[map.info.blk_count - 1], map.info.snap_number);
	CHECK_EQ(map.bytes[map.info.blk_count - 2], 0);
	free(old.bytes);
	free(map.bytes);
	model_free(model);
}

/* One of the devices is another snapshot's: none of the others begins to be tracked. */
static void nothing_of_a_refused_create(void)
{
	struct dev *held = dev_disk(0), *other = dev_disk(1), *storage = dev_storage_disk();
	dev_id ids[] = { other->id, held->id };
	struct blk_snap_cbt_info info;
	snap_id id, refused;

	snap_begin_one(&id, held, storage, 0, STORAGE_SECTORS);
	CHECK_RESULT(snap_create(ids, 2, &refused), -EALREADY);
	CHECK_RESULT(tracker_find(other->id, &info), -ENODATA);
	CHECK_RESULT(tracker_find(held->id, &info), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "geometry", geometry, 60 },
		{ "block_size_follows_parameters", block_size_follows_parameters, 60 },
		{ "tracker_life", tracker_life, 60 },
		{ "readable_only_while_held", readable_only_while_held, 60 },
		{ "map_offsets", map_offsets, 60 },
		{ "mark_dirty", mark_dirty, 60 },
		{ "marking_nothing_marks_nothing", marking_nothing_marks_nothing, 60 },
		{ "resize", resize, 60 },
		{ "smaller_for_a_while", smaller_for_a_while, 60 },
		{ "nothing_of_a_refused_create", nothing_of_a_refused_create, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
