/* SPDX-License-Identifier: GPL-2.0 */
/* Snapshots: several devices, one difference storage, one instant. */
#ifndef BLKSNAP_SNAPSHOT_H
#define BLKSNAP_SNAPSHOT_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/uuid.h>
#include <linux/workqueue.h>

#include "blksnap.h"
#include "compat.h"
#include "diff_storage.h"
#include "event_queue.h"

struct cbt_map;
struct diff_area;
struct snapimage;
struct tracker;

/** struct snapshot_device - a device of a snapshot. */
struct snapshot_device {
	/* From create to release. */
	struct bdev_ref ref;
	struct tracker *tracker;
	/* From take to release. */
	struct diff_area *area;
	struct snapimage *image;	/* NULL if it could not be made */
	struct work_struct end_work;	/* of the release: removes the image */
	u32 freeze;			/* enum blk_snap_freeze */
	int freeze_error;
};

/**
 * struct snapshot - a snapshot.
 *
 * In the list until it is destroyed, in memory until the last reference is gone.
 */
struct snapshot {
	struct list_head link;		/* snapshots_lock */
	struct kref ref;
	uuid_t id;			/* fixed */
	s64 create_time;		/* fixed; CLOCK_REALTIME, ns */

	/* One request at a time; taken before trackers_lock. Protects what follows. */
	struct mutex lock;
	bool released;
	bool taken;
	s64 take_time;
	u64 frozen_ns;
	struct snapshot_device *devices;
	u32 count;

	struct work_struct drain_work;	/* see drain.c; waited for under lock */

	/* Have locks of their own; not used after the release. */
	struct diff_storage storage;
	struct event_queue events;	/* until the last reference is gone */
};

int snapshot_create(const struct blk_snap_dev *devs, u32 count, uuid_t *id);
int snapshot_destroy(const uuid_t *id);
int snapshot_take(const uuid_t *id);
struct snapshot *snapshot_get(const uuid_t *id);
struct snapshot *snapshot_get_locked(const uuid_t *id);
void snapshot_put_locked(struct snapshot *snapshot);
void snapshot_put(struct snapshot *snapshot);
u32 snapshots_list(struct blk_snap_uuid *ids, u32 count);
void snapshot_status(struct snapshot *snapshot, struct blk_snap_snapshot_status *status);
void snapshot_device_status(const struct snapshot_device *device,
			    struct blk_snap_device_status *status);

int take_devices(struct snapshot *snapshot);

#endif
