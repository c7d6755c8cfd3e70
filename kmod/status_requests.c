// SPDX-License-Identifier: GPL-2.0
/* The extensions: what generation 1 of the interface cannot express. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "diff_storage.h"
#include "requests.h"
#include "snapshot.h"

long request_snapshot_status(void __user *argument)
{
	struct blk_snap_snapshot_status karg = {};
	struct snapshot *snapshot;
	uuid_t id;

	if (copy_from_user(&karg.id, argument, sizeof(karg.id)))
		return -ENODATA;
	import_uuid(&id, karg.id.b);
	snapshot = snapshot_get_locked(&id);
	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot);
	snapshot_status(snapshot, &karg);
	snapshot_put_locked(snapshot);
	return copy_to_user(argument, &karg, sizeof(karg)) ? -ENODATA : 0;
}

long request_snapshot_collect_devices(void __user *argument)
{
	struct blk_snap_snapshot_collect_devices karg;
	struct blk_snap_device_status *list = NULL;
	struct snapshot *snapshot;
	u32 room, i;
	uuid_t id;
	long ret = 0;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	if (karg.reserved)
		return -EINVAL;
	import_uuid(&id, karg.id.b);
	snapshot = snapshot_get_locked(&id);
	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot);
	room = karg.count;
	karg.count = snapshot->count;
	if (karg.devices && room < karg.count) {
		ret = -ENOBUFS;
	} else if (karg.devices) {
		list = kvcalloc(max(karg.count, 1U), sizeof(*list), GFP_KERNEL);
		if (!list)
			ret = -ENOMEM;
		for (i = 0; list && i < karg.count; i++)
			snapshot_device_status(&snapshot->devices[i], &list[i]);
	}
	snapshot_put_locked(snapshot);

	if (list && copy_to_user(u64_to_user_ptr(karg.devices), list, karg.count * sizeof(*list)))
		ret = -ENODATA;
	if (copy_to_user(argument, &karg, sizeof(karg)))
		ret = -ENODATA;
	kvfree(list);
	return ret;
}

long request_snapshot_collect_storage(void __user *argument)
{
	struct blk_snap_snapshot_collect_storage karg;
	struct blk_snap_storage_range *list = NULL;
	struct snapshot *snapshot;
	u32 room;
	uuid_t id;
	long ret = 0;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	if (karg.reserved)
		return -EINVAL;
	import_uuid(&id, karg.id.b);
	snapshot = snapshot_get_locked(&id);
	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot);
	room = karg.count;
	/* Ranges are added under the lock of the snapshot: there is no more to come. */
	karg.count = diff_storage_list(&snapshot->storage, NULL, 0);
	if (karg.ranges && room < karg.count) {
		ret = -ENOBUFS;
	} else if (karg.ranges) {
		list = kvcalloc(max(karg.count, 1U), sizeof(*list), GFP_KERNEL);
		if (list)
			diff_storage_list(&snapshot->storage, list, karg.count);
		else
			ret = -ENOMEM;
	}
	snapshot_put_locked(snapshot);

	if (list && copy_to_user(u64_to_user_ptr(karg.ranges), list, karg.count * sizeof(*list)))
		ret = -ENODATA;
	if (copy_to_user(argument, &karg, sizeof(karg)))
		ret = -ENODATA;
	kvfree(list);
	return ret;
}

long request_snapshot_hold_file(void __user *argument)
{
	struct blk_snap_snapshot_hold_file karg;
	struct snapshot *snapshot;
	uuid_t id;
	long ret;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	if (karg.reserved)
		return -EINVAL;
	import_uuid(&id, karg.id.b);
	snapshot = snapshot_get_locked(&id);
	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot);
	ret = diff_storage_hold_file(&snapshot->storage, karg.fd);
	snapshot_put_locked(snapshot);
	return ret;
}

long request_snapshot_set_low_space(void __user *argument)
{
	struct blk_snap_snapshot_set_low_space karg;
	struct snapshot *snapshot;
	uuid_t id;
	long ret;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	import_uuid(&id, karg.id.b);
	snapshot = snapshot_get_locked(&id);
	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot);
	ret = diff_storage_set_low_space(&snapshot->storage, karg.sectors);
	snapshot_put_locked(snapshot);
	return ret;
}
