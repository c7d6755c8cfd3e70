// SPDX-License-Identifier: MIT
/*
 * Devices that fail: the image is lost, with the right error and one event, and
 * a write that the device itself takes never fails because of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "module.h"
#include "stored.h"
#include "workload.h"

#define EVENT_MS 10000
#define AREA 8192

static void expect_lost(const snap_id *id, const struct dev *dev, const struct dev *image)
{
	struct blk_snap_snapshot_event event;
	struct blk_snap_snapshot_status status;
	void *buffer = page_alloc(4096);

	if (CHECK_RESULT(wait_for_event(id, blk_snap_event_code_corrupted, EVENT_MS, &event), 0)) {
		CHECK(same_device(event_corrupted(&event).orig_dev_id, dev->id));
		CHECK_EQ(event_corrupted(&event).err_code, EIO);
	}
	CHECK_RESULT(wait_for_event(id, blk_snap_event_code_corrupted, 300, &event), -ENOENT);
	REQUIRE_OK(snap_status(id, &status));
	CHECK_EQ(status.state, blk_snap_state_corrupted);
	CHECK_EQ(status.error, EIO);
	CHECK_RESULT(pread(image->fd, buffer, 4096, MIB) < 0 ? -errno : 0, -EIO);
	free(buffer);
}

/* The old data of a unit cannot be read, but the sector beside the bad one can be written. */
static void original_unreadable(void)
{
	struct dev *dev = dev_null("size=16 blocksize=512"), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, 32768);
	image = dev_image(&id, dev);
	dev_null_break(dev, 800, 1);
	REQUIRE(model_write(model, 803, 2));
	expect_lost(&id, dev, image);
	REQUIRE(model_write(model, 0, 700));
	dev_null_mend(dev, 800, 1);
	check_live(model, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	check_live(model, 0, AREA);
	model_free(model);
}

static void storage_unwritable(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_null("size=16 blocksize=512"), *image;
	struct model *model = model_new(dev);
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, 16384);
	image = dev_image(&id, dev);
	dev_null_break(storage, 1024, 1);
	for (uint64_t s = 0; s < 4096; s += 256)
		REQUIRE(model_write(model, s, 256));
	expect_lost(&id, dev, image);
	REQUIRE(model_write(model, 0, AREA / 2));
	check_live(model, 0, AREA);
	model_free(model);
}

/* Kept data that cannot be read back: an error, never other data. */
static void storage_unreadable(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_null("size=16 blocksize=512"), *image;
	struct model *model = model_new(dev);
	uint64_t before;
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, 16384);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	before = dev_written(storage);
	REQUIRE(model_write(model, 0, 1024));
	wait_stored(&id, storage, before);
	check_image(image, model, seq, 0, AREA);
	dev_null_break(storage, 0, 16384);
	CHECK_RESULT(check_sectors(image->fd, image->path, model->tag, seq, 0, 1024,
				   read_error_allowed), -EIO);
	REQUIRE(model_write(model, 0, AREA));
	check_live(model, 0, AREA);
	free(seq);
	model_free(model);
}

/* A sector of the device that cannot be read cannot be read from its image either. */
static void image_of_bad_sector(void)
{
	struct dev *dev = dev_null("size=16 blocksize=512"), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	void *buffer = page_alloc(4096);
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, 32768);
	image = dev_image(&id, dev);
	dev_null_break(dev, 800, 1);
	CHECK_RESULT(pread(image->fd, buffer, 4096, 800 * SECTOR) < 0 ? -errno : 0, -EIO);
	dev_null_mend(dev, 800, 1);
	check_live(model, 0, AREA);
	free(buffer);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "original_unreadable", original_unreadable, 60 },
		{ "storage_unwritable", storage_unwritable, 60 },
		{ "storage_unreadable", storage_unreadable, 60 },
		{ "image_of_bad_sector", image_of_bad_sector, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
