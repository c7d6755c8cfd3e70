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
	struct work_struct work;
	struct completion done;
	spinlock_t lock;
	bool finished;			/* lock: the worker is through */
	bool abandoned;			/* lock: the worker has to clean up */
	int result;			/* of the freeze, once finished */
	bool has_fs;
};

static struct workqueue_struct *freeze_queue;

int __init freeze_module_init(void)
{
	freeze_queue = alloc_workqueue("blksnap_freeze", WQ_UNBOUND, 0);
	return freeze_queue ? 0 : -ENOMEM;
}

void freeze_module_exit(void)
{
	destroy_workqueue(freeze_queue);
}

static void freeze_free(struct freeze *freeze)
{
	if (!freeze->result)
		bdev_thaw(freeze->ref.bdev);
	bdev_ref_close(&freeze->ref);
	kfree(freeze);
}

static void freeze_work(struct work_struct *work)
{
	struct freeze *freeze = container_of(work, struct freeze, work);
	bool abandoned;

	freeze->result = bdev_freeze(freeze->ref.bdev);
	freeze->has_fs = !freeze->result && bdev_has_frozen_fs(freeze->ref.bdev);

	spin_lock(&freeze->lock);
	freeze->finished = true;
	abandoned = freeze->abandoned;
	if (!abandoned)
		complete(&freeze->done);
	spin_unlock(&freeze->lock);
	if (abandoned)
		freeze_free(freeze);
}

/**
 * freeze_start() - begin to freeze the file system on a device, if there is one.
 * @dev: the device.
 *
 * Return: what freeze_end() has to be called with, or ERR_PTR. May sleep, but
 * not for the file system.
 */
struct freeze *freeze_start(dev_t dev)
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
	INIT_WORK(&freeze->work, freeze_work);
	init_completion(&freeze->done);
	spin_lock_init(&freeze->lock);
	queue_work(freeze_queue, &freeze->work);
	return freeze;
}

/**
 * freeze_wait() - wait until it is frozen, or will not be.
 * @freeze: from freeze_start().
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

/** freeze_end() - thaw, now or as soon as it is frozen. May sleep. */
void freeze_end(struct freeze *freeze)
{
	bool finished;

	spin_lock(&freeze->lock);
	finished = freeze->finished;
	freeze->abandoned = !finished;
	spin_unlock(&freeze->lock);
	if (finished)
		freeze_free(freeze);
}
