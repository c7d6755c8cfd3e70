// SPDX-License-Identifier: MIT
/* What requests answer in every state of a snapshot: counts, room, errors, and not a byte more. */
#include <errno.h>
#include <string.h>

#include "module.h"
#include "workload.h"

#define STORAGE 32768
#define POISON 0xaa

static snap_id unknown_id(void)
{
	snap_id id;

	memset(&id, 0x5c, sizeof(id));
	return id;
}

static uint32_t snapshots(void)
{
	uint32_t count = 0;

	REQUIRE_OK(snap_list(NULL, &count));
	return count;
}

/* How many there are, and what happens when they do not fit. */
static void counts_and_room(void)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) }, *storage = dev_storage_disk();
	struct blk_snap_cbt_info infos[4];
	struct blk_snap_image_info images[4];
	snap_id id[2], list[4];
	uint32_t count = 0;

	CHECK_RESULT(tracker_list(NULL, &count), 0);
	CHECK_EQ(count, 0);
	count = 7;
	CHECK_RESULT(snap_list(NULL, &count), 0);
	CHECK_EQ(count, 0);
	REQUIRE_OK(snap_create((dev_id[]){ dev[0]->id, dev[1]->id }, 2, &id[0]));
	REQUIRE_OK(snap_create(&storage->id, 1, &id[1]));

	count = 0;
	CHECK_RESULT(tracker_list(NULL, &count), 0);
	CHECK_EQ(count, 3);
	memset(infos, POISON, sizeof(infos));
	count = 2;
	CHECK_RESULT(tracker_list(infos, &count), -ENOBUFS);
	count = 4;
	CHECK_RESULT(tracker_list(infos, &count), 0);
	CHECK_EQ(count, 3);
	CHECK_EQ(infos[3].blk_size, 0xaaaaaaaa);
	for (unsigned int i = 0; i < 2; i++)
		CHECK(same_device(infos[i].dev_id, dev[i]->id));

	count = 0;
	CHECK_RESULT(snap_list(NULL, &count), 0);
	CHECK_EQ(count, 2);
	memset(list, POISON, sizeof(list));
	count = 1;
	CHECK_RESULT(snap_list(list, &count), -ENODATA);
	CHECK_EQ(count, 1);
	CHECK_EQ(list[1].b[0], POISON);
	count = 4;
	CHECK_RESULT(snap_list(list, &count), 0);
	CHECK_EQ(count, 2);
	CHECK_EQ(list[2].b[0], POISON);

	count = 0;
	CHECK_RESULT(snap_images(&id[0], images, &count), -ENODEV);
	REQUIRE_OK(snap_append_one(&id[0], storage->id, 0, STORAGE));
	REQUIRE_OK(snap_take(&id[0]));
	count = 0;
	CHECK_RESULT(snap_images(&id[0], NULL, &count), 0);
	CHECK_EQ(count, 2);
	memset(images, POISON, sizeof(images));
	count = 1;
	CHECK_RESULT(snap_images(&id[0], images, &count), -ENODATA);
	CHECK_EQ(count, 2);
	CHECK_EQ(images[0].orig_dev_id.mj, 0xaaaaaaaa);
	count = 4;
	CHECK_RESULT(snap_images(&id[0], images, &count), 0);
	CHECK_EQ(count, 2);
	CHECK_EQ(images[2].orig_dev_id.mj, 0xaaaaaaaa);
}

static void extension_counts(void)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) }, *storage = dev_storage_disk();
	struct blk_snap_device_status devices[4];
	struct blk_snap_storage_range ranges[4];
	struct blk_snap_snapshot_status status;
	uint32_t count = 0;
	snap_id id;

	snap_begin(&id, dev, 2, storage, 64, 1000);
	REQUIRE_OK(snap_append_one(&id, storage->id, 4096, 2048));
	CHECK_RESULT(snap_devices(&id, NULL, &count), 0);
	CHECK_EQ(count, 2);
	count = 1;
	CHECK_RESULT(snap_devices(&id, devices, &count), -ENOBUFS);
	CHECK_EQ(count, 2);
	memset(devices, POISON, sizeof(devices));
	count = 4;
	CHECK_RESULT(snap_devices(&id, devices, &count), 0);
	CHECK_EQ(count, 2);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(same_device(devices[i].orig_dev_id, dev[i]->id));
		CHECK(devices[i].image_dev_id.mj);
		CHECK_EQ(devices[i].freeze, blk_snap_freeze_no_fs);
		CHECK_EQ(devices[i].freeze_error, 0);
		CHECK_EQ(devices[i].error, 0);
		CHECK_EQ(devices[i].copied, 0);
		CHECK_EQ(devices[i].unit_size, 4096);
	}
	CHECK_EQ(devices[2].unit_size, 0xaaaaaaaa);
	count = 0;
	CHECK_RESULT(snap_storage(&id, NULL, &count), 0);
	CHECK_EQ(count, 2);
	count = 1;
	CHECK_RESULT(snap_storage(&id, ranges, &count), -ENOBUFS);
	CHECK_EQ(count, 2);
	memset(ranges, POISON, sizeof(ranges));
	count = 4;
	CHECK_RESULT(snap_storage(&id, ranges, &count), 0);
	CHECK_EQ(count, 2);
	CHECK(same_device(ranges[0].dev_id, storage->id));
	CHECK_EQ(ranges[0].sector_offset, 64);
	CHECK_EQ(ranges[0].sector_count, 1000);
	CHECK_EQ(ranges[0].sector_filled, 0);
	CHECK_EQ(ranges[1].sector_offset, 4096);
	CHECK_EQ(ranges[2].sector_offset, 0xaaaaaaaaaaaaaaaaULL);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK_EQ(status.state, blk_snap_state_taken);
	CHECK_EQ(status.device_count, 2);
	CHECK_EQ(status.range_count, 2);
	CHECK_EQ(status.storage_capacity, 3048);
	CHECK_EQ(status.storage_filled, 0);
	CHECK(status.create_time > 0);
	CHECK(status.take_time >= status.create_time);
}

static void unknown_snapshots(void)
{
	struct dev *storage = dev_storage_disk();
	struct blk_snap_snapshot_event event;
	struct blk_snap_snapshot_status status;
	struct blk_snap_image_info image;
	snap_id id = unknown_id(), dead;
	uint32_t count = 1;

	REQUIRE_OK(snap_create(&storage->id, 1, &dead));
	REQUIRE_OK(snap_destroy(&dead));
	for (unsigned int i = 0; i < 2; i++, id = dead) {
		CHECK_RESULT(snap_destroy(&id), -ENODEV);
		CHECK_RESULT(snap_take(&id), -ESRCH);
		CHECK_RESULT(snap_append_one(&id, storage->id, 0, 1024), -ESRCH);
		CHECK_RESULT(snap_images(&id, &image, &count), -ESRCH);
		CHECK_EQ(count, 1);
		CHECK_RESULT(snap_wait(&id, 0, &event), -ESRCH);
		CHECK_RESULT(snap_status(&id, &status), -ESRCH);
		CHECK_RESULT(snap_devices(&id, NULL, &count), -ESRCH);
		CHECK_RESULT(snap_storage(&id, NULL, &count), -ESRCH);
		CHECK_RESULT(snap_hold_file(&id, 0), -ESRCH);
		CHECK_RESULT(snap_set_low_space(&id, 8), -ESRCH);
	}
}

static void states(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	dev_id missing = { 4000, 7 }, odd = { 0xffffffff, 0xffffffff };
	struct blk_snap_snapshot_status status;
	snap_id id, other;
	int result;

	/* No devices. */
	result = snap_create(&dev->id, 0, &id);
	if (result != -EINVAL) {
		CHECK_RESULT(result, 0);
		CHECK_RESULT(snap_take(&id), -ENODEV);
		CHECK_RESULT(snap_destroy(&id), 0);
	}
	/* Devices that are not there. */
	CHECK_RESULT_IN(snap_create(&missing, 1, &id), -ENXIO, -ENODEV);
	CHECK_RESULT_IN(snap_create(&odd, 1, &id), -ENXIO, -ENODEV, -EINVAL);
	CHECK_RESULT_IN(snap_create((dev_id[]){ dev->id, missing }, 2, &id), -ENXIO, -ENODEV);
	CHECK_EQ(snapshots(), 0);
	CHECK_RESULT_IN(tracker_remove(missing), -ENODATA, -ENXIO, -ENODEV, -ENOENT);
	CHECK_RESULT(snap_create((dev_id[]){ dev->id, dev->id }, 2, &id), -EINVAL);

	/* No storage: the take fails, and the snapshot is gone. */
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_status(&id, &status));
	CHECK_EQ(status.state, blk_snap_state_created);
	CHECK_EQ(status.take_time, 0);
	CHECK_RESULT(snap_take(&id), -EFAULT);
	CHECK_RESULT(snap_take(&id), -ESRCH);
	CHECK_RESULT(snap_destroy(&id), -ENODEV);
	CHECK_EQ(snapshots(), 0);

	/* A second take. */
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	CHECK_RESULT(snap_take(&id), -EALREADY);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK_EQ(status.state, blk_snap_state_taken);
	CHECK_RESULT(tracker_remove(dev->id), -EBUSY);
	/* An image of an image is not for this module. */
	image = dev_image(&id, dev);
	CHECK_RESULT(snap_create(&image->id, 1, &other), -EOPNOTSUPP);
	CHECK_EQ(snapshots(), 1);
	dev_close(image);
	/* A created snapshot does not keep the tracker. */
	REQUIRE_OK(snap_destroy(&id));
	CHECK_RESULT(tracker_remove(dev->id), 0);
	CHECK_RESULT(tracker_remove(dev->id), -ENODATA);
}

/* Nothing of the kernel's memory comes out in the gaps of structures. */
static void no_leaks(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct blk_snap_cbt_info info;
	struct blk_snap_tracker_collect collect;
	struct blk_snap_snapshot_status status;
	struct blk_snap_snapshot_event event;
	unsigned char *bytes = (unsigned char *)&info;
	snap_id id;

	snap_begin_one(&id, dev, storage, 0, STORAGE);
	memset(&info, POISON, sizeof(info));
	memset(&collect, POISON, sizeof(collect));
	collect.count = 1;
	collect.cbt_info_array = &info;
	REQUIRE_OK(control(IOCTL_BLK_SNAP_TRACKER_COLLECT, &collect));
	for (unsigned int i = 12; i < 16; i++)
		CHECK_EQ(bytes[i], 0);
	for (unsigned int i = 45; i < 48; i++)
		CHECK_EQ(bytes[i], 0);
	/* Gaps of the argument keep the caller's bytes, or become zero. */
	for (unsigned int i = 4; i < 8; i++) {
		unsigned char byte = ((unsigned char *)&collect)[i];

		CHECK(byte == POISON || byte == 0);
	}
	memset(&status, POISON, sizeof(status));
	status.id = id;
	REQUIRE_OK(control(IOCTL_BLK_SNAP_SNAPSHOT_STATUS, &status));
	CHECK_EQ(status.error, 0);
	CHECK_EQ(status.range_count, 1);
	memset(&event, POISON, sizeof(event));
	event.id = id;
	event.timeout_ms = 0;
	REQUIRE_OK(control(IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT, &event));
	for (size_t i = sizeof(struct blk_snap_event_low_free_space); i < sizeof(event.data); i++)
		if (!CHECK_EQ(event.data[i], 0))
			break;
	/* A failed wait writes nothing. */
	memset(&event, POISON, sizeof(event));
	event.id = id;
	event.timeout_ms = 0;
	CHECK_RESULT(control(IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT, &event), -ENOENT);
	CHECK_EQ(event.code, 0xaaaaaaaa);
	CHECK_EQ(event.data[0], POISON);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "counts_and_room", counts_and_room, 60 },
		{ "extension_counts", extension_counts, 60 },
		{ "unknown_snapshots", unknown_snapshots, 60 },
		{ "states", states, 60 },
		{ "no_leaks", no_leaks, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
