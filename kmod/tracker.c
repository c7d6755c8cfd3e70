// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/hash.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "cbt_map.h"
#include "compat.h"
#include "diff_area.h"
#include "filter.h"
#include "tracked_bio.h"
#include "tracker.h"

#define TRACKER_HASH_BITS 6
/* A queue that does not get empty in this time belongs to a device that hangs. */
#define DRAIN_TIMEOUT (30 * HZ)

/* Protects the list of trackers, their owners, and changes of the hash table. */
DEFINE_MUTEX(trackers_lock);
DEFINE_STATIC_KEY_FALSE(trackers_exist);

static LIST_HEAD(trackers);
static struct hlist_head tracker_hash[1 << TRACKER_HASH_BITS];

/* Trackers that are not freed yet, those on their way out included. */
static atomic_t tracker_count;

static struct workqueue_struct *tracker_queue;

int __init tracker_module_init(void)
{
	tracker_queue = alloc_workqueue("blksnap_tracker", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return tracker_queue ? 0 : -ENOMEM;
}

void tracker_module_exit(void)
{
	destroy_workqueue(tracker_queue);
}

static struct hlist_head *hash_head(const struct gendisk *disk)
{
	return &tracker_hash[hash_ptr(disk, TRACKER_HASH_BITS)];
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

static void resubmit_parked(struct work_struct *work)
{
	struct tracker *tracker = container_of(work, struct tracker, parked_work);
	struct bio_list bios;
	struct bio *bio;

	spin_lock_irq(&tracker->lock);
	if (tracker->gated) {
		/* They go on when the gate is opened. */
		spin_unlock_irq(&tracker->lock);
		return;
	}
	bios = tracker->parked;
	bio_list_init(&tracker->parked);
	spin_unlock_irq(&tracker->lock);

	while ((bio = bio_list_pop(&bios)))
		filter_resubmit(bio);
}

/** tracker_matches() - is this the tracker of this very device, still in its place? */
bool tracker_matches(const struct tracker *tracker, const struct block_device *bdev)
{
	return tracker->dev == bdev->bd_dev && tracker->disk == bdev->bd_disk &&
	       tracker->diskseq == bdev->bd_disk->diskseq &&
	       tracker->start == bdev->bd_start_sect;
}

/** tracker_find() - the tracker with a device number, or NULL. trackers_lock is held. */
struct tracker *tracker_find(dev_t dev)
{
	struct tracker *tracker;

	list_for_each_entry(tracker, &trackers, link)
		if (tracker->dev == dev)
			return tracker;
	return NULL;
}

static struct tracker *tracker_create(struct block_device *bdev)
{
	struct tracker *tracker = kzalloc(sizeof(*tracker), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!tracker)
		return ERR_PTR(ret);
	tracker->dev = bdev->bd_dev;
	tracker->disk = bdev->bd_disk;
	tracker->diskseq = bdev->bd_disk->diskseq;
	tracker->start = bdev->bd_start_sect;
	tracker->capacity = bdev_nr_sectors(bdev);
	tracker->queued = queue_is_mq(bdev_get_queue(bdev));
	tracker->counting = !tracker->queued;
	mutex_init(&tracker->cbt_lock);
	spin_lock_init(&tracker->lock);
	bio_list_init(&tracker->parked);
	INIT_WORK(&tracker->parked_work, resubmit_parked);
	INIT_WORK(&tracker->free_work, tracker_free_work);
	init_completion(&tracker->drained);

	ret = percpu_ref_init(&tracker->inflight, inflight_zero, PERCPU_REF_ALLOW_REINIT,
			      GFP_KERNEL);
	if (ret)
		goto out_free;
	ret = -ENOMEM;
	tracker->cbt = cbt_map_create(tracker->capacity);
	if (!tracker->cbt)
		goto out_ref;

	atomic_inc(&tracker_count);
	list_add_tail(&tracker->link, &trackers);
	hlist_add_head_rcu(&tracker->hash, hash_head(tracker->disk));
	static_branch_inc(&trackers_exist);
	return tracker;

out_ref:
	percpu_ref_exit(&tracker->inflight);
out_free:
	kfree(tracker);
	return ERR_PTR(ret);
}

/* Writes under way are waited for in the background, the device may be dead. */
static void tracker_detach(struct tracker *tracker)
{
	static_branch_dec(&trackers_exist);
	hlist_del_rcu(&tracker->hash);
	list_del(&tracker->link);
	synchronize_rcu();
	/* A gate that was not waited for to the end may have left it completed. */
	reinit_completion(&tracker->drained);
	percpu_ref_kill(&tracker->inflight);
	queue_work(tracker_queue, &tracker->free_work);
}

/**
 * tracker_attach() - the tracker of a device, made if there is none.
 * @bdev: the device, held open.
 *
 * A tracker of a device that had the same number before and is gone makes room.
 * trackers_lock is held. Return: the tracker or ERR_PTR: -ENOMEM, -EALREADY (a
 * snapshot holds a device with this number that is gone). May sleep.
 */
struct tracker *tracker_attach(struct block_device *bdev)
{
	struct tracker *tracker = tracker_find(bdev->bd_dev);

	if (tracker && !tracker_matches(tracker, bdev)) {
		if (tracker->owner)
			return ERR_PTR(-EALREADY);
		tracker_detach(tracker);
		tracker = NULL;
	}
	return tracker ?: tracker_create(bdev);
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

static bool is_present(const struct tracker *tracker)
{
	struct bdev_ref ref = {};
	bool present;

	if (bdev_ref_open(&ref, tracker->dev))
		return false;
	present = tracker_matches(tracker, ref.bdev);
	bdev_ref_close(&ref);
	return present;
}

/**
 * trackers_list() - describe the trackers.
 * @infos: zeroed, filled in with the first @count of them.
 * @count: room in @infos.
 *
 * Return: how many there are. May sleep.
 */
u32 trackers_list(struct blk_snap_cbt_info *infos, u32 count)
{
	struct tracker *tracker;
	u32 total = 0;

	mutex_lock(&trackers_lock);
	list_for_each_entry(tracker, &trackers, link) {
		struct blk_snap_cbt_info *info = &infos[total];
		const struct cbt_map *cbt;

		if (total++ >= count)
			continue;
		info->dev_id.mj = MAJOR(tracker->dev);
		info->dev_id.mn = MINOR(tracker->dev);
		if (!tracker->owner && !is_present(tracker))
			continue;
		mutex_lock(&tracker->cbt_lock);
		cbt = tracker->cbt;
		info->blk_size = 1U << cbt->block_shift;
		info->device_capacity = (u64)cbt->capacity << SECTOR_SHIFT;
		info->blk_count = cbt->block_count;
		export_uuid(info->generation_id.b, &cbt->generation_id);
		info->snap_number = cbt->previous;
		mutex_unlock(&tracker->cbt_lock);
	}
	mutex_unlock(&trackers_lock);
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
	for (i = 0; i < count; i++)
		cbt_map_mark_both(tracker->cbt, ranges[i].sector_offset, ranges[i].sector_count);
	ret = 0;
out_unlock_cbt:
	mutex_unlock(&tracker->cbt_lock);
out_unlock:
	mutex_unlock(&trackers_lock);
	return ret;
}

/* The part of a bio that lies on the tracked device. */
static bool overlap(const struct tracker *tracker, struct bio *bio,
		    sector_t *sector, sector_t *count)
{
	const struct block_device *bdev = bio->bi_bdev;
	sector_t start = bio->bi_iter.bi_sector;
	sector_t end;

	if (tracker->disk != bdev->bd_disk || tracker->diskseq != bdev->bd_disk->diskseq)
		return false;
	/* The rest of a bio that a driver has split counts from the start of the disk. */
	if (!bio_flagged(bio, BIO_REMAPPED))
		start += bdev->bd_start_sect;
	end = min(start + bio_sectors(bio), tracker->start + READ_ONCE(tracker->capacity));
	start = max(start, tracker->start);
	if (start >= end)
		return false;
	*sector = start - tracker->start;
	*count = end - start;
	return true;
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

	hlist_for_each_entry_rcu(tracker, hash_head(bio->bi_bdev->bd_disk), hash)
		if (overlap(tracker, bio, sector, count) && !tracked_bio_taken_by(bio, tracker))
			return tracker;
	return NULL;
}

/**
 * tracker_passes() - note a write that can go on as it is.
 * @bio: the write.
 *
 * The short way, for all writes that need not be counted and overwrite nothing
 * that has to be kept. Any context. Return: false if the write has to take the
 * long way, filter_submit().
 */
bool tracker_passes(struct bio *bio)
{
	struct tracker *tracker;
	sector_t sector, count;
	bool passes = true;

	rcu_read_lock();
	hlist_for_each_entry_rcu(tracker, hash_head(bio->bi_bdev->bd_disk), hash) {
		struct diff_area *area;

		if (!overlap(tracker, bio, &sector, &count) || tracked_bio_taken_by(bio, tracker))
			continue;
		/* Who finds it unset sees the area that was set before. */
		passes = !smp_load_acquire(&tracker->counting);
		if (!passes)
			break;
		area = rcu_dereference(tracker->area);
		passes = !area || (bio_op(bio) != REQ_OP_DISCARD &&
				   diff_area_settled(area, sector, count));
		if (!passes)
			break;
		cbt_map_mark(tracker->cbt, sector, count);
	}
	rcu_read_unlock();
	return passes;
}

/** tracker_park() - leave a write to a worker, which can wait for memory. */
void tracker_park(struct tracker *tracker, struct bio *bio)
{
	unsigned long flags;

	spin_lock_irqsave(&tracker->lock, flags);
	bio_list_add(&tracker->parked, bio);
	spin_unlock_irqrestore(&tracker->lock, flags);
	queue_work(tracker_queue, &tracker->parked_work);
}

/** tracker_park_if_gated() - leave a write behind a closed gate. Return: false if it is open. */
bool tracker_park_if_gated(struct tracker *tracker, struct bio *bio)
{
	unsigned long flags;
	bool gated;

	spin_lock_irqsave(&tracker->lock, flags);
	gated = tracker->gated;
	if (gated)
		bio_list_add(&tracker->parked, bio);
	spin_unlock_irqrestore(&tracker->lock, flags);
	return gated;
}

/**
 * tracker_start_counting() - count the writes from now on.
 * @tracker: the tracker.
 *
 * The caller waits for an RCU grace period, and for the writes that were let
 * through before: see tracker_drain_queue().
 */
void tracker_start_counting(struct tracker *tracker)
{
	WRITE_ONCE(tracker->counting, true);
}

/** tracker_stop_counting() - count no more than the driver makes necessary. */
void tracker_stop_counting(struct tracker *tracker)
{
	smp_store_release(&tracker->counting, !tracker->queued);
}

/**
 * tracker_drain_queue() - wait for the writes that were let through uncounted.
 * @tracker: it counts already.
 * @bdev: its device.
 *
 * Return: 0 or -ETIMEDOUT. May sleep.
 */
int tracker_drain_queue(struct tracker *tracker, struct block_device *bdev)
{
	struct request_queue *queue = bdev_get_queue(bdev);
	int left;

	if (!tracker->queued)
		return 0;
	blk_freeze_queue_start(queue);
	left = blk_mq_freeze_queue_wait_timeout(queue, DRAIN_TIMEOUT);
	blk_mq_unfreeze_queue(queue);
	return left ? 0 : -ETIMEDOUT;
}

/*
 * The gate. Behind a closed gate writes are parked, and those that were under way
 * are waited for. Then no write is under way, and the device stands still.
 */

/** tracker_prepare_gate() - do beforehand what takes long. May sleep. */
void tracker_prepare_gate(struct tracker *tracker)
{
	percpu_ref_switch_to_atomic_sync(&tracker->inflight);
}

/** tracker_gate() - close the gate. */
void tracker_gate(struct tracker *tracker)
{
	reinit_completion(&tracker->drained);
	spin_lock_irq(&tracker->lock);
	tracker->gated = true;
	spin_unlock_irq(&tracker->lock);
	percpu_ref_kill(&tracker->inflight);
}

/** tracker_wait_drained() - wait for the writes under way. Return: false if it took too long. */
bool tracker_wait_drained(struct tracker *tracker, unsigned long timeout)
{
	return wait_for_completion_timeout(&tracker->drained, timeout);
}

/** tracker_ungate() - open the gate, let the parked writes go on. */
void tracker_ungate(struct tracker *tracker)
{
	percpu_ref_resurrect(&tracker->inflight);
	spin_lock_irq(&tracker->lock);
	tracker->gated = false;
	spin_unlock_irq(&tracker->lock);
	queue_work(tracker_queue, &tracker->parked_work);
}

/** tracker_finish_gate() - undo tracker_prepare_gate(). */
void tracker_finish_gate(struct tracker *tracker)
{
	percpu_ref_switch_to_percpu(&tracker->inflight);
}
