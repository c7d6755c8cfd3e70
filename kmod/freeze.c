// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "blksnap.h"
#include "compat.h"
#include "freeze.h"

/*
 * struct freeze - the file system of one device, frozen or about to be.
 *
 * The kernel cannot be told to give up freezing. So a worker does it, and if it
 * takes too long it is left alone, and thaws what it has frozen as soon as it
 * gets that far.
 */
struct freeze {
	struct bdev_ref ref;
	struct work_struct freeze_work;
	struct work_struct thaw_work;
	struct completion done;
	spinlock_t lock;
	bool finished;			/* lock: the worker is through */
	bool abandoned;			/* lock: the worker has to clean up */
	int result;			/* of the freeze, once finished */
	int thaw_result;		/* once thaw_work is through */
	bool has_fs;
};

static struct workqueue_struct *freeze_queue;
/* Memory may be what the frozen file systems keep back: to thaw must not need any. */
static struct workqueue_struct *thaw_queue;

int __init freeze_module_init(void)
{
	freeze_queue = alloc_workqueue("blksnap_freeze", WQ_UNBOUND, 0);
	if (!freeze_queue)
		return -ENOMEM;
	thaw_queue = alloc_workqueue("blksnap_thaw", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!thaw_queue) {
		destroy_workqueue(freeze_queue);
		return -ENOMEM;
	}
	return 0;
}

void freeze_module_exit(void)
{
	destroy_workqueue(thaw_queue);
	destroy_workqueue(freeze_queue);
}

static void do_thaw(struct work_struct *work)
{
	struct freeze *freeze = container_of(work, struct freeze, thaw_work);

	if (!freeze->result)
		freeze->thaw_result = bdev_thaw(freeze->ref.bdev);
}

static void do_freeze(struct work_struct *work)
{
	struct freeze *freeze = container_of(work, struct freeze, freeze_work);
	bool abandoned;

	freeze->result = bdev_freeze(freeze->ref.bdev);
	freeze->has_fs = !freeze->result && bdev_has_frozen_fs(freeze->ref.bdev);

	spin_lock(&freeze->lock);
	freeze->finished = true;
	abandoned = freeze->abandoned;
	if (!abandoned)
		complete(&freeze->done);
	spin_unlock(&freeze->lock);
	if (!abandoned)
		return;
	do_thaw(&freeze->thaw_work);
	bdev_ref_close(&freeze->ref);
	kfree(freeze);
}

/**
 * freeze_create() - get ready to freeze the file system on a device, if there is one.
 * @dev: the device.
 *
 * Return: what freeze_begin() and freeze_end() are called with, or ERR_PTR. May
 * sleep, but not for the file system.
 */
struct freeze *freeze_create(dev_t dev)
{
	struct freeze *freeze = kzalloc(sizeof(*freeze), GFP_KERNEL);
	int ret;

	if (!freeze)
		return ERR_PTR(-ENOMEM);
	ret = bdev_ref_open(&freeze->ref, dev);
	if (ret) {
		kfree(freeze);
		return ERR_PTR(ret);
	}
	INIT_WORK(&freeze->freeze_work, do_freeze);
	INIT_WORK(&freeze->thaw_work, do_thaw);
	init_completion(&freeze->done);
	spin_lock_init(&freeze->lock);
	return freeze;
}

/** freeze_begin() - begin to freeze; freeze_thaw() has to follow. Does not sleep. */
void freeze_begin(struct freeze *freeze)
{
	queue_work(freeze_queue, &freeze->freeze_work);
}

/**
 * freeze_wait() - wait until it is frozen, or will not be.
 * @freeze: begun.
 * @deadline: in jiffies.
 * @error: set to the errno (positive) of a refusal.
 *
 * Return: enum blk_snap_freeze.
 */
u32 freeze_wait(struct freeze *freeze, unsigned long deadline, int *error)
{
	long left = deadline - jiffies;

	if (!wait_for_completion_timeout(&freeze->done, max(left, 1L))) {
		*error = ETIMEDOUT;
		return blk_snap_freeze_timeout;
	}
	if (freeze->result) {
		*error = -freeze->result;
		return blk_snap_freeze_refused;
	}
	return freeze->has_fs ? blk_snap_freeze_frozen : blk_snap_freeze_no_fs;
}

/**
 * freeze_thaw() - begin to thaw.
 * @freeze: begun.
 *
 * In a worker as well: thawing writes, and a device that lies above another frozen
 * one cannot be written before that one is thawed too.
 *
 * Return: true if freeze_end() has to follow, when this function has been called for
 * all that were frozen together; false if it takes too long and belongs to its worker
 * from now on.
 */
bool freeze_thaw(struct freeze *freeze)
{
	bool finished;

	spin_lock(&freeze->lock);
	finished = freeze->finished;
	freeze->abandoned = !finished;
	spin_unlock(&freeze->lock);
	if (finished)
		queue_work(thaw_queue, &freeze->thaw_work);
	return finished;
}

/**
 * freeze_end() - wait until it is thawed, and forget it; or forget what was never begun.
 * @freeze: what freeze_create() returned.
 *
 * Return: 0, or what thawing says of a file system that somebody else has thawed meanwhile.
 */
int freeze_end(struct freeze *freeze)
{
	int ret;

	flush_work(&freeze->thaw_work);
	flush_work(&freeze->freeze_work);
	ret = freeze->thaw_result;
	bdev_ref_close(&freeze->ref);
	kfree(freeze);
	return ret;
}
