// SPDX-License-Identifier: MIT
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness.h"

static int node = -1;

int control_open(void)
{
	/* The node of a module that was just loaded may take a moment. */
	for (int tries = 0; node < 0 && tries < 50; tries++) {
		node = open(BLK_SNAP_CTL, O_RDWR | O_CLOEXEC);
		if (node < 0 && errno != ENOENT)
			break;
		if (node < 0)
			sleep_ms(20);
	}
	return node < 0 ? -errno : 0;
}

void control_close(void)
{
	if (node >= 0)
		close(node);
	node = -1;
}

int control_fd(void)
{
	return node;
}

int control(unsigned long request, void *argument)
{
	int result = ioctl(node, request, argument);

	return result < 0 ? -errno : result;
}

int snap_create(const dev_id *devices, uint32_t count, snap_id *id)
{
	struct blk_snap_snapshot_create argument = {
		.count = count,
		.dev_id_array = (dev_id *)devices,
	};
	int result = control(IOCTL_BLK_SNAP_SNAPSHOT_CREATE, &argument);

	*id = argument.id;
	return result;
}

int snap_append(const snap_id *id, dev_id device, const range *ranges, uint32_t count)
{
	struct blk_snap_snapshot_append_storage argument = {
		.id = *id,
		.dev_id = device,
		.count = count,
		.ranges = (range *)ranges,
	};

	return control(IOCTL_BLK_SNAP_SNAPSHOT_APPEND_STORAGE, &argument);
}

int snap_append_one(const snap_id *id, dev_id device, uint64_t offset, uint64_t count)
{
	range one = { offset, count };

	return snap_append(id, device, &one, 1);
}

int snap_take(const snap_id *id)
{
	struct blk_snap_snapshot_take argument = { .id = *id };

	return control(IOCTL_BLK_SNAP_SNAPSHOT_TAKE, &argument);
}

int snap_destroy(const snap_id *id)
{
	struct blk_snap_snapshot_destroy argument = { .id = *id };

	return control(IOCTL_BLK_SNAP_SNAPSHOT_DESTROY, &argument);
}

int snap_list(snap_id *ids, uint32_t *count)
{
	struct blk_snap_snapshot_collect argument = { .count = *count, .ids = ids };
	int result = control(IOCTL_BLK_SNAP_SNAPSHOT_COLLECT, &argument);

	*count = argument.count;
	return result;
}

int snap_images(const snap_id *id, struct blk_snap_image_info *images, uint32_t *count)
{
	struct blk_snap_snapshot_collect_images argument = {
		.id = *id,
		.count = *count,
		.image_info_array = images,
	};
	int result = control(IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_IMAGES, &argument);

	*count = argument.count;
	return result;
}

int snap_wait(const snap_id *id, uint32_t timeout_ms, struct blk_snap_snapshot_event *event)
{
	memset(event, 0, sizeof(*event));
	event->id = *id;
	event->timeout_ms = timeout_ms;
	return control(IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT, event);
}

int snap_status(const snap_id *id, struct blk_snap_snapshot_status *status)
{
	memset(status, 0, sizeof(*status));
	status->id = *id;
	return control(IOCTL_BLK_SNAP_SNAPSHOT_STATUS, status);
}

int snap_devices(const snap_id *id, struct blk_snap_device_status *devices, uint32_t *count)
{
	struct blk_snap_snapshot_collect_devices argument = {
		.id = *id,
		.count = *count,
		.devices = (uintptr_t)devices,
	};
	int result = control(IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_DEVICES, &argument);

	*count = argument.count;
	return result;
}

int snap_storage(const snap_id *id, struct blk_snap_storage_range *ranges, uint32_t *count)
{
	struct blk_snap_snapshot_collect_storage argument = {
		.id = *id,
		.count = *count,
		.ranges = (uintptr_t)ranges,
	};
	int result = control(IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_STORAGE, &argument);

	*count = argument.count;
	return result;
}

int snap_hold_file(const snap_id *id, int fd)
{
	struct blk_snap_snapshot_hold_file argument = { .id = *id, .fd = fd };

	return control(IOCTL_BLK_SNAP_SNAPSHOT_HOLD_FILE, &argument);
}

int snap_set_low_space(const snap_id *id, uint64_t sectors)
{
	struct blk_snap_snapshot_set_low_space argument = { .id = *id, .sectors = sectors };

	return control(IOCTL_BLK_SNAP_SNAPSHOT_SET_LOW_SPACE, &argument);
}

int tracker_list(struct blk_snap_cbt_info *infos, uint32_t *count)
{
	struct blk_snap_tracker_collect argument = { .count = *count, .cbt_info_array = infos };
	int result = control(IOCTL_BLK_SNAP_TRACKER_COLLECT, &argument);

	*count = argument.count;
	return result;
}

int tracker_find(dev_id device, struct blk_snap_cbt_info *info)
{
	struct blk_snap_cbt_info infos[64];
	uint32_t count = ARRAY_SIZE(infos);
	int result = tracker_list(infos, &count);

	if (result)
		return result;
	for (uint32_t i = 0; i < count; i++) {
		if (same_device(infos[i].dev_id, device)) {
			*info = infos[i];
			return 0;
		}
	}
	return -ENODATA;
}

int tracker_read_map(dev_id device, uint32_t offset, uint32_t length, void *buffer)
{
	struct blk_snap_tracker_read_cbt_bitmap argument = {
		.dev_id = device,
		.offset = offset,
		.length = length,
		.buff = buffer,
	};

	return control(IOCTL_BLK_SNAP_TRACKER_READ_CBT_MAP, &argument);
}

int tracker_mark(dev_id device, const range *ranges, uint32_t count)
{
	struct blk_snap_tracker_mark_dirty_blocks argument = {
		.dev_id = device,
		.count = count,
		.dirty_blocks_array = (range *)ranges,
	};

	return control(IOCTL_BLK_SNAP_TRACKER_MARK_DIRTY_BLOCKS, &argument);
}

int tracker_remove(dev_id device)
{
	struct blk_snap_tracker_remove argument = { .dev_id = device };

	return control(IOCTL_BLK_SNAP_TRACKER_REMOVE, &argument);
}

bool same_device(dev_id a, dev_id b)
{
	return a.mj == b.mj && a.mn == b.mn;
}

bool same_id(const snap_id *a, const snap_id *b)
{
	return !memcmp(a, b, sizeof(*a));
}

void control_reset(void)
{
	snap_id ids[64];
	struct blk_snap_cbt_info infos[64];
	uint32_t count = ARRAY_SIZE(ids);

	if (node < 0)
		return;
	CHECK_RESULT(snap_list(ids, &count), 0);
	for (uint32_t i = 0; i < count; i++)
		CHECK_RESULT(snap_destroy(&ids[i]), 0);
	count = ARRAY_SIZE(infos);
	CHECK_RESULT(tracker_list(infos, &count), 0);
	for (uint32_t i = 0; i < count; i++)
		CHECK_RESULT(tracker_remove(infos[i].dev_id), 0);
	count = ARRAY_SIZE(infos);
	CHECK_RESULT(tracker_list(infos, &count), 0);
	CHECK_EQ(count, 0);
}

int wait_for_event(const snap_id *id, uint32_t code, uint32_t timeout_ms,
		   struct blk_snap_snapshot_event *event)
{
	int64_t end = now_ns() + timeout_ms * 1000000LL;

	for (;;) {
		int64_t left = (end - now_ns()) / 1000000;
		int result = snap_wait(id, left > 0 ? left : 0, event);

		if (result || event->code == code)
			return result;
	}
}

struct blk_snap_event_corrupted event_corrupted(const struct blk_snap_snapshot_event *event)
{
	struct blk_snap_event_corrupted payload;

	memcpy(&payload, event->data, sizeof(payload));
	return payload;
}

uint64_t event_requested(const struct blk_snap_snapshot_event *event)
{
	struct blk_snap_event_low_free_space payload;

	memcpy(&payload, event->data, sizeof(payload));
	return payload.requested_nr_sect;
}
