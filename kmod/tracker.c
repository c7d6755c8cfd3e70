// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "cbt_map.h"
#include "compat.h"
#include "diff_area.h"
#include "filter.h"
#include "gate.h"
#include "tracked_bio.h"
#include "tracker.h"

/* Protects the list of trackers, their owners, and changes of the hash table. */
DEFINE_MUTEX(trackers_lock);

static LIST_HEAD(trackers);
struct hlist_head tracker_hash[1 << TRACKER_HASH_BITS];

/* Trackers that are not freed yet, those on their way out included. */
static atomic_t tracker_count;

/* Goes on with parked writes. */
struct workqueue_struct *tracker_queue;
/* Waits for the writes of trackers on their way out, which may be parked ones. */
static struct workqueue_struct *tracker_free_queue;

int __init tracker_module_init(void)
{
	tracker_queue = alloc_workqueue("blksnap_tracker", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!tracker_queue)
		return -ENOMEM;
	tracker_free_queue = alloc_workqueue("blksnap_free", WQ_UNBOUND, 0);
	if (!tracker_free_queue) {
		destroy_workqueue(tracker_queue);
		return -ENOMEM;
	}
	return 0;
}

void tracker_module_exit(void)
{
	destroy_workqueue(tracker_free_queue);
	destroy_workqueue(tracker_queue);
}

/*
 * Writes meet the trackers of a disk in the order of their numbers, which is also the
 * one in which a take closes their gates: one that is parked is counted by none yet.
 */
static void hash_add(struct tracker *tracker)
{
	struct hlist_head *head = tracker_bucket(tracker->id.disk);
	struct tracker *other, *before = NULL;

	hlist_for_each_entry(other, head, hash)
		if (other->id.dev < tracker->id.dev)
			before = other;
	if (before)
		hlist_add_behind_rcu(&tracker->hash, &before->hash);
	else
		hlist_add_head_rcu(&tracker->hash, head);
}

static void inflight_zero(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct tracker, inflight)->drained);
}

static void tracker_free_work(struct work_struct *work)
{
	struct tracker *tracker = container_of(work, struct tracker, free_work);

	wait_for_completion(&tracker->drained);
	flush_work(&tracker->parked_work);
	percpu_ref_exit(&tracker->inflight);
	cbt_map_free(tracker->cbt);
	kfree_rcu(tracker, rcu);
	if (atomic_dec_and_test(&tracker_count))
		wake_up_var(&tracker_count);
}

/* Is this the very device, still in its place? */
static bool is_device(const struct tracker_identity *id, const struct block_device *bdev)
{
	return id->dev == bdev->bd_dev && id->disk == bdev->bd_disk &&
	       id->diskseq == bdev->bd_disk->diskseq && id->start == bdev->bd_start_sect;
}

/** tracker_find() - the tracker with a device number, or NULL. trackers_lock is held. */
struct tracker *tracker_find(dev_t dev)
{
	struct tracker *tracker;

	list_for_each_entry(tracker, &trackers, link)
		if (tracker->id.dev == dev)
			return tracker;
	return NULL;
}

static struct tracker *tracker_create(struct block_device *bdev)
{
	struct tracker *tracker = kzalloc(sizeof(*tracker), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!tracker)
		return ERR_PTR(ret);
	tracker->id.dev = bdev->bd_dev;
	tracker->id.disk = bdev->bd_disk;
	tracker->id.diskseq = bdev->bd_disk->diskseq;
	tracker->id.start = bdev->bd_start_sect;
	tracker->covered = bdev_nr_sectors(bdev);
	mutex_init(&tracker->cbt_lock);
	spin_lock_init(&tracker->lock);
	bio_list_init(&tracker->parked);
	INIT_WORK(&tracker->parked_work, tracker_resubmit_parked);
	INIT_WORK(&tracker->free_work, tracker_free_work);
	init_completion(&tracker->drained);

	ret = percpu_ref_init(&tracker->inflight, inflight_zero, PERCPU_REF_ALLOW_REINIT,
			      GFP_KERNEL);
	if (ret)
		goto out_free;
	ret = -ENOMEM;
	tracker->cbt = cbt_map_create(tracker->covered);
	if (!tracker->cbt)
		goto out_ref;

	if (list_empty(&trackers)) {
		ret = filter_enable();
		if (ret)
			goto out_cbt;
	}
	atomic_inc(&tracker_count);
	list_add_tail(&tracker->link, &trackers);
	hash_add(tracker);
	return tracker;

out_cbt:
	cbt_map_free(tracker->cbt);
out_ref:
	percpu_ref_exit(&tracker->inflight);
out_free:
	kfree(tracker);
	return ERR_PTR(ret);
}

/* Writes under way are waited for in the background, the device may be dead. */
static void tracker_detach(struct tracker *tracker)
{
	hlist_del_rcu(&tracker->hash);
	list_del(&tracker->link);
	if (list_empty(&trackers))
		filter_disable();
	synchronize_rcu();
	/* A gate that was not waited for to the end may have left it completed. */
	reinit_completion(&tracker->drained);
	percpu_ref_kill(&tracker->inflight);
	queue_work(tracker_free_queue, &tracker->free_work);
}

/**
 * tracker_attach() - the tracker of a device, made if there is none.
 * @bdev: the device, held open.
 *
 * No snapshot owns it. A tracker of a device that had the same number before and is
 * gone makes room. trackers_lock is held. Return: the tracker, or ERR_PTR: -ENOMEM or
 * an error of filter_enable(). May sleep.
 */
struct tracker *tracker_attach(struct block_device *bdev)
{
	struct tracker *tracker = tracker_find(bdev->bd_dev);

	if (tracker && !is_device(&tracker->id, bdev)) {
		tracker_detach(tracker);
		tracker = NULL;
	}
	if (!tracker)
		return tracker_create(bdev);
	tracker_cover(tracker, bdev_nr_sectors(bdev));
	return tracker;
}

/**
 * tracker_cover() - follow a device that has grown.
 * @tracker: owned by the caller's snapshot, or by nobody, under trackers_lock.
 * @capacity: sectors that the device has now.
 */
void tracker_cover(struct tracker *tracker, sector_t capacity)
{
	/*
	 * Never less: as long as no take replaces it, the map is of all that there was, and a
	 * disk that has no size for a while may have all of it again.
	 */
	if (capacity <= tracker->covered)
		return;
	/* Writes to what is new, from before, were none of its business. */
	tracker->sees_all = false;
	WRITE_ONCE(tracker->covered, capacity);
}

/**
 * tracker_remove() - stop tracking a device, which may be gone already.
 * @dev: its number.
 *
 * Return: 0, -ENODATA if it is not tracked, -EBUSY if a snapshot holds it. May
 * sleep.
 */
int tracker_remove(dev_t dev)
{
	struct tracker *tracker;
	int ret = 0;

	mutex_lock(&trackers_lock);
	tracker = tracker_find(dev);
	if (!tracker)
		ret = -ENODATA;
	else if (tracker->owner)
		ret = -EBUSY;
	else
		tracker_detach(tracker);
	mutex_unlock(&trackers_lock);
	return ret;
}

/** trackers_remove_all() - at unload: no snapshot is left. Waits for writes under way. */
void trackers_remove_all(void)
{
	struct tracker *tracker, *next;

	mutex_lock(&trackers_lock);
	list_for_each_entry_safe(tracker, next, &trackers, link)
		tracker_detach(tracker);
	mutex_unlock(&trackers_lock);
	wait_var_event(&tracker_count, !atomic_read(&tracker_count));
	/* The last of those who ended a write may still be on their way out of our code. */
	synchronize_rcu();
	rcu_barrier();
}

static bool is_present(const struct tracker_identity *id)
{
	struct bdev_ref ref = {};
	bool present;

	if (bdev_ref_open(&ref, id->dev))
		return false;
	present = is_device(id, ref.bdev);
	bdev_ref_close(&ref);
	return present;
}

static void describe(struct tracker *tracker, struct blk_snap_cbt_info *info)
{
	const struct cbt_map *cbt;

	info->dev_id.mj = MAJOR(tracker->id.dev);
	info->dev_id.mn = MINOR(tracker->id.dev);
	mutex_lock(&tracker->cbt_lock);
	cbt = tracker->cbt;
	info->blk_size = 1U << cbt->block_shift;
	info->device_capacity = (u64)cbt->capacity << SECTOR_SHIFT;
	info->blk_count = cbt->block_count;
	export_uuid(info->generation_id.b, &cbt->generation_id);
	info->snap_number = cbt->previous;
	mutex_unlock(&tracker->cbt_lock);
}

/**
 * trackers_list() - describe the trackers.
 * @infos: zeroed, filled in with the first @count of them; of one whose device is
 *	   gone, the number only.
 * @count: room in @infos.
 *
 * Return: how many there are, or -ENOMEM. May sleep.
 */
int trackers_list(struct blk_snap_cbt_info *infos, u32 count)
{
	struct tracker_identity *ids = NULL;
	struct tracker *tracker;
	u32 total = 0, i;

	if (count) {
		ids = kvcalloc(count, sizeof(*ids), GFP_KERNEL);
		if (!ids)
			return -ENOMEM;
	}
	mutex_lock(&trackers_lock);
	list_for_each_entry(tracker, &trackers, link) {
		if (total < count) {
			describe(tracker, &infos[total]);
			/* What a snapshot holds open is there. */
			if (!tracker->owner)
				ids[total] = tracker->id;
		}
		total++;
	}
	mutex_unlock(&trackers_lock);

	/* Not under the lock: to open a device that does not answer takes long. */
	for (i = 0; i < min(total, count); i++) {
		struct blk_snap_dev dev = infos[i].dev_id;

		if (!ids[i].disk || is_present(&ids[i]))
			continue;
		memset(&infos[i], 0, sizeof(infos[i]));
		infos[i].dev_id = dev;
	}
	kvfree(ids);
	return total;
}

/**
 * tracker_read_map() - read the map of changed blocks as of the last take.
 * @dev: the device.
 * @offset: first byte of the map.
 * @buffer: where the bytes go.
 * @length: how many at most.
 *
 * Return: bytes read, 0 at the end of the map, -ENODATA if the device is not
 * tracked, -EPERM if no taken snapshot holds it, -EINVAL if @offset is beyond the
 * end. May sleep.
 */
int tracker_read_map(dev_t dev, u32 offset, void *buffer, u32 length)
{
	struct tracker *tracker;
	int ret = -ENODATA;

	mutex_lock(&trackers_lock);
	tracker = tracker_find(dev);
	if (!tracker)
		goto out_unlock;
	ret = -EPERM;
	if (!rcu_access_pointer(tracker->area))
		goto out_unlock;
	ret = -EINVAL;
	mutex_lock(&tracker->cbt_lock);
	cbt_map_complete(tracker->cbt);
	if (offset <= tracker->cbt->block_count) {
		ret = min(length, tracker->cbt->block_count - offset);
		memcpy(buffer, tracker->cbt->read_map + offset, ret);
	}
	mutex_unlock(&tracker->cbt_lock);
out_unlock:
	mutex_unlock(&trackers_lock);
	return ret;
}

/**
 * tracker_mark_dirty() - mark ranges as changed, for the last take and the next.
 * @dev: the device.
 * @ranges: the ranges.
 * @count: how many.
 *
 * Return: 0, -ENODEV if the device is not tracked, -EINVAL if a range is empty or
 * not within the device; then nothing is marked. May sleep.
 */
int tracker_mark_dirty(dev_t dev, const struct blk_snap_block_range *ranges, u32 count)
{
	struct tracker *tracker;
	int ret = -ENODEV;
	u32 i;

	mutex_lock(&trackers_lock);
	tracker = tracker_find(dev);
	if (!tracker)
		goto out_unlock;

	mutex_lock(&tracker->cbt_lock);
	ret = -EINVAL;
	for (i = 0; i < count; i++) {
		u64 capacity = tracker->cbt->capacity;

		if (!ranges[i].sector_count || ranges[i].sector_offset >= capacity ||
		    ranges[i].sector_count > capacity - ranges[i].sector_offset)
			goto out_unlock_cbt;
	}
	cbt_map_complete(tracker->cbt);
	for (i = 0; i < count; i++)
		cbt_map_mark_both(tracker->cbt, ranges[i].sector_offset, ranges[i].sector_count);
	ret = 0;
out_unlock_cbt:
	mutex_unlock(&tracker->cbt_lock);
out_unlock:
	mutex_unlock(&trackers_lock);
	return ret;
}

/**
 * tracker_of_bio() - a tracker that a write has to be dealt with by.
 * @bio: the write.
 * @sector: first sector of the tracked device that it touches.
 * @count: how many.
 *
 * Under RCU. Return: the tracker, or NULL if there is none, or none any more.
 */
struct tracker *tracker_of_bio(struct bio *bio, sector_t *sector, sector_t *count)
{
	struct tracker *tracker;

	hlist_for_each_entry_rcu(tracker, tracker_bucket(bio->bi_bdev->bd_disk), hash)
		if (tracker_overlap(tracker, bio, sector, count) &&
		    !tracked_bio_taken_by(bio, tracker))
			return tracker;
	return NULL;
}
