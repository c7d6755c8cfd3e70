/* SPDX-License-Identifier: GPL-2.0 */
/* Trackers: the devices whose writes are seen. */
#ifndef BLKSNAP_TRACKER_H
#define BLKSNAP_TRACKER_H

#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/hash.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/rculist.h>
#include <linux/workqueue.h>

#include "blksnap.h"

struct cbt_map;
struct diff_area;
struct snapshot;

/**
 * struct tracker_identity - which device it is.
 *
 * The disk, whose pointer is only compared and whose sequence number no other disk
 * ever has, and the place of the device there.
 */
struct tracker_identity {
	dev_t dev;
	const struct gendisk *disk;
	u64 diskseq;
	sector_t start;			/* first sector on the disk */
};

/**
 * struct tracker - one tracked device.
 *
 * A tracker keeps nothing of its device alive. It sees the writes of everybody to
 * its sectors, through the whole disk or through a partition, and does not mistake
 * another device for its own.
 */
struct tracker {
	struct hlist_node hash;		/* RCU; trackers_lock to change */
	struct list_head link;		/* trackers_lock: in the order of attachment */
	struct rcu_head rcu;

	struct tracker_identity id;	/* fixed */

	/*
	 * Sectors whose writes are seen. Follows a device that grows from the
	 * creation of a snapshot on, before the take makes a map of the new size.
	 */
	sector_t covered;

	/*
	 * Is no write under way that came before the tracker, or before @covered grew?
	 * Written by the drain of the snapshot that owns the tracker, see drain.c; if none
	 * does, under trackers_lock.
	 */
	bool sees_all;

	/*
	 * Changed while no write is under way, see gate.h, and under cbt_lock, which
	 * other readers than writes hold. Nothing that may wait for a frozen file
	 * system is done under cbt_lock.
	 */
	struct mutex cbt_lock;
	struct cbt_map *cbt;

	/* RCU. NULL while no taken snapshot holds the device. */
	struct diff_area __rcu *area;

	/* Held by each write that the tracker has seen, until it is done. */
	struct percpu_ref inflight;
	struct completion drained;

	spinlock_t lock;		/* irq safe */
	bool gated;			/* lock: writes are parked */
	struct bio_list parked;		/* lock */
	struct work_struct parked_work;

	/*
	 * The snapshot that holds the device. Written under trackers_lock; a write
	 * reads it without, see tracker_overlap().
	 */
	struct snapshot *owner;
	struct work_struct free_work;
};

extern struct mutex trackers_lock;
extern struct workqueue_struct *tracker_queue;

int tracker_module_init(void);
void tracker_module_exit(void);

struct tracker *tracker_attach(struct block_device *bdev);
void tracker_cover(struct tracker *tracker, sector_t capacity);
struct tracker *tracker_find(dev_t dev);
int tracker_remove(dev_t dev);
void trackers_remove_all(void);
int trackers_list(struct blk_snap_cbt_info *infos, u32 count);
int tracker_read_map(dev_t dev, u32 offset, void *buffer, u32 length);
int tracker_mark_dirty(dev_t dev, const struct blk_snap_block_range *ranges, u32 count);

struct tracker *tracker_of_bio(struct bio *bio, sector_t *sector, sector_t *count);

#define TRACKER_HASH_BITS 6

/* By disk. RCU; trackers_lock to change. */
extern struct hlist_head tracker_hash[1 << TRACKER_HASH_BITS];

static inline struct hlist_head *tracker_bucket(const struct gendisk *disk)
{
	return &tracker_hash[hash_ptr(disk, TRACKER_HASH_BITS)];
}

/**
 * tracker_overlap() - the part of a bio that lies on the tracked device.
 * @tracker: the tracker.
 * @bio: the bio.
 * @sector: first sector of the tracked device that it touches.
 * @count: how many.
 *
 * Under RCU. Return: false if there is none.
 */
static inline bool tracker_overlap(const struct tracker *tracker, struct bio *bio,
				   sector_t *sector, sector_t *count)
{
	const struct block_device *bdev = bio->bi_bdev;
	sector_t start = bio->bi_iter.bi_sector;
	sector_t end;

	if (tracker->id.disk != bdev->bd_disk)
		return false;
	/*
	 * Some drivers give a disk another number when its medium may have changed.
	 * A disk that a snapshot holds open stays what it is.
	 */
	if (tracker->id.diskseq != bdev->bd_disk->diskseq && !READ_ONCE(tracker->owner))
		return false;
	/* The rest of a bio that a driver has split counts from the start of the disk. */
	if (!bio_flagged(bio, BIO_REMAPPED))
		start += bdev->bd_start_sect;
	end = min(start + bio_sectors(bio), tracker->id.start + READ_ONCE(tracker->covered));
	start = max(start, tracker->id.start);
	if (start >= end)
		return false;
	*sector = start - tracker->id.start;
	*count = end - start;
	return true;
}

#endif
