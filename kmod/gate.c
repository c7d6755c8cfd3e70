// SPDX-License-Identifier: GPL-2.0
/*
 * The gate of a tracker. Behind a closed gate writes are parked, and those that
 * were under way are waited for. Then no write is under way, and the device
 * stands still.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/part_stat.h>

#include "filter.h"
#include "gate.h"
#include "tracker.h"

/* A queue that does not get empty in this time belongs to a device that hangs. */
#define DRAIN_TIMEOUT (30 * HZ)

/** tracker_resubmit_parked() - the work of going on with parked writes. */
void tracker_resubmit_parked(struct work_struct *work)
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

static unsigned int writes_of(struct block_device *bdev)
{
	unsigned int sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += part_stat_local_read_cpu(bdev, in_flight[1], cpu);
	return sum;
}

/*
 * Writes that the driver counts as under way. Drivers with a request queue do not. A
 * write through a partition is counted there, and not for the whole disk.
 */
static unsigned int writes_in_flight(struct block_device *bdev)
{
	struct block_device *part;
	unsigned int sum = 0;
	unsigned long index;

	if (bdev_is_partition(bdev))
		return writes_of(bdev);
	rcu_read_lock();
	xa_for_each(&bdev->bd_disk->part_tbl, index, part)
		sum += writes_of(part);
	rcu_read_unlock();
	return sum;
}

static int drain_queue(struct request_queue *queue)
{
	int left;

	blk_freeze_queue_start(queue);
	left = blk_mq_freeze_queue_wait_timeout(queue, DRAIN_TIMEOUT);
	blk_mq_unfreeze_queue(queue);
	return left ? 0 : -ETIMEDOUT;
}

static int drain_driver(struct tracker *tracker, struct block_device *bdev)
{
	unsigned long deadline = jiffies + DRAIN_TIMEOUT;
	int ret = 0;

	/*
	 * Behind the gate none come after, and the number falls to nothing. Those that the
	 * tracker counts first: a sum over processors may miss an old write for one that
	 * begins on a processor and ends on another meanwhile.
	 */
	tracker_prepare_gate(tracker);
	tracker_gate(tracker);
	if (!tracker_wait_drained(tracker, DRAIN_TIMEOUT))
		ret = -ETIMEDOUT;
	while (!ret && writes_in_flight(bdev)) {
		if (time_after(jiffies, deadline)) {
			ret = -ETIMEDOUT;
			break;
		}
		msleep(1);
	}
	tracker_ungate(tracker);
	tracker_finish_gate(tracker);
	return ret;
}

/**
 * tracker_drain_before() - wait for the writes from before a tracker was there.
 * @tracker: a fresh one; everybody has seen it since, see drain.c.
 * @bdev: its device.
 *
 * Return: 0 or -ETIMEDOUT. May sleep.
 */
int tracker_drain_before(struct tracker *tracker, struct block_device *bdev)
{
	struct request_queue *queue = bdev_get_queue(bdev);

	if (!queue_is_mq(queue))
		return drain_driver(tracker, bdev);
	/* The second time for those who were held up by the first at the entrance. */
	return drain_queue(queue) ?: drain_queue(queue);
}

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
	unsigned long deadline = jiffies + timeout;

	/* A gate that was opened too early may have left a late completion behind. */
	do {
		if (!wait_for_completion_timeout(&tracker->drained,
						 max_t(long, deadline - jiffies, 1)))
			return false;
	} while (!percpu_ref_is_zero(&tracker->inflight));
	return true;
}

/** tracker_ungate() - open the gate, let the parked writes go on. */
void tracker_ungate(struct tracker *tracker)
{
	/* What the take has switched is there for every write that finds the gate open. */
	smp_mb();
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
