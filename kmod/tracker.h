/* SPDX-License-Identifier: GPL-2.0 */
/* Trackers: the devices whose writes are seen. */
#ifndef BLKSNAP_TRACKER_H
#define BLKSNAP_TRACKER_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/jump_label.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/rculist.h>
#include <linux/workqueue.h>

#include "blksnap.h"

struct cbt_map;
struct diff_area;
struct snapshot;

/**
 * struct tracker - one tracked device.
 *
 * A tracker keeps nothing of its device alive. It knows the device by the disk,
 * whose pointer is only compared and whose sequence number no other disk ever
 * has, and by the sectors that it covers there. So it sees the writes of
 * everybody to these sectors, through the whole disk or through a partition, and
 * does not mistake another device for its own.
 */
struct tracker {
	struct hlist_node hash;		/* RCU; trackers_lock to change */
	struct list_head link;		/* trackers_lock: in the order of attachment */
	struct rcu_head rcu;

	/* Fixed. */
	dev_t dev;
	const struct gendisk *disk;
	u64 diskseq;
	sector_t start;			/* first sector on the disk */
	bool queued;			/* the driver has a request queue that can be drained */

	/*
	 * Changed while no write is under way, see tracker_gate(), and under
	 * cbt_lock, which other readers than writes hold. Nothing that may wait
	 * for a frozen file system is done under cbt_lock.
	 */
	struct mutex cbt_lock;
	sector_t capacity;
	struct cbt_map *cbt;

	/* RCU. NULL while no taken snapshot holds the device. */
	struct diff_area __rcu *area;

	/*
	 * All writes are counted in @inflight until they are done. Set from the
	 * creation of a snapshot to its take; always, where the driver has no
	 * request queue. Otherwise a write that needs no copy is let through
	 * uncounted.
	 */
	bool counting;
	struct percpu_ref inflight;
	struct completion drained;

	spinlock_t lock;		/* irq safe */
	bool gated;			/* lock: writes are parked */
	struct bio_list parked;		/* lock */
	struct work_struct parked_work;

	struct snapshot *owner;		/* trackers_lock: the snapshot that holds the device */
	struct work_struct free_work;
};

extern struct mutex trackers_lock;
DECLARE_STATIC_KEY_FALSE(trackers_exist);

int tracker_module_init(void);
void tracker_module_exit(void);

struct tracker *tracker_attach(struct block_device *bdev);
struct tracker *tracker_find(dev_t dev);
bool tracker_matches(const struct tracker *tracker, const struct block_device *bdev);
int tracker_remove(dev_t dev);
void trackers_remove_all(void);
u32 trackers_list(struct blk_snap_cbt_info *infos, u32 count);
int tracker_read_map(dev_t dev, u32 offset, void *buffer, u32 length);
int tracker_mark_dirty(dev_t dev, const struct blk_snap_block_range *ranges, u32 count);

struct tracker *tracker_of_bio(struct bio *bio, sector_t *sector, sector_t *count);
bool tracker_passes(struct bio *bio);
void tracker_park(struct tracker *tracker, struct bio *bio);
bool tracker_park_if_gated(struct tracker *tracker, struct bio *bio);

void tracker_start_counting(struct tracker *tracker);
void tracker_stop_counting(struct tracker *tracker);
int tracker_drain_queue(struct tracker *tracker, struct block_device *bdev);
void tracker_prepare_gate(struct tracker *tracker);
void tracker_gate(struct tracker *tracker);
bool tracker_wait_drained(struct tracker *tracker, unsigned long timeout);
void tracker_ungate(struct tracker *tracker);
void tracker_finish_gate(struct tracker *tracker);

#endif
