// SPDX-License-Identifier: MIT
/* Requests that change a device without data: discard, zeroes, secure erase. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define AREA 32768
#define STORAGE 65536

/* In sectors: a block, a unit, off its borders, chunks, off their borders, a lot. */
static const struct { uint64_t first, count; } places[] = {
	{ 0, 1 }, { 16, 8 }, { 131, 3 }, { 509, 7 }, { 1024, 512 }, { 2047, 1026 },
	{ 4000, 4321 }, { 10000, 20000 },
};

static int range_ioctl(const struct dev *dev, unsigned long request, uint64_t first,
		       uint64_t count)
{
	uint64_t bytes[2] = { first * SECTOR, count * SECTOR };

	return ioctl(dev->fd, request, bytes) ? -errno : 0;
}

static int range_fallocate(const struct dev *dev, int mode, uint64_t first, uint64_t count)
{
	return fallocate(dev->fd, mode, first * SECTOR, count * SECTOR) ? -errno : 0;
}

static uint64_t queue_limit(const struct dev *dev, const char *name)
{
	char path[128];
	unsigned long long value = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/%s", dev->id.mj, dev->id.mn, name);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%llu", &value) != 1)
			value = 0;
		fclose(file);
	}
	return value;
}

/* Sectors widened to the blocks of the device. */
static void widen(const struct dev *dev, uint64_t *first, uint64_t *count)
{
	uint64_t grain = dev->block / SECTOR, end = *first + *count;

	*first -= *first % grain;
	*count = (end + grain - 1) / grain * grain - *first;
}

enum operation { op_discard, op_zeroout, op_punch_hole, op_zero_range, op_secure_discard };

static int operate(const struct dev *dev, enum operation operation, uint64_t first, uint64_t count)
{
	switch (operation) {
	case op_discard:
		return range_ioctl(dev, BLKDISCARD, first, count);
	case op_zeroout:
		return range_ioctl(dev, BLKZEROOUT, first, count);
	case op_punch_hole:
		return range_fallocate(dev, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first,
				       count);
	case op_zero_range:
		return range_fallocate(dev, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, first,
				       count);
	case op_secure_discard:
		return range_ioctl(dev, BLKSECDISCARD, first, count);
	}
	return -EINVAL;
}

/* Zeroes become zero on the device, and the image keeps what was there. */
static void zeroes_on(struct dev *dev, enum operation operation)
{
	struct dev *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t first = places[i].first, count = places[i].count;
		int result;

		widen(dev, &first, &count);
		result = operate(dev, operation, first, count);
		if (result == -EOPNOTSUPP && operation == op_punch_hole)
			test_skip("%s does not punch holes", dev->path);
		REQUIRE_OK(result);
		model_zeroed(model, first, count);
		check_live(model, 0, AREA);
		check_image(image, model, seq, 0, AREA);
	}
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	check_live(model, 0, AREA);

	/* All of it changed, so the next map has it. */
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct blk_snap_cbt_info info;
		unsigned char byte;
		uint32_t block;

		REQUIRE_OK(tracker_find(dev->id, &info));
		block = (places[i].first + places[i].count - 1) * SECTOR / info.blk_size;
		CHECK_EQ(tracker_read_map(dev->id, block, 1, &byte), 1);
		CHECK_EQ(byte, 2);
	}
	free(seq);
	model_free(model);
}

static void zeroout_disk(void)
{
	zeroes_on(dev_disk(0), op_zeroout);
}

static void zeroout_loop(void)
{
	zeroes_on(dev_loop(AREA * SECTOR + 512, 512), op_zeroout);
}

static void zeroout_4k(void)
{
	zeroes_on(dev_loop(AREA * SECTOR, 4096), op_zeroout);
}

static void zero_range_loop(void)
{
	zeroes_on(dev_loop(AREA * SECTOR, 512), op_zero_range);
}

static void punch_hole_loop(void)
{
	zeroes_on(dev_loop(AREA * SECTOR, 512), op_punch_hole);
}

static void punch_hole_disk(void)
{
	zeroes_on(dev_disk(0), op_punch_hole);
}

/*
 * A discard on a device that is held is a hint that is not taken: it succeeds,
 * nothing changes, nothing is marked, nothing has to be copied.
 */
static void discard_on(struct dev *dev)
{
	struct dev *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct blk_snap_snapshot_status status;
	uint32_t *seq;
	snap_id id;

	if (!queue_limit(dev, "discard_max_bytes"))
		test_skip("%s takes no discards", dev->path);
	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t first = places[i].first, count = places[i].count;

		widen(dev, &first, &count);
		CHECK_RESULT(operate(dev, op_discard, first, count), 0);
		check_live(model, 0, AREA);
		check_image(image, model, seq, 0, AREA);
	}
	CHECK_RESULT(operate(dev, op_discard, 0, dev->sectors), 0);
	check_live(model, 0, AREA);
	check_image(image, model, seq, 0, AREA);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK_EQ(status.storage_filled, 0);
	/* Writes over discarded sectors are writes. */
	REQUIRE(model_write(model, 4096, 1000));
	check_live(model, 0, AREA);
	check_image(image, model, seq, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));

	snap_begin_one(&id, dev, storage, 0, STORAGE);
	for (uint32_t block = 0; block < AREA / 128; block++) {
		unsigned char byte;

		CHECK_EQ(tracker_read_map(dev->id, block, 1, &byte), 1);
		if ((byte == 2) != (block >= 32 && block <= 39))
			FAIL("block %u is %u", block, byte);
	}
	free(seq);
	model_free(model);
}

static void discard_disk(void)
{
	discard_on(dev_disk(0));
}

static void discard_loop(void)
{
	discard_on(dev_loop(AREA * SECTOR, 512));
}

static void discard_null(void)
{
	discard_on(dev_null("size=16 discard=1"));
}

/* When nobody holds the device a discard does its work, and is a change. */
static void discard_while_only_tracked(void)
{
	struct dev *dev = dev_loop(AREA * SECTOR, 512), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	unsigned char map[AREA / 128];
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	REQUIRE_OK(snap_destroy(&id));
	CHECK_RESULT(operate(dev, op_discard, 1280, 2560), 0);
	model_zeroed(model, 1280, 2560); /* a loop device in memory forgets */
	check_live(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	CHECK_EQ(tracker_read_map(dev->id, 0, sizeof(map), map), sizeof(map));
	for (unsigned int b = 0; b < sizeof(map); b++)
		if ((map[b] == 2) != (b >= 10 && b < 30))
			FAIL("block %u is %u", b, map[b]);
	image = dev_image(&id, dev);
	check_image(image, model, model->seq, 0, AREA);
	model_free(model);
}

static void secure_discard(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t first = places[i].first, count = places[i].count;
		int result = operate(dev, op_secure_discard, first, count);

		if (result == -EOPNOTSUPP)
			test_skip("%s does not erase securely", dev->path);
		CHECK_RESULT(result, 0);
		check_image(image, model, seq, 0, AREA);
	}
	free(seq);
	model_free(model);
}

/* Zeroing more than fits into the storage loses the image, not the zeroes. */
static void zeroout_beyond_the_storage(void)
{
	struct dev *dev = dev_loop(AREA * SECTOR, 512), *storage = dev_storage_disk(), *image;
	struct blk_snap_snapshot_event event;
	struct model *model = model_new(dev);
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, 4096);
	image = dev_image(&id, dev);
	CHECK_RESULT(operate(dev, op_zeroout, 0, AREA), 0);
	model_zeroed(model, 0, AREA);
	check_live(model, 0, AREA);
	CHECK_RESULT(wait_for_event(&id, blk_snap_event_code_corrupted, 10000, &event), 0);
	CHECK(pread(image->fd, page_alloc(4096), 4096, 0) < 0);
	model_free(model);
}

static void *zero_again_and_again(void *argument)
{
	struct model *model = argument;
	struct rng rng;

	rng_init(&rng, 71);
	for (unsigned int i = 0; i < 40; i++) {
		uint64_t first, count;

		pick_extent(&rng, AREA / 2, AREA / 2, 8192, model->dev->block, &first, &count);
		CHECK_RESULT(operate(model->dev, i % 4 ? op_zeroout : op_discard, first, count), 0);
		if (i % 4)
			model_zeroed(model, first, count);
	}
	return NULL;
}

/* Zeroes and discards beside writes, the image read meanwhile. */
static void mixed_with_writes(void)
{
	struct dev *dev = dev_loop(AREA * SECTOR, 512), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct writer writer = { .model = model, .mode = write_aio, .count = AREA / 2,
				 .limit = 512, .writes = 160, .stream = 72 };
	struct reader reader;
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	reader = (struct reader){ .image = image, .model = model, .seq = seq, .count = AREA,
				  .stream = 73 };
	worker_start(reader_run, &reader);
	worker_start(writer_run, &writer);
	zero_again_and_again(model);
	writers_wait(&writer, 1);
	workers_stop();
	check_image(image, model, seq, 0, AREA);
	check_live(model, 0, AREA);
	free(seq);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "zeroout_disk", zeroout_disk, 90 },
		{ "zeroout_loop", zeroout_loop, 90 },
		{ "zeroout_4k", zeroout_4k, 90 },
		{ "zero_range_loop", zero_range_loop, 90 },
		{ "punch_hole_loop", punch_hole_loop, 90 },
		{ "punch_hole_disk", punch_hole_disk, 90 },
		{ "discard_disk", discard_disk, 90 },
		{ "discard_loop", discard_loop, 90 },
		{ "discard_null", discard_null, 90 },
		{ "discard_while_only_tracked", discard_while_only_tracked, 60 },
		{ "secure_discard", secure_discard, 60 },
		{ "zeroout_beyond_the_storage", zeroout_beyond_the_storage, 60 },
		{ "mixed_with_writes", mixed_with_writes, 90 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
