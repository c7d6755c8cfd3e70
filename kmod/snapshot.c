// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-integrity.h>
#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "cbt_map.h"
#include "diff_area.h"
#include "drain.h"
#include "requests.h"
#include "snapimage.h"
#include "snapshot.h"
#include "tracker.h"

/* Protects the list only; nothing else is done under it. */
static DEFINE_MUTEX(snapshots_lock);
static LIST_HEAD(snapshots);

static void snapshot_free(struct kref *ref)
{
	struct snapshot *snapshot = container_of(ref, struct snapshot, ref);

	event_queue_free(&snapshot->events);
	kvfree(snapshot->devices);
	kfree(snapshot);
}

/** snapshot_put() - drop a reference. */
void snapshot_put(struct snapshot *snapshot)
{
	kref_put(&snapshot->ref, snapshot_free);
}

static struct snapshot *find(const uuid_t *id)
{
	struct snapshot *snapshot;

	list_for_each_entry(snapshot, &snapshots, link)
		if (uuid_equal(&snapshot->id, id))
			return snapshot;
	return NULL;
}

/** snapshot_get() - a reference to the snapshot with this id, or NULL. */
struct snapshot *snapshot_get(const uuid_t *id)
{
	struct snapshot *snapshot;

	mutex_lock(&snapshots_lock);
	snapshot = find(id);
	if (snapshot)
		kref_get(&snapshot->ref);
	mutex_unlock(&snapshots_lock);
	return snapshot;
}

/**
 * snapshot_get_locked() - a snapshot that is not released, locked.
 * @id: which.
 *
 * Return: the snapshot, referenced, or ERR_PTR: -ESRCH, or -EINTR if the task is killed
 * while a take, which may wait long for a device, has the lock. May sleep.
 */
struct snapshot *snapshot_get_locked(const uuid_t *id)
{
	struct snapshot *snapshot = snapshot_get(id);
	int ret;

	if (!snapshot)
		return ERR_PTR(-ESRCH);
	ret = mutex_lock_killable(&snapshot->lock);
	if (ret) {
		snapshot_put(snapshot);
		return ERR_PTR(ret);
	}
	if (!snapshot->released)
		return snapshot;
	snapshot_put_locked(snapshot);
	return ERR_PTR(-ESRCH);
}

/** snapshot_put_locked() - undo snapshot_get_locked(). */
void snapshot_put_locked(struct snapshot *snapshot)
{
	mutex_unlock(&snapshot->lock);
	snapshot_put(snapshot);
}

static void end_image(struct work_struct *work)
{
	snapimage_destroy(container_of(work, struct snapshot_device, end_work)->image);
}

/* All at once: the kernel waits for several grace periods for each disk. */
static void end_images(struct snapshot *snapshot)
{
	struct snapshot_device *device;
	u32 i;

	for (i = 0; i < snapshot->count; i++) {
		device = &snapshot->devices[i];
		if (!device->image)
			continue;
		INIT_WORK(&device->end_work, end_image);
		queue_work(system_unbound_wq, &device->end_work);
	}
	for (i = 0; i < snapshot->count; i++)
		if (snapshot->devices[i].image)
			flush_work(&snapshot->devices[i].end_work);
}

/*
 * Take a snapshot apart, whatever state it is in. All grace periods are waited
 * for once, not once for each device.
 */
static void release(struct snapshot *snapshot)
{
	u32 i;

	snapshot->released = true;
	event_queue_close(&snapshot->events);
	drain_cancel(snapshot);

	end_images(snapshot);
	for (i = 0; i < snapshot->count; i++)
		if (snapshot->devices[i].area)
			diff_area_retire(snapshot->devices[i].area);
	for (i = 0; i < snapshot->count; i++)
		if (snapshot->devices[i].tracker)
			rcu_assign_pointer(snapshot->devices[i].tracker->area, NULL);
	synchronize_rcu();
	for (i = 0; i < snapshot->count; i++)
		if (snapshot->devices[i].area)
			diff_area_kill(snapshot->devices[i].area);
	for (i = 0; i < snapshot->count; i++)
		if (snapshot->devices[i].area)
			diff_area_free(snapshot->devices[i].area);

	mutex_lock(&trackers_lock);
	for (i = 0; i < snapshot->count; i++)
		if (snapshot->devices[i].tracker)
			WRITE_ONCE(snapshot->devices[i].tracker->owner, NULL);
	mutex_unlock(&trackers_lock);

	for (i = 0; i < snapshot->count; i++)
		bdev_ref_close(&snapshot->devices[i].ref);
	diff_storage_free(&snapshot->storage);
	module_put(THIS_MODULE);
}

static int check_device(struct block_device *bdev)
{
	/* What writes to an image is this module itself. */
	if (snapimage_is(bdev))
		return -EOPNOTSUPP;
	/* Zones are not overwritten but reset, and checksums would not be copied. */
	if (bdev_is_zoned(bdev) || blk_get_integrity(bdev->bd_disk))
		return -EOPNOTSUPP;
	if (bdev_logical_block_size(bdev) > PAGE_SIZE)
		return -EOPNOTSUPP;
	if (bdev_nr_sectors(bdev) > CBT_MAP_MAX_CAPACITY)
		return -EOPNOTSUPP;
	/* Old data would be read and stored without the key of the write that replaces them. */
	if (bdev_encrypts(bdev))
		return -EOPNOTSUPP;
	/* Writes of mapped files would not pass through the block layer. */
	if (blk_queue_dax(bdev_get_queue(bdev)))
		return -EOPNOTSUPP;
	return 0;
}

/* Whether another snapshot has one of the devices: then none of them begins to be tracked. */
static bool is_owned(const struct snapshot *snapshot)
{
	u32 i;

	for (i = 0; i < snapshot->count; i++) {
		struct tracker *tracker = tracker_find(snapshot->devices[i].ref.bdev->bd_dev);

		if (tracker && tracker->owner)
			return true;
	}
	return false;
}

static int own_device(struct snapshot *snapshot, struct snapshot_device *device)
{
	struct tracker *tracker = tracker_find(device->ref.bdev->bd_dev);

	if (tracker && tracker->owner == snapshot)
		return -EINVAL;
	tracker = tracker_attach(device->ref.bdev);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	WRITE_ONCE(tracker->owner, snapshot);
	device->tracker = tracker;
	return 0;
}

static int add_devices(struct snapshot *snapshot, const struct blk_snap_dev *devs)
{
	struct snapshot_device *device;
	int ret = 0;
	u32 i;

	for (i = 0; i < snapshot->count; i++) {
		device = &snapshot->devices[i];
		ret = bdev_ref_open(&device->ref, user_dev(&devs[i]));
		if (!ret)
			ret = check_device(device->ref.bdev);
		if (ret)
			return ret;
	}
	mutex_lock(&trackers_lock);
	if (is_owned(snapshot))
		ret = -EALREADY;
	for (i = 0; i < snapshot->count && !ret; i++)
		ret = own_device(snapshot, &snapshot->devices[i]);
	mutex_unlock(&trackers_lock);
	if (!ret)
		drain_begin(snapshot);
	return ret;
}

/**
 * snapshot_create() - a snapshot of some devices, not taken yet.
 * @devs: the devices.
 * @count: how many.
 * @id: set to the id of the snapshot.
 *
 * Return: 0 or an error: -ENOMEM, -EINVAL (a device is there twice), -EALREADY
 * (another snapshot holds it), -EBUSY (somebody else has the hook), -EOPNOTSUPP, those
 * of opening a device. May sleep.
 */
int snapshot_create(const struct blk_snap_dev *devs, u32 count, uuid_t *id)
{
	struct snapshot *snapshot = kzalloc(sizeof(*snapshot), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!snapshot)
		return ret;
	kref_init(&snapshot->ref);
	mutex_init(&snapshot->lock);
	event_queue_init(&snapshot->events);
	drain_init(snapshot);
	uuid_gen(&snapshot->id);
	snapshot->create_time = ktime_get_real_ns();
	snapshot->devices = kvcalloc(max(count, 1U), sizeof(*snapshot->devices), GFP_KERNEL);
	if (!snapshot->devices)
		goto out_put;
	ret = diff_storage_init(&snapshot->storage, &snapshot->events);
	if (ret)
		goto out_put;
	snapshot->count = count;

	/* A held device would lose what is kept of it: the module stays. */
	__module_get(THIS_MODULE);
	ret = add_devices(snapshot, devs);
	if (ret) {
		release(snapshot);
		goto out_put;
	}

	*id = snapshot->id;
	mutex_lock(&snapshots_lock);
	list_add_tail(&snapshot->link, &snapshots);
	mutex_unlock(&snapshots_lock);
	return 0;

out_put:
	snapshot_put(snapshot);
	return ret;
}

/* The end of a snapshot, which is locked, not released, and referenced by the caller. */
static void end_snapshot(struct snapshot *snapshot)
{
	mutex_lock(&snapshots_lock);
	list_del(&snapshot->link);
	mutex_unlock(&snapshots_lock);
	release(snapshot);
	snapshot_put(snapshot);		/* of the list */
}

/**
 * snapshot_destroy() - end a snapshot.
 * @id: which.
 *
 * When this returns, the images and everything that was held are gone. Return: 0,
 * -ENODEV if there is none, or -EINTR, with the snapshot as it was, if the task is
 * killed while it waits for a take. May sleep.
 */
int snapshot_destroy(const uuid_t *id)
{
	struct snapshot *snapshot = snapshot_get_locked(id);

	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot) == -ESRCH ? -ENODEV : PTR_ERR(snapshot);
	end_snapshot(snapshot);
	snapshot_put_locked(snapshot);
	return 0;
}

static int make_images(struct snapshot *snapshot)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < snapshot->count; i++) {
		struct snapshot_device *device = &snapshot->devices[i];
		struct snapimage *image = snapimage_create(device->area, device->tracker->cbt);

		if (IS_ERR(image))
			ret = PTR_ERR(image);
		else
			device->image = image;
	}
	return ret;
}

/**
 * snapshot_take() - take a snapshot.
 * @id: which.
 *
 * Return: 0 or an error. After -ESRCH, -EALREADY and -ENODEV for a snapshot
 * without devices nothing has changed; if an image could not be made the snapshot
 * is there without it; after any other error it is destroyed. May sleep.
 */
int snapshot_take(const uuid_t *id)
{
	struct snapshot *snapshot = snapshot_get_locked(id);
	int ret;

	if (IS_ERR(snapshot))
		return PTR_ERR(snapshot);
	ret = -EALREADY;
	if (snapshot->taken)
		goto out_put;
	ret = -ENODEV;
	if (!snapshot->count)
		goto out_put;

	ret = -EFAULT;
	if (!snapshot->storage.capacity)
		goto out_destroy;
	ret = take_devices(snapshot);
	if (ret)
		goto out_destroy;
	ret = make_images(snapshot);
out_put:
	snapshot_put_locked(snapshot);
	return ret;

out_destroy:
	end_snapshot(snapshot);
	goto out_put;
}

/**
 * snapshots_list() - the ids of the snapshots.
 * @ids: filled in with the first @count of them.
 * @count: room in @ids.
 *
 * Return: how many there are.
 */
u32 snapshots_list(struct blk_snap_uuid *ids, u32 count)
{
	struct snapshot *snapshot;
	u32 total = 0;

	mutex_lock(&snapshots_lock);
	list_for_each_entry(snapshot, &snapshots, link) {
		if (total < count)
			export_uuid(ids[total].b, &snapshot->id);
		total++;
	}
	mutex_unlock(&snapshots_lock);
	return total;
}

/** snapshot_status() - fill in all of @status but its id. The snapshot is locked. */
void snapshot_status(struct snapshot *snapshot, struct blk_snap_snapshot_status *status)
{
	struct diff_storage *storage = &snapshot->storage;
	u32 i;

	status->state = snapshot->taken ? blk_snap_state_taken : blk_snap_state_created;
	for (i = 0; i < snapshot->count && snapshot->taken; i++) {
		int error = READ_ONCE(snapshot->devices[i].area->error);

		if (!error || status->error)
			continue;
		status->state = blk_snap_state_corrupted;
		status->error = error;
	}
	status->create_time = snapshot->create_time;
	status->take_time = snapshot->take_time;
	status->frozen_ns = snapshot->frozen_ns;
	status->device_count = snapshot->count;

	spin_lock_irq(&storage->lock);
	status->storage_capacity = storage->capacity;
	status->storage_filled = storage->filled;
	status->storage_requested = storage->requested;
	status->low_space_mark = storage->low_mark;
	status->range_count = storage->range_count;
	spin_unlock_irq(&storage->lock);
}

/** snapshot_device_status() - fill in @status. The snapshot is locked. */
void snapshot_device_status(const struct snapshot_device *device,
			    struct blk_snap_device_status *status)
{
	const struct diff_area *area = device->area;
	dev_t dev = device->ref.bdev->bd_dev;

	status->orig_dev_id.mj = MAJOR(dev);
	status->orig_dev_id.mn = MINOR(dev);
	if (device->image) {
		dev = snapimage_dev(device->image);
		status->image_dev_id.mj = MAJOR(dev);
		status->image_dev_id.mn = MINOR(dev);
	}
	status->freeze = device->freeze;
	status->freeze_error = device->freeze_error;
	if (!area)
		return;
	status->error = READ_ONCE(area->error);
	status->unit_size = 1U << (area->unit_shift + SECTOR_SHIFT);
	status->copied = atomic64_read(&area->copied);
	status->image_read = atomic64_read(&area->image_read);
}
