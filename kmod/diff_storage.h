/* SPDX-License-Identifier: GPL-2.0 */
/* Difference storage: where the old data of changed blocks are kept. */
#ifndef BLKSNAP_DIFF_STORAGE_H
#define BLKSNAP_DIFF_STORAGE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "blksnap.h"
#include "store_queue.h"

struct block_device;
struct event;
struct event_queue;

/* A place in a storage is a device of it and a sector, and both fit into a word. */
#define STORAGE_SECTOR_BITS	44
#define STORAGE_DEVICE_BITS	8
#define STORAGE_MAX_DEVICES	(1 << STORAGE_DEVICE_BITS)

/** struct region - sectors handed out for old data. */
struct region {
	struct block_device *bdev;
	unsigned int device;		/* number of it in the storage */
	sector_t sector;
};

/**
 * struct diff_storage - the storage of one snapshot, shared by its devices.
 *
 * Ranges are used in the order in which they were given, from front to back,
 * and nothing is given back before the snapshot ends.
 */
struct diff_storage {
	struct mutex append_lock;	/* one append at a time; protects files, devices, changes of ranges */
	struct list_head devices;	/* append_lock: struct storage_device */
	unsigned int device_count;	/* append_lock */
	/* By number; written under append_lock, before anything of the device is handed out. */
	struct block_device *bdevs[STORAGE_MAX_DEVICES];
	struct list_head files;		/* append_lock: struct held_file */
	struct event_queue *events;
	struct store_queue stores;	/* has a lock of its own */

	spinlock_t lock;		/* irq safe, protects what follows */
	struct list_head ranges;	/* struct storage_range; added to under append_lock too */
	struct storage_range *current_range;
	unsigned int range_count;
	u64 capacity;			/* sectors given */
	u64 filled;			/* sectors in use, or lost at the end of a range */
	u64 requested;			/* sectors asked for */
	u64 low_space;			/* the mark that user space has set, 0 if it has not */
	u64 low_mark;			/* ask for more when so few sectors are free */
	bool low;			/* asked, and not answered yet */
	struct event *low_event;	/* the next one */
};

int diff_storage_init(struct diff_storage *storage, struct event_queue *events);
void diff_storage_free(struct diff_storage *storage);
int diff_storage_append(struct diff_storage *storage, dev_t dev,
			const struct blk_snap_block_range *ranges, u32 count);
int diff_storage_set_low_space(struct diff_storage *storage, u64 sectors);
int diff_storage_hold_file(struct diff_storage *storage, int fd);
unsigned int diff_storage_alloc(struct diff_storage *storage, unsigned int unit_sectors,
				unsigned int units, struct region *region);
u32 diff_storage_list(struct diff_storage *storage, struct blk_snap_storage_range *ranges,
		      u32 count);

#endif
