/* SPDX-License-Identifier: GPL-2.0 */
/* What each request does: arguments in, work, answers out. */
#ifndef BLKSNAP_REQUESTS_H
#define BLKSNAP_REQUESTS_H

#include <linux/kdev_t.h>

#include "blksnap.h"

/* A pointer in a structure that user space has filled in. */
#define user_pointer(pointer) ((void __user __force *)(pointer))

/** user_dev() - a device number from user space; 0, which is no device, if it is none. */
static inline dev_t user_dev(const struct blk_snap_dev *dev)
{
	return dev->mj < (1 << (32 - MINORBITS)) && dev->mn <= MINORMASK ?
	       MKDEV(dev->mj, dev->mn) : 0;
}

/* Each takes the user's argument, and returns 0, a count or an error. */

/* tracker_requests.c */
long request_tracker_remove(void __user *argument);
long request_tracker_collect(void __user *argument);
long request_tracker_read_cbt_map(void __user *argument);
long request_tracker_mark_dirty_blocks(void __user *argument);

/* snapshot_requests.c */
long request_version(void __user *argument);
long request_mod(void __user *argument);
long request_snapshot_create(void __user *argument);
long request_snapshot_destroy(void __user *argument);
long request_snapshot_append_storage(void __user *argument);
long request_snapshot_take(void __user *argument);
long request_snapshot_collect(void __user *argument);
long request_snapshot_collect_images(void __user *argument);
long request_snapshot_wait_event(void __user *argument);

/* status_requests.c */
long request_snapshot_status(void __user *argument);
long request_snapshot_collect_devices(void __user *argument);
long request_snapshot_collect_storage(void __user *argument);
long request_snapshot_hold_file(void __user *argument);
long request_snapshot_set_low_space(void __user *argument);

#endif
