// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "event_queue.h"
#include "requests.h"
#include "snapimage.h"
#include "snapshot.h"

#define MODULE_BUILD_NAME "blksnapps"

/* More devices than this are a mistake of the caller. */
#define MAX_DEVICES 65536
#define MAX_RANGES (1U << 22)

static_assert(sizeof(struct blk_snap_event_low_free_space) <= EVENT_DATA_SIZE);
static_assert(sizeof(struct blk_snap_event_corrupted) <= EVENT_DATA_SIZE);
static_assert(EVENT_DATA_SIZE <= sizeof_field(struct blk_snap_snapshot_event, data));

long request_version(void __user *argument)
{
	static const struct blk_snap_version version = { .major = 1 };

	return copy_to_user(argument, &version, sizeof(version)) ? -ENODATA : 0;
}

long request_mod(void __user *argument)
{
	static const struct blk_snap_mod mod = {
		.compatibility_flags = BIT_ULL(blk_snap_compat_flag_snapshot_status) |
				       BIT_ULL(blk_snap_compat_flag_collect_devices) |
				       BIT_ULL(blk_snap_compat_flag_collect_storage) |
				       BIT_ULL(blk_snap_compat_flag_hold_file) |
				       BIT_ULL(blk_snap_compat_flag_set_low_space),
		.name = MODULE_BUILD_NAME,
	};

	return copy_to_user(argument, &mod, sizeof(mod)) ? -ENODATA : 0;
}

long request_snapshot_create(void __user *argument)
{
	struct blk_snap_snapshot_create karg;
	struct blk_snap_dev *devs;
	uuid_t id;
	long ret;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	if (karg.count > MAX_DEVICES)
		return -ENOMEM;
	devs = kvmalloc_array(max(karg.count, 1U), sizeof(*devs), GFP_KERNEL);
	if (!devs)
		return -ENOMEM;
	ret = -ENODATA;
	if (copy_from_user(devs, user_pointer(karg.dev_id_array), karg.count * sizeof(*devs)))
		goto out;
	ret = snapshot_create(devs, karg.count, &id);
	if (ret)
		goto out;
	export_uuid(karg.id.b, &id);
	if (copy_to_user(argument, &karg, sizeof(karg))) {
		/* Nobody would know its id. */
		snapshot_destroy(&id);
		ret = -ENODATA;
	}
out:
	kvfree(devs);
	return ret;
}

static int get_id(uuid_t *id, const void __user *argument)
{
	struct blk_snap_uuid karg;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	import_uuid(id, karg.b);
	return 0;
}

long request_snapshot_destroy(void __user *argument)
{
	uuid_t id;

	return get_id(&id, argument) ?: snapshot_destroy(&id);
}

long request_snapshot_take(void __user *argument)
{
	uuid_t id;

	return get_id(&id, argument) ?: snapshot_take(&id);
}

long request_snapshot_append_storage(void __user *argument)
{
	struct blk_snap_snapshot_append_storage karg;
	struct blk_snap_block_range *ranges;
	struct snapshot *snapshot;
	uuid_t id;
	long ret;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -EINVAL;
	if (karg.count > MAX_RANGES)
		return -ENOMEM;
	ranges = kvmalloc_array(max(karg.count, 1U), sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return -ENOMEM;
	ret = -ENODATA;
	if (copy_from_user(ranges, user_pointer(karg.ranges), karg.count * sizeof(*ranges)))
		goto out;

	import_uuid(&id, karg.id.b);
	snapshot = snapshot_get_locked(&id);
	if (IS_ERR(snapshot)) {
		ret = PTR_ERR(snapshot);
		goto out;
	}
	ret = diff_storage_append(&snapshot->storage, user_dev(&karg.dev_id),
				  ranges, karg.count);
	snapshot_put_locked(snapshot);
out:
	kvfree(ranges);
	return ret;
}

long request_snapshot_collect(void __user *argument)
{
	struct blk_snap_snapshot_collect karg;
	struct blk_snap_uuid *ids = NULL;
	u32 count, room;
	long ret = 0;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	room = karg.ids ? min(karg.count, snapshots_list(NULL, 0)) : 0;
	if (room) {
		ids = kvcalloc(room, sizeof(*ids), GFP_KERNEL);
		if (!ids)
			return -ENOMEM;
	}
	count = snapshots_list(ids, room);
	if (karg.ids) {
		if (count > karg.count)
			ret = -ENODATA;
		count = min(count, room);
		if (copy_to_user(user_pointer(karg.ids), ids, count * sizeof(*ids)))
			ret = -ENODATA;
	}
	karg.count = count;
	if (copy_to_user(argument, &karg, sizeof(karg)))
		ret = -ENODATA;
	kvfree(ids);
	return ret;
}

static void describe_image(const struct snapshot_device *device,
			   struct blk_snap_image_info *info)
{
	dev_t dev = device->ref.bdev->bd_dev;

	info->orig_dev_id.mj = MAJOR(dev);
	info->orig_dev_id.mn = MINOR(dev);
	if (!device->image)
		return;
	dev = snapimage_dev(device->image);
	info->image_dev_id.mj = MAJOR(dev);
	info->image_dev_id.mn = MINOR(dev);
}

long request_snapshot_collect_images(void __user *argument)
{
	struct blk_snap_snapshot_collect_images karg;
	struct blk_snap_image_info *infos = NULL;
	struct snapshot *snapshot;
	u32 count = 0, room, i;
	uuid_t id;
	long ret;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	import_uuid(&id, karg.id.b);
	snapshot = snapshot_get_locked(&id);
	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot);
	room = karg.count;
	karg.count = snapshot->count;
	ret = -ENODEV;
	if (!snapshot->taken)
		goto out;
	ret = 0;
	if (!karg.image_info_array)
		goto out;
	ret = -ENODATA;
	if (room < snapshot->count)
		goto out;
	ret = -ENOMEM;
	infos = kvcalloc(snapshot->count, sizeof(*infos), GFP_KERNEL);
	if (!infos)
		goto out;
	count = snapshot->count;
	for (i = 0; i < count; i++)
		describe_image(&snapshot->devices[i], &infos[i]);
	ret = 0;
out:
	/* Not while it is locked: the memory may be on a frozen file system. */
	snapshot_put_locked(snapshot);
	if (count && copy_to_user(user_pointer(karg.image_info_array), infos,
				  count * sizeof(*infos)))
		ret = -ENODATA;
	if (copy_to_user(argument, &karg, sizeof(karg)))
		ret = -ENODATA;
	kvfree(infos);
	return ret;
}

long request_snapshot_wait_event(void __user *argument)
{
	struct blk_snap_snapshot_event *karg;
	struct snapshot *snapshot;
	struct event *event;
	uuid_t id;
	long ret = 0;

	karg = kzalloc(sizeof(*karg), GFP_KERNEL);
	if (!karg)
		return -ENOMEM;
	if (copy_from_user(karg, argument, offsetof(struct blk_snap_snapshot_event, code))) {
		ret = -EINVAL;
		goto out_free;
	}
	import_uuid(&id, karg->id.b);
	snapshot = snapshot_get(&id);
	if (!snapshot) {
		ret = -ESRCH;
		goto out_free;
	}
	event = event_queue_wait(&snapshot->events, karg->timeout_ms);
	if (IS_ERR(event)) {
		ret = PTR_ERR(event);
		goto out_put;
	}
	karg->code = event->code;
	karg->time_label = event->time;
	memcpy(karg->data, event->data, event->size);
	if (copy_to_user(argument, karg, sizeof(*karg))) {
		event_queue_put_back(&snapshot->events, event);
		ret = -EINVAL;
		goto out_put;
	}
	kfree(event);
out_put:
	snapshot_put(snapshot);
out_free:
	kfree(karg);
	return ret;
}
