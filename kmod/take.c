// SPDX-License-Identifier: GPL-2.0
/* The take: the one instant that all images of a snapshot show. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/major.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "cbt_map.h"
#include "diff_area.h"
#include "drain.h"
#include "freeze.h"
#include "gate.h"
#include "params.h"
#include "snapimage.h"
#include "snapshot.h"
#include "tracker.h"

/* While others are frozen too, nobody gets longer than this. */
#define FREEZE_TOGETHER_MS 10000

/* struct frozen - a device whose file system is frozen for a device of the snapshot. */
struct frozen {
	struct list_head link;
	struct snapshot_device *device;
	dev_t dev;
	struct freeze *freeze;		/* NULL if there is nothing to thaw */
	u32 verdict;
	int error;
};

static int add_frozen(struct list_head *list, struct snapshot_device *device, dev_t dev)
{
	struct frozen *frozen = kzalloc(sizeof(*frozen), GFP_KERNEL);
	struct freeze *freeze;

	if (!frozen)
		return -ENOMEM;
	freeze = freeze_create(dev);
	if (IS_ERR(freeze)) {
		kfree(frozen);
		return PTR_ERR(freeze);
	}
	frozen->freeze = freeze;
	frozen->device = device;
	frozen->dev = dev;
	list_add_tail(&frozen->link, list);
	return 0;
}

/* A whole disk has its file systems on its partitions. */
static int add_partitions(struct list_head *list, struct snapshot_device *device)
{
	struct block_device *part;
	unsigned long index = 0;

	for (;;) {
		dev_t dev;
		int ret;

		rcu_read_lock();
		part = xa_find_after(&device->ref.bdev->bd_disk->part_tbl, &index, ULONG_MAX,
				     XA_PRESENT);
		dev = part ? part->bd_dev : 0;
		rcu_read_unlock();
		if (!part)
			return 0;
		ret = add_frozen(list, device, dev);
		/* A partition that has just gone has no file system. */
		if (ret && ret != -ENXIO && ret != -ENODEV)
			return ret;
	}
}

/* All memory and all devices that freezing needs, before anything is frozen. */
static int prepare_freeze(struct snapshot *snapshot, struct list_head *list)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < snapshot->count && !ret; i++) {
		struct snapshot_device *device = &snapshot->devices[i];

		ret = add_frozen(list, device, device->ref.bdev->bd_dev);
		if (!ret && !bdev_is_partition(device->ref.bdev))
			ret = add_partitions(list, device);
	}
	return ret;
}

/* The worse verdict counts, and "frozen" counts more than "nothing to freeze". */
static void note_verdict(const struct frozen *frozen)
{
	struct snapshot_device *device = frozen->device;

	if (frozen->error)
		pr_warn("file system on %u:%u was not frozen, error %d\n",
			MAJOR(frozen->dev), MINOR(frozen->dev), frozen->error);
	if (device->freeze == blk_snap_freeze_refused || device->freeze == blk_snap_freeze_timeout)
		return;
	if (frozen->verdict == blk_snap_freeze_no_fs && device->freeze == blk_snap_freeze_frozen)
		return;
	device->freeze = frozen->verdict;
	device->freeze_error = frozen->error;
}

static void thaw_all(struct list_head *list)
{
	struct frozen *frozen;

	list_for_each_entry(frozen, list, link)
		if (frozen->freeze && !freeze_thaw(frozen->freeze))
			frozen->freeze = NULL;
	list_for_each_entry(frozen, list, link) {
		int ret = frozen->freeze ? freeze_end(frozen->freeze) : 0;

		frozen->freeze = NULL;
		if (!ret)
			continue;
		/* It did not stay frozen. */
		frozen->verdict = blk_snap_freeze_refused;
		frozen->error = -ret;
		note_verdict(frozen);
	}
}

static void free_all(struct list_head *list)
{
	struct frozen *frozen, *next;

	list_for_each_entry_safe(frozen, next, list, link) {
		if (frozen->freeze)
			freeze_end(frozen->freeze);
		kfree(frozen);
	}
}

static bool wait_frozen(struct frozen *frozen, unsigned long deadline)
{
	frozen->error = 0;
	frozen->verdict = freeze_wait(frozen->freeze, deadline, &frozen->error);
	return frozen->verdict != blk_snap_freeze_timeout;
}

/* A loop device has its blocks in a file, mostly on a file system of another disk. */
static bool is_on_file(const struct frozen *frozen)
{
	return frozen->device->ref.bdev->bd_disk->major == LOOP_MAJOR;
}

static bool freeze_group(struct list_head *list, bool on_file, unsigned long timeout)
{
	unsigned long deadline = jiffies + timeout;
	struct frozen *frozen, *next;
	bool all = true;

	list_for_each_entry(frozen, list, link)
		if (is_on_file(frozen) == on_file)
			freeze_begin(frozen->freeze);
	list_for_each_entry_safe(frozen, next, list, link) {
		if (is_on_file(frozen) != on_file || wait_frozen(frozen, deadline))
			continue;
		all = false;
		list_move(&frozen->link, list);
	}
	return all;
}

static bool freeze_together(struct list_head *list, unsigned long timeout)
{
	bool on_file = freeze_group(list, true, timeout);

	return freeze_group(list, false, timeout) && on_file;
}

/* One deadline for all: the first of them stays frozen until the last is. */
static int freeze_one_by_one(struct list_head *list, unsigned long timeout)
{
	unsigned long deadline = jiffies + timeout;
	struct frozen *frozen;

	list_for_each_entry(frozen, list, link) {
		struct freeze *freeze;

		if (time_after_eq(jiffies, deadline)) {
			frozen->verdict = blk_snap_freeze_timeout;
			frozen->error = ETIMEDOUT;
			continue;
		}
		freeze = freeze_create(frozen->dev);
		if (IS_ERR(freeze))
			return PTR_ERR(freeze);
		frozen->freeze = freeze;
		freeze_begin(freeze);
		wait_frozen(frozen, deadline);
	}
	return 0;
}

/*
 * All at once, which takes no longer than the slowest, but those in files first. A file
 * system on a device that lies above another one of the snapshot gets nowhere, if that
 * one is frozen before it. Should that happen all the same, all are thawed, and it comes
 * first, before the others are frozen one by one.
 *
 * A file system that refuses, or takes too long, is not frozen: the image is what a
 * power failure would have left, and the verdict says so.
 */
static int freeze_all(struct list_head *list)
{
	unsigned long timeout = msecs_to_jiffies(READ_ONCE(freeze_timeout_ms));
	bool alone = list_is_singular(list);
	struct frozen *frozen;
	int ret = 0;

	if (!freeze_together(list, alone ? timeout :
			     min(timeout, msecs_to_jiffies(FREEZE_TOGETHER_MS))) && !alone) {
		thaw_all(list);
		ret = freeze_one_by_one(list, timeout);
	}
	list_for_each_entry(frozen, list, link)
		note_verdict(frozen);
	return ret;
}

/*
 * A write under way may wait for a file system that is frozen, that with the file of a
 * loop device. Without frozen file systems it ends, and the image is what a power failure
 * would have left.
 *
 * Return: false if none was frozen.
 */
static bool freeze_none(struct list_head *list)
{
	struct frozen *frozen;
	bool any = false;

	thaw_all(list);
	list_for_each_entry(frozen, list, link) {
		if (frozen->verdict != blk_snap_freeze_frozen)
			continue;
		any = true;
		frozen->verdict = blk_snap_freeze_timeout;
		frozen->error = ETIMEDOUT;
		note_verdict(frozen);
	}
	return any;
}

static int compare_numbers(const void *a, const void *b)
{
	dev_t left = (*(struct tracker *const *)a)->id.dev;
	dev_t right = (*(struct tracker *const *)b)->id.dev;

	return left < right ? -1 : left > right;
}

/*
 * Close all gates, in the order in which writes meet them. A device that lies above another one of the snapshot (a loop
 * device, a volume) does not get its writes done behind the gate of the lower
 * one; it shows by not getting drained. Then it has to come first, and all start
 * again.
 */
static int gate_all(struct snapshot *snapshot)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(READ_ONCE(freeze_timeout_ms));
	struct tracker **order;
	unsigned int attempt;
	u32 i;

	order = kvmalloc_array(snapshot->count, sizeof(*order), GFP_NOIO);
	if (!order)
		return -ENOMEM;
	for (i = 0; i < snapshot->count; i++)
		order[i] = snapshot->devices[i].tracker;
	sort(order, snapshot->count, sizeof(*order), compare_numbers, NULL);

	/* Each device may have to be put first once, however short the limit is. */
	for (attempt = 0; attempt <= snapshot->count || time_before(jiffies, deadline); attempt++) {
		long left = max_t(long, deadline - jiffies, HZ);
		unsigned long timeout = min_t(long, HZ << min(attempt, 5U), left);
		struct tracker *stuck = NULL;
		u32 closed = 0;

		while (closed < snapshot->count && !stuck) {
			struct tracker *tracker = order[closed++];

			tracker_gate(tracker);
			if (!tracker_wait_drained(tracker, timeout))
				stuck = tracker;
		}
		if (!stuck) {
			kvfree(order);
			return 0;
		}
		for (i = 0; i < closed; i++)
			tracker_ungate(order[i]);
		/* Behind no gate but its own: no other order helps it. */
		if (closed == 1 && time_after_eq(jiffies, deadline))
			break;
		memmove(&order[1], &order[0], (closed - 1) * sizeof(*order));
		order[0] = stuck;
	}
	kvfree(order);
	return -ETIMEDOUT;
}

static void switch_device(struct snapshot_device *device, struct cbt_map **fresh)
{
	struct tracker *tracker = device->tracker;

	mutex_lock(&tracker->cbt_lock);
	if (*fresh) {
		swap(tracker->cbt, *fresh);
		WRITE_ONCE(tracker->covered, device->area->capacity);
	}
	cbt_map_switch(tracker->cbt);
	mutex_unlock(&tracker->cbt_lock);

	rcu_assign_pointer(tracker->area, device->area);
}

static void complete_map(struct tracker *tracker)
{
	mutex_lock(&tracker->cbt_lock);
	cbt_map_complete(tracker->cbt);
	mutex_unlock(&tracker->cbt_lock);
}

static int prepare_device(struct snapshot *snapshot, struct snapshot_device *device,
			  struct cbt_map **fresh)
{
	struct block_device *bdev = device->ref.bdev;
	struct diff_area *area;

	/* As from opening a device that is gone. */
	if (!bdev_nr_sectors(bdev))
		return -ENXIO;
	area = diff_area_create(bdev, &snapshot->storage, &snapshot->events);
	if (IS_ERR(area))
		return PTR_ERR(area);
	device->area = area;
	/* One that has grown since the create: what was written there is waited for too. */
	tracker_cover(device->tracker, area->capacity);
	if (area->capacity == device->tracker->cbt->capacity) {
		mutex_lock(&device->tracker->cbt_lock);
		cbt_map_prepare(device->tracker->cbt);
		mutex_unlock(&device->tracker->cbt_lock);
		return 0;
	}
	/* Resized: what the old map says is about another device. */
	*fresh = cbt_map_create(area->capacity);
	return *fresh ? 0 : -ENOMEM;
}

/**
 * take_devices() - the take.
 * @snapshot: locked, not taken; on an error it has to be released.
 *
 * Return: 0 or an error: -ENOMEM, -ENXIO, -ETIMEDOUT, those of opening a device.
 * May sleep.
 */
int take_devices(struct snapshot *snapshot)
{
	struct cbt_map **fresh;
	unsigned int noio;
	LIST_HEAD(frozen);
	u64 start;
	int ret;
	u32 i;

	fresh = kvcalloc(snapshot->count, sizeof(*fresh), GFP_KERNEL);
	if (!fresh)
		return -ENOMEM;
	/* What it says it has waited for must not be more than it began with. */
	drain_wait(snapshot);
	for (i = 0; i < snapshot->count; i++) {
		ret = prepare_device(snapshot, &snapshot->devices[i], &fresh[i]);
		if (ret)
			goto out_free;
	}
	ret = drain_finish(snapshot);
	if (ret)
		goto out_free;
	ret = prepare_freeze(snapshot, &frozen);
	if (ret)
		goto out_frozen;
	for (i = 0; i < snapshot->count; i++)
		tracker_prepare_gate(snapshot->devices[i].tracker);

	/* Memory must not be reclaimed through a file system that only this task can thaw. */
	noio = memalloc_noio_save();
	start = ktime_get_ns();
	ret = freeze_all(&frozen);
	if (ret)
		goto out_thaw;
	ret = gate_all(snapshot);
	if (ret == -ETIMEDOUT && freeze_none(&frozen))
		ret = gate_all(snapshot);
	if (ret)
		goto out_thaw;

	/* Here every device of the snapshot stands still. */
	for (i = 0; i < snapshot->count; i++)
		switch_device(&snapshot->devices[i], &fresh[i]);
	snapshot->take_time = ktime_get_real_ns();
	snapshot->taken = true;
	for (i = 0; i < snapshot->count; i++)
		tracker_ungate(snapshot->devices[i].tracker);

out_thaw:
	thaw_all(&frozen);
	snapshot->frozen_ns = ktime_get_ns() - start;
	memalloc_noio_restore(noio);
	for (i = 0; i < snapshot->count && snapshot->taken; i++)
		complete_map(snapshot->devices[i].tracker);
	for (i = 0; i < snapshot->count; i++)
		tracker_finish_gate(snapshot->devices[i].tracker);
out_frozen:
	free_all(&frozen);
out_free:
	for (i = 0; i < snapshot->count; i++)
		cbt_map_free(fresh[i]);
	kvfree(fresh);
	return ret;
}
