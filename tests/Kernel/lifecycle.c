// SPDX-License-Identifier: MIT
/* Loading and unloading, and devices that go away. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define AREA 8192
#define STORAGE 65536

/* I/O runs on tracked devices while the module comes and goes under it. */
static void load_unload_with_io(void)
{
	struct dev *dev[] = { dev_disk(0), dev_loop(8 * MIB, 512) }, *storage = dev_storage_disk();
	enum { count = ARRAY_SIZE(dev), rounds = 20 };
	struct model *model[count];
	struct writer writers[count];
	snap_id id;

	for (unsigned int i = 0; i < count; i++) {
		model[i] = model_new(dev[i]);
		model_fill(model[i], 0, AREA);
		writers[i] = (struct writer){ .model = model[i],
					      .mode = i % 2 ? write_direct : write_aio,
					      .count = AREA, .limit = 128, .stream = i };
		worker_start(writer_run, &writers[i]);
	}
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		/* Trackers are what stays; sometimes they are in the middle of a life. */
		snap_begin(&id, dev, count, storage, 0, STORAGE);
		sleep_ms(10);
		REQUIRE_OK(snap_destroy(&id));
		if (round % 4 == 3)
			REQUIRE_OK(tracker_remove(dev[0]->id));
		REQUIRE_OK(module_unload());
		CHECK(!module_loaded());
		CHECK(access("/dev/blksnap", F_OK) != 0);
		REQUIRE_OK(module_load(""));
	}
	workers_stop();
	for (unsigned int i = 0; i < count; i++) {
		CHECK(writers[i].done > 0);
		check_live(model[i], 0, AREA);
		model_free(model[i]);
	}
}

static void expect_unload_refused(void)
{
	int result = module_unload();

	CHECK_RESULT_IN(result, -EBUSY, -EAGAIN);
	if (!result)
		REQUIRE_OK(module_load(""));
	REQUIRE_OK(control_open());
}

static void unload_refused_while_used(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	snap_id id;

	model_fill(model, 0, AREA);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	expect_unload_refused();
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE));
	REQUIRE_OK(snap_take(&id));
	expect_unload_refused();
	image = dev_image(&id, dev);
	expect_unload_refused();
	check_image(image, model, model->seq, 0, AREA);
	/* An image that is still open when its snapshot ends. */
	REQUIRE_OK(snap_destroy(&id));
	CHECK(pread(image->fd, page_alloc(4096), 4096, 0) <= 0);
	dev_close(image);
	/* Trackers alone do not keep the module. */
	REQUIRE_OK(module_unload());
	check_live(model, 0, AREA);
	REQUIRE_OK(module_load(""));
	model_free(model);
}

/* A destroy does not wait for those who read the image; they get errors from then on. */
static void image_vanishes_under_readers(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct reader readers[3];
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	for (unsigned int round = 0; round < 6; round++) {
		struct dev *image;
		int fd;

		snap_begin_one(&id, dev, storage, 0, STORAGE);
		seq = model_freeze(model);
		image = dev_image(&id, dev);
		for (unsigned int i = 0; i < ARRAY_SIZE(readers); i++) {
			readers[i] = (struct reader){ .image = image, .model = model, .seq = seq,
						      .count = AREA, .sequential = i == 0,
						      .buffered = i == 2,
						      .errors = read_error_allowed, .stream = i };
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(readers); i++)
			worker_start(reader_run, &readers[i]);
		sleep_ms(30);
		REQUIRE(model_write(model, round * 512, 512));
		REQUIRE_OK(snap_destroy(&id));
		workers_stop();
		/* The device is free and the node is gone. */
		fd = open(image->path, O_RDONLY | O_CLOEXEC);
		CHECK(fd < 0);
		dev_close(image);
		free(seq);
	}
	check_live(model, 0, AREA);
	model_free(model);
}

/* A device that goes away: what is left of it is a name in the list. */
static void after_removal(dev_id gone, bool maybe_back)
{
	struct blk_snap_cbt_info info;
	struct dev *other = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(other);
	int result;
	snap_id id;

	result = tracker_find(gone, &info);
	CHECK_RESULT_IN(result, 0, -ENODATA);
	if (!result && !maybe_back) {
		CHECK_EQ(info.blk_count, 0);
		CHECK_EQ(info.device_capacity, 0);
	}
	/* Others are not disturbed. */
	model_fill(model, 0, 1024);
	snap_begin_one(&id, other, storage, 0, STORAGE);
	image = dev_image(&id, other);
	check_image(image, model, model->seq, 0, 1024);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	CHECK_RESULT_IN(tracker_remove(gone), 0, -ENODATA);
	CHECK_RESULT(tracker_find(gone, &info), -ENODATA);
	model_free(model);
}

static void track(struct dev *dev, bool hold, snap_id *id)
{
	struct model *model = model_new(dev);

	model_fill(model, 0, AREA);
	snap_begin_one(id, dev, dev_storage_disk(), 2 * STORAGE, STORAGE);
	model_fill(model, 0, AREA / 2);
	if (!hold)
		REQUIRE_OK(snap_destroy(id));
	model_free(model);
}

static void loop_detached(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512);
	dev_id id = dev->id;
	snap_id snapshot;

	track(dev, false, &snapshot);
	dev_close(dev);
	after_removal(id, true);
}

static void zram_removed(void)
{
	struct dev *dev = dev_zram(8 * MIB);
	dev_id id = dev->id;
	snap_id snapshot;

	track(dev, false, &snapshot);
	dev_close(dev);
	after_removal(id, false);
}

static void delete_scsi(struct dev *dev)
{
	REQUIRE_EQ(command("echo 1 > /sys/block/%s/device/delete", strrchr(dev->path, '/') + 1), 0);
}

static void scsi_removed(void)
{
	struct dev *dev = dev_scsi("dev_size_mb=16 delay=0");
	dev_id id = dev->id;
	snap_id snapshot;

	track(dev, false, &snapshot);
	delete_scsi(dev);
	after_removal(id, false);
}

/* Under a snapshot: its image may fail, nothing may hang, and all can be cleared away. */
static void scsi_removed_while_held(void)
{
	struct dev *dev = dev_scsi("dev_size_mb=16 delay=0"), *image;
	void *buffer = page_alloc(MIB);
	dev_id id = dev->id;
	snap_id snapshot;

	track(dev, true, &snapshot);
	image = dev_image(&snapshot, dev);
	delete_scsi(dev);
	for (unsigned int i = 0; i < 8; i++) {
		ssize_t got = pread(image->fd, buffer, MIB, i * MIB);

		CHECK(got == (ssize_t)MIB || got < 0);
	}
	CHECK(pwrite(dev->fd, buffer, 4096, 0) < 0);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&snapshot));
	after_removal(id, false);
	free(buffer);
}

/* The storage goes away: the image is lost, the device goes on. */
static void storage_removed(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_scsi("dev_size_mb=16 delay=0");
	struct model *model = model_new(dev);
	struct blk_snap_snapshot_event event;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, 32768);
	REQUIRE(model_write(model, 0, 64));
	delete_scsi(storage);
	for (uint64_t s = 0; s < AREA; s += 1024)
		REQUIRE(model_write(model, s, 512));
	CHECK_RESULT(wait_for_event(&id, blk_snap_event_code_corrupted, 10000, &event), 0);
	check_live(model, 0, AREA);
	REQUIRE_OK(snap_destroy(&id));
	check_live(model, 0, AREA);
	model_free(model);
}

/* A device with the number of one that is gone is another device. */
static void number_used_again(void)
{
	struct blk_snap_cbt_info first, second;
	struct dev *dev, *storage = dev_storage_disk();
	dev_id number;
	snap_id id;

	dev = dev_zram(8 * MIB);
	number = dev->id;
	track(dev, false, &id);
	REQUIRE_OK(tracker_find(number, &first));
	dev_close(dev);
	dev = dev_zram(8 * MIB);
	if (!same_device(dev->id, number))
		test_skip("the number is not used again");
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	REQUIRE_OK(tracker_find(number, &second));
	CHECK(!same_id(&first.generation_id, &second.generation_id));
	CHECK_EQ(second.snap_number, 1);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "load_unload_with_io", load_unload_with_io, 180 },
		{ "unload_refused_while_used", unload_refused_while_used, 60 },
		{ "image_vanishes_under_readers", image_vanishes_under_readers, 90 },
		{ "loop_detached", loop_detached, 60 },
		{ "zram_removed", zram_removed, 60 },
		{ "scsi_removed", scsi_removed, 60 },
		{ "scsi_removed_while_held", scsi_removed_while_held, 90 },
		{ "storage_removed", storage_removed, 60 },
		{ "number_used_again", number_used_again, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
