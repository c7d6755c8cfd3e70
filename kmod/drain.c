// SPDX-License-Identifier: GPL-2.0
/*
 * A tracker sees the writes that enter submit_bio_noacct() after it is there. One that
 * entered before may be held up for any time on its way to the device, and would change
 * it after the take, unseen. Where it may be, in the order in which it is waited for:
 *
 *  - in a task that has passed the hook and lost its processor since;
 *  - in the list of bios that a task still has to submit, below another driver's submit
 *    function, or as the rest of a write that was split, while the task sleeps;
 *  - in the driver, which is what tracker_drain_before() waits for.
 *
 * This takes from a tenth of a second up, so it begins when the snapshot is created, and
 * the take waits for its end, while nothing is frozen yet.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "drain.h"
#include "gate.h"
#include "snapshot.h"
#include "tracker.h"

/* A task that submits for longer than this sleeps in a driver that hangs. */
#define SUBMIT_TIMEOUT (30 * HZ)

/* Tasks that are in the middle of submitting bios, referenced; up to @room of them. */
static u32 find_submitters(struct task_struct **tasks, u32 room)
{
	struct task_struct *process, *task;
	u32 count = 0;

	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (!READ_ONCE(task->bio_list))
			continue;
		if (count < room)
			tasks[count] = get_task_struct(task);
		count++;
	}
	rcu_read_unlock();
	return count;
}

/* Drops those that are not submitting now. Return: how many are left. */
static u32 drop_idle(struct task_struct **tasks, u32 count)
{
	u32 left = 0, i;

	for (i = 0; i < count; i++) {
		if (READ_ONCE(tasks[i]->bio_list))
			tasks[left++] = tasks[i];
		else
			put_task_struct(tasks[i]);
	}
	return left;
}

/* Each task that is submitting now is seen once when it is not. */
static int wait_for_submitters(void)
{
	unsigned long deadline = jiffies + SUBMIT_TIMEOUT;
	struct task_struct **tasks;
	u32 room = 256, count, left;

	for (;;) {
		tasks = kvmalloc_array(room, sizeof(*tasks), GFP_KERNEL);
		if (!tasks)
			return -ENOMEM;
		count = find_submitters(tasks, room);
		left = min(count, room);
		if (count <= room)
			break;
		while (left)
			put_task_struct(tasks[--left]);
		kvfree(tasks);
		room = 2 * count;
	}
	while ((left = drop_idle(tasks, left)) && time_before(jiffies, deadline))
		fsleep(500);
	count = left;
	while (left)
		put_task_struct(tasks[--left]);
	kvfree(tasks);
	return count ? -ETIMEDOUT : 0;
}

static bool is_drained(const struct snapshot *snapshot)
{
	u32 i;

	for (i = 0; i < snapshot->count; i++)
		if (!snapshot->devices[i].tracker->sees_all)
			return false;
	return true;
}

static int drain(struct snapshot *snapshot)
{
	int ret;
	u32 i;

	if (is_drained(snapshot))
		return 0;
	/*
	 * Everybody who enters from here on finds the trackers. And every task sleeps, or
	 * gets to user space: then none is left between the hook and the places that the
	 * rest of this waits for, also none that was preempted there. (A kernel without
	 * preemption makes a plain RCU grace period of this.)
	 */
	synchronize_rcu_tasks();
	ret = wait_for_submitters();
	for (i = 0; i < snapshot->count && !ret; i++) {
		struct snapshot_device *device = &snapshot->devices[i];

		if (device->tracker->sees_all)
			continue;
		ret = tracker_drain_before(device->tracker, device->ref.bdev);
		device->tracker->sees_all = !ret;
	}
	return ret;
}

static void drain_work(struct work_struct *work)
{
	/* Should it fail, the take tries again, and says so. */
	drain(container_of(work, struct snapshot, drain_work));
}

/** drain_init() - for a new snapshot. */
void drain_init(struct snapshot *snapshot)
{
	INIT_WORK(&snapshot->drain_work, drain_work);
}

/** drain_begin() - begin to wait, in the background. The snapshot has its trackers. */
void drain_begin(struct snapshot *snapshot)
{
	if (!is_drained(snapshot))
		queue_work(system_unbound_wq, &snapshot->drain_work);
}

/** drain_wait() - wait until the background is through, well or not. May sleep. */
void drain_wait(struct snapshot *snapshot)
{
	flush_work(&snapshot->drain_work);
}

/**
 * drain_finish() - wait to the end.
 * @snapshot: locked, after drain_wait().
 *
 * Return: 0; then its trackers see all writes that are under way and that come. Or
 * -ETIMEDOUT, -ENOMEM. May sleep.
 */
int drain_finish(struct snapshot *snapshot)
{
	return drain(snapshot);
}

/** drain_cancel() - the snapshot is coming to its end. May sleep. */
void drain_cancel(struct snapshot *snapshot)
{
	cancel_work_sync(&snapshot->drain_work);
}
