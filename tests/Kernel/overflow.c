// SPDX-License-Identifier: MIT
/*
 * Difference storage that runs out: to the unit exactly, the image answers EIO,
 * there is one event, and the device itself never notices.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define EVENT_MS 10000
#define QUIET_MS 400

static struct blk_snap_snapshot_status status_of(const snap_id *id)
{
	struct blk_snap_snapshot_status status;

	REQUIRE_OK(snap_status(id, &status));
	return status;
}

static struct blk_snap_device_status device_status(const snap_id *id, const struct dev *dev)
{
	struct blk_snap_device_status list[IMAGES_MAX];
	uint32_t count = ARRAY_SIZE(list);

	REQUIRE_OK(snap_devices(id, list, &count));
	for (uint32_t i = 0; i < count; i++)
		if (same_device(list[i].orig_dev_id, dev->id))
			return list[i];
	FAIL("%s is not in the snapshot", dev->path);
	test_abandon();
}

/* Units of a device, which only a snapshot of it can tell. */
static uint32_t unit_sectors(struct dev *dev, const struct dev *storage)
{
	snap_id id;
	uint32_t unit;

	snap_begin_one(&id, dev, storage, 0, 8 * MIB / SECTOR);
	unit = device_status(&id, dev).unit_size / SECTOR;
	REQUIRE_OK(snap_destroy(&id));
	REQUIRE(unit >= 8 && unit <= 4096);
	return unit;
}

/* Old data may reach the storage after the write that caused it has ended. */
static void wait_until_filled(const snap_id *id, uint64_t sectors)
{
	for (unsigned int tries = 0; tries < 500; tries++) {
		if (status_of(id).storage_filled >= sectors)
			break;
		sleep_ms(10);
	}
	CHECK_EQ(status_of(id).storage_filled, sectors);
}

static void expect_no_corruption(const snap_id *id)
{
	struct blk_snap_snapshot_event event;

	CHECK_RESULT(wait_for_event(id, blk_snap_event_code_corrupted, QUIET_MS, &event),
		     -ENOENT);
	CHECK_EQ(status_of(id).state, blk_snap_state_taken);
	CHECK_EQ(status_of(id).error, 0);
}

/* One event for the device, no second one, and a state that says so. */
static void expect_corruption(const snap_id *id, const struct dev *dev)
{
	struct blk_snap_snapshot_event event;
	int result = wait_for_event(id, blk_snap_event_code_corrupted, EVENT_MS, &event);

	if (CHECK_RESULT(result, 0)) {
		CHECK(same_device(event_corrupted(&event).orig_dev_id, dev->id));
		CHECK_EQ(event_corrupted(&event).err_code, CORRUPTED_ERROR_NO_SPACE);
	}
	CHECK_RESULT(wait_for_event(id, blk_snap_event_code_corrupted, QUIET_MS, &event),
		     -ENOENT);
	CHECK_EQ(status_of(id).state, blk_snap_state_corrupted);
	CHECK_EQ(status_of(id).error, ENOSPC);
	CHECK_EQ(device_status(id, dev).error, ENOSPC);
}

static void expect_image_fails(const struct dev *image)
{
	void *buffer = page_alloc(64 * KIB);
	static const uint64_t places[] = { 0, 5, 16, 400, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t size = i % 2 ? image->block : 64 * KIB;
		uint64_t at = places[i] * SECTOR / image->block * image->block;
		ssize_t got = pread(image->fd, buffer, size, at);

		CHECK_RESULT(got < 0 ? -errno : got, -EIO);
	}
	/* What was never copied fails too: it will change sooner or later. */
	CHECK(pread(image->fd, buffer, image->block, image->sectors * SECTOR - image->block) < 0);
	free(buffer);
}

/* Touches units that are not neighbours, one sector each. */
static void touch_units(struct model *model, uint32_t unit, uint32_t from, uint32_t count)
{
	uint32_t grain = model->dev->block / SECTOR, inside = unit / 2 / grain * grain;

	for (uint32_t i = from; i < from + count; i++)
		REQUIRE(model_write(model, (uint64_t)i * 2 * unit + inside, grain));
}

static void exhaust(struct dev *dev, unsigned int ranges)
{
	enum { units = 40 };
	struct dev *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	uint32_t unit = unit_sectors(dev, storage);
	uint64_t area = (uint64_t)unit * 2 * (units + 4);
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, area);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	for (unsigned int i = 0; i < ranges; i++)
		REQUIRE_OK(snap_append_one(&id, storage->id, i * 100 * unit,
					   units / ranges * unit));
	CHECK_EQ(status_of(&id).storage_capacity, units * unit);
	REQUIRE_OK(snap_take(&id));
	seq = model_freeze(model);
	image = dev_image(&id, dev);

	/* One unit before. */
	touch_units(model, unit, 0, units - 1);
	wait_until_filled(&id, (units - 1) * unit);
	check_image(image, model, seq, 0, area);
	expect_no_corruption(&id);

	/* Exactly. */
	touch_units(model, unit, units - 1, 1);
	wait_until_filled(&id, units * unit);
	CHECK_EQ(status_of(&id).storage_capacity, units * unit);
	CHECK_EQ(device_status(&id, dev).copied, units * unit);
	check_image(image, model, seq, 0, area);
	expect_no_corruption(&id);
	/* Units that are copied may be written again. */
	touch_units(model, unit, 0, units);
	check_image(image, model, seq, 0, area);
	expect_no_corruption(&id);

	/* One unit after. */
	touch_units(model, unit, units, 1);
	expect_corruption(&id, dev);
	expect_image_fails(image);
	check_live(model, 0, area);

	/* Too late. */
	REQUIRE_OK(snap_append_one(&id, storage->id, 100000, 100 * unit));
	expect_image_fails(image);
	touch_units(model, unit, 0, units + 4);
	check_live(model, 0, area);
	CHECK_EQ(status_of(&id).state, blk_snap_state_corrupted);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	check_live(model, 0, area);
	free(seq);

	/* And the next one is a good one. */
	snap_begin_one(&id, dev, storage, 0, 8 * MIB / SECTOR);
	seq = model_freeze(model);
	touch_units(model, unit, 0, units);
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, area);
	expect_no_corruption(&id);
	free(seq);
	model_free(model);
}

static void exact_on_disk(void)
{
	exhaust(dev_disk(0), 1);
}

static void exact_over_ranges(void)
{
	exhaust(dev_disk(0), 8);
}

static void exact_on_4k(void)
{
	exhaust(dev_loop(8 * MIB, 4096), 2);
}

static void exact_with_large_units(void)
{
	module_require("chunk_minimum_shift=20");
	exhaust(dev_disk(0), 1);
}

/* Many writers and readers while it runs out: nobody's write fails, no reader sees wrong data. */
static void under_load(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	uint64_t area = 16 * MIB / SECTOR, part = area / 4;
	struct writer writers[4];
	struct reader readers[2];
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, area);
	snap_begin_one(&id, dev, storage, 0, 3 * MIB / SECTOR);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	for (unsigned int i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader){ .image = image, .model = model, .seq = seq,
					      .count = area, .sequential = i == 0,
					      .errors = read_error_allowed, .stream = i };
		worker_start(reader_run, &readers[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(writers); i++) {
		writers[i] = (struct writer){ .model = model, .first = i * part, .count = part,
					      .mode = (enum write_mode[]){ write_direct, write_aio,
						      write_buffered, write_nowait }[i],
					      .limit = 512, .writes = 48, .stream = 10 + i };
		worker_start(writer_run, &writers[i]);
	}
	writers_wait(writers, ARRAY_SIZE(writers));
	expect_corruption(&id, dev);
	sleep_ms(100);
	workers_stop();
	CHECK(readers[0].errors_seen + readers[1].errors_seen > 0);
	expect_image_fails(image);
	check_live(model, 0, area);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	check_live(model, 0, area);
	free(seq);
	model_free(model);
}

/* One write that needs more than there is left. */
static void by_one_large_write(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	snap_id id;

	model_fill(model, 0, 8192);
	snap_begin_one(&id, dev, storage, 0, 1024);
	image = dev_image(&id, dev);
	REQUIRE(model_write(model, 3, 8000));
	expect_corruption(&id, dev);
	expect_image_fails(image);
	check_live(model, 0, 8192);
	model_free(model);
}

/* Storage that cannot hold a single unit. */
static void ranges_below_a_unit(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	uint32_t unit = unit_sectors(dev, storage);
	struct model *model = model_new(dev);
	snap_id id;

	model_fill(model, 0, 4096);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	for (unsigned int i = 0; i < 20; i++)
		REQUIRE_OK(snap_append_one(&id, storage->id, i * 2 * unit, unit - 1));
	REQUIRE_OK(snap_take(&id));
	touch_units(model, unit, 0, 1);
	expect_corruption(&id, dev);
	check_live(model, 0, 4096);
	model_free(model);
}

/* Each device of a snapshot is lost for itself, when it needs what is not there. */
static void device_by_device(void)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) }, *storage = dev_storage_disk();
	struct dev *image[2];
	struct model *model[2];
	uint32_t unit = unit_sectors(dev[0], storage), *seq[2];
	struct blk_snap_snapshot_event event;
	snap_id id;

	for (unsigned int i = 0; i < 2; i++) {
		model[i] = model_new(dev[i]);
		model_fill(model[i], 0, 8192);
	}
	snap_begin(&id, dev, 2, storage, 0, 16 * unit);
	for (unsigned int i = 0; i < 2; i++) {
		seq[i] = model_freeze(model[i]);
		image[i] = dev_image(&id, dev[i]);
	}
	touch_units(model[1], unit, 0, 4);
	touch_units(model[0], unit, 0, 13);
	expect_corruption(&id, dev[0]);
	expect_image_fails(image[0]);
	CHECK_EQ(device_status(&id, dev[1]).error, 0);
	check_image(image[1], model[1], seq[1], 0, 8192);

	touch_units(model[1], unit, 4, 3);
	if (CHECK_RESULT(wait_for_event(&id, blk_snap_event_code_corrupted, EVENT_MS, &event), 0))
		CHECK(same_device(event_corrupted(&event).orig_dev_id, dev[1]->id));
	CHECK_RESULT(wait_for_event(&id, blk_snap_event_code_corrupted, QUIET_MS, &event),
		     -ENOENT);
	expect_image_fails(image[1]);
	for (unsigned int i = 0; i < 2; i++) {
		check_live(model[i], 0, 8192);
		free(seq[i]);
		model_free(model[i]);
	}
}

/* A corrupted snapshot does not end the tracking of changes. */
static void tracking_goes_on(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct blk_snap_cbt_info before, after;
	unsigned char map[128];
	snap_id id;

	model_fill(model, 0, dev->sectors);
	snap_begin_one(&id, dev, storage, 0, 1024);
	REQUIRE_OK(tracker_find(dev->id, &before));
	model_fill(model, 0, 4096);
	expect_corruption(&id, dev);
	model_fill(model, 8192, 1280);
	REQUIRE_OK(snap_destroy(&id));
	snap_begin_one(&id, dev, storage, 0, 1024);
	REQUIRE_OK(tracker_find(dev->id, &after));
	CHECK(same_id(&before.generation_id, &after.generation_id));
	CHECK_EQ(tracker_read_map(dev->id, 0, 128, map), 128);
	for (unsigned int b = 0; b < 128; b++) {
		bool written = b < 32 || (b >= 64 && b < 74);

		if ((map[b] > before.snap_number) != written)
			FAIL("block %u is %u", b, map[b]);
	}
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "exact_on_disk", exact_on_disk, 90 },
		{ "exact_over_ranges", exact_over_ranges, 90 },
		{ "exact_on_4k", exact_on_4k, 90 },
		{ "exact_with_large_units", exact_with_large_units, 90 },
		{ "under_load", under_load, 120 },
		{ "by_one_large_write", by_one_large_write, 60 },
		{ "ranges_below_a_unit", ranges_below_a_unit, 60 },
		{ "device_by_device", device_by_device, 60 },
		{ "tracking_goes_on", tracking_goes_on, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
