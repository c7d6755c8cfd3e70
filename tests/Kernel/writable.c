// SPDX-License-Identifier: MIT
/*
 * Images that accept writes (images_writable=1): what is written to the image
 * never reaches the device, and what is written to the device never reaches
 * the image.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define AREA_SECTORS (12 * MIB / SECTOR)
#define STORAGE_SECTORS (48 * MIB / SECTOR)

/* A writable descriptor of the image, and a model that starts as the frozen one. */
static struct model *image_model(const snap_id *id, const struct model *original)
{
	struct dev *read_only = dev_image(id, original->dev), *image;
	struct model *model;

	image = dev_open(read_only->id, O_RDWR | O_DIRECT);
	dev_close(read_only);
	model = model_new(image);
	model->tag = original->tag;
	memcpy(model->seq, original->seq, original->dev->sectors * sizeof(*model->seq));
	return model;
}

static void both_written_on(struct dev *dev, unsigned int rounds)
{
	struct dev *storage = dev_storage_disk();
	struct model *model = model_new(dev), *image;
	struct writer writers[8];
	uint64_t part = AREA_SECTORS / 4;
	snap_id id;

	model_fill(model, 0, AREA_SECTORS);
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
		image = image_model(&id, model);
		/* Both sides write the same places at the same time. */
		for (unsigned int i = 0; i < ARRAY_SIZE(writers); i++) {
			writers[i] = (struct writer){
				.model = i % 2 ? model : image,
				.mode = i / 2 == 3 ? write_single :
					i / 2 == 2 ? write_aio : write_direct,
				.first = i / 2 * part,
				.count = i / 2 == 3 ? 4096 : part,
				.limit = MIB / SECTOR,
				.writes = i / 2 == 3 ? 200 : 40,
				.stride = 1,
				.stream = round * 10 + i,
			};
			worker_start(writer_run, &writers[i]);
		}
		writers_wait(writers, ARRAY_SIZE(writers));
		workers_stop();
		check_live(image, 0, AREA_SECTORS);
		check_live(model, 0, AREA_SECTORS);
		dev_close(image->dev);
		REQUIRE_OK(snap_destroy(&id));
		check_live(model, 0, AREA_SECTORS);
		model_free(image);
	}
	model_free(model);
}

static void both_written(void)
{
	both_written_on(dev_disk(0), 3);
}

static void both_written_4k(void)
{
	both_written_on(dev_loop(16 * MIB, 4096), 1);
}

static void image_is_not_read_only(void)
{
	struct dev *dev = dev_disk(0), *image;
	int read_only = 1;
	snap_id id;

	CHECK_EQ(module_parameter("images_writable"), 1);
	snap_begin_one(&id, dev, dev_storage_disk(), 0, STORAGE_SECTORS);
	image = dev_image(&id, dev);
	CHECK_EQ(ioctl(image->fd, BLKROGET, &read_only), 0);
	CHECK_EQ(read_only, 0);
}

/* A sector written over a unit that was never copied takes its neighbours along. */
static void partial_write_keeps_neighbours(void)
{
	struct dev *dev = dev_disk(0);
	struct model *model = model_new(dev), *image;
	snap_id id;

	model_fill(model, 0, 4096);
	snap_begin_one(&id, dev, dev_storage_disk(), 0, STORAGE_SECTORS);
	image = image_model(&id, model);
	for (uint64_t s = 3; s < 4096; s += 37)
		REQUIRE(model_write(image, s, 1));
	check_live(image, 0, 4096);
	for (uint64_t s = 5; s < 4096; s += 41)
		REQUIRE(model_write(model, s, 1));
	check_live(image, 0, 4096);
	check_live(model, 0, 4096);
	model_free(model);
	model_free(image);
}

/* Written image blocks differ from the device, so an increment must read them again. */
static void image_writes_are_marked(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	struct model *model = model_new(dev), *image;
	struct blk_snap_cbt_info info;
	unsigned char before[128], after[128];
	snap_id id;

	model_fill(model, 0, dev->sectors);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	REQUIRE_OK(snap_destroy(&id));
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	REQUIRE_OK(tracker_find(dev->id, &info));
	REQUIRE(info.blk_count <= sizeof(before));
	CHECK_EQ(tracker_read_map(dev->id, 0, info.blk_count, before), info.blk_count);
	image = image_model(&id, model);
	REQUIRE(model_write(image, 5 * 128 + 1, 1));
	REQUIRE(model_write(image, 9 * 128 - 1, 2));
	CHECK_EQ(tracker_read_map(dev->id, 0, info.blk_count, after), info.blk_count);
	for (uint32_t block = 0; block < info.blk_count; block++) {
		bool written = block == 5 || block == 8 || block == 9;

		if (after[block] != (written ? info.snap_number : before[block]))
			FAIL("block %u: %u before, %u after, number %u", block, before[block],
			     after[block], info.snap_number);
	}
	REQUIRE_OK(snap_destroy(&id));

	/* And the next increment has them too. */
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	CHECK_EQ(tracker_read_map(dev->id, 0, info.blk_count, after), info.blk_count);
	CHECK(after[5] > info.snap_number);
	CHECK(after[8] > info.snap_number);
	CHECK(after[9] > info.snap_number);
	CHECK(after[6] <= info.snap_number);
	model_free(model);
	model_free(image);
}

static void writable_setup(void)
{
	module_setup();
	module_require("images_writable=1");
}

static void writable_cleanup(void)
{
	control_reset();
	devices_release();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "image_is_not_read_only", image_is_not_read_only, 60 },
		{ "partial_write_keeps_neighbours", partial_write_keeps_neighbours, 60 },
		{ "both_written", both_written, 180 },
		{ "both_written_4k", both_written_4k, 120 },
		{ "image_writes_are_marked", image_writes_are_marked, 60 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = writable_setup,
		.cleanup = writable_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
