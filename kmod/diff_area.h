/* SPDX-License-Identifier: GPL-2.0 */
/* Difference area: what is kept of one device of a snapshot. */
#ifndef BLKSNAP_DIFF_AREA_H
#define BLKSNAP_DIFF_AREA_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/percpu-refcount.h>
#include <linux/xarray.h>

#include "chunk.h"

struct copy;
struct event;

/**
 * struct diff_area - old data of one device, from the take to the destroy.
 */
struct diff_area {
	/*
	 * Held by each write that waits for a copy, each copy and each image
	 * read. Nothing is freed before all of them are gone.
	 */
	struct percpu_ref ref;
	struct completion unused;

	/* Fixed for the life of the area. */
	struct block_device *bdev;	/* the original, held open by the snapshot */
	struct diff_storage *storage;
	struct event_queue *events;
	sector_t capacity;		/* of the original at take */
	unsigned int chunk_shift;	/* sectors */
	unsigned int unit_shift;	/* sectors */

	/* Index to struct chunk. Entries are added, never replaced or removed. */
	struct xarray chunks;

	/* errno (positive) that lost the area. Goes from 0 to a value once. */
	int error;
	struct event *corrupted_event;	/* for whoever sets @error */

	/* Did the last read that could be done at once get done at once? Only a guess. */
	bool reads_at_once;

	atomic64_t copied;		/* sectors */
	atomic64_t image_read;		/* sectors */
};

/**
 * struct preserve - the wish to have the old data of a range kept.
 *
 * Belongs to one caller at a time: to the code that runs diff_area_preserve()
 * or, after that returned -EINPROGRESS, to nobody until @ready is called.
 */
struct preserve {
	sector_t pos;			/* everything before is done */
	sector_t end;
	bool until_stored;		/* in memory is not enough */
	void (*ready)(struct preserve *preserve);

	unsigned int wanted;		/* pages, while it is in line for memory */
	unsigned int reserved;		/* pages of the limit that no copy has got yet */
	atomic_t pending;		/* copies to wait for, and the running call */
	struct list_head link;		/* in a copy of somebody else, chunk.lock; or in the line */
};

/** enum data_place - where the data of an image are. */
enum data_place {
	data_in_original,
	data_in_storage,
	data_in_memory,
};

/** struct data_run - adjacent sectors of an image that are in one place. */
struct data_run {
	enum data_place place;
	sector_t sectors;		/* length */
	struct region region;		/* in the original or in the storage */
	struct copy *copy;		/* in memory: holds a reference */
	sector_t copy_offset;		/* sectors from the start of the copy */
};

struct diff_area *diff_area_create(struct block_device *bdev, struct diff_storage *storage,
				   struct event_queue *events);
void diff_area_retire(struct diff_area *area);
void diff_area_kill(struct diff_area *area);
void diff_area_free(struct diff_area *area);
bool diff_area_settled(struct diff_area *area, sector_t sector, sector_t count);
bool diff_area_touched(struct diff_area *area, sector_t sector, sector_t count);
int diff_area_preserve(struct diff_area *area, struct preserve *preserve, gfp_t gfp);
void preserve_put(struct preserve *preserve);
void preserve_put_all(struct list_head *preserves);
void diff_area_fail(struct diff_area *area, int error);
void diff_area_locate(struct diff_area *area, sector_t sector, sector_t count,
		      struct data_run *run);

static inline bool diff_area_failed(const struct diff_area *area)
{
	return READ_ONCE(area->error);
}

/** diff_area_dying() - is nobody going to read what is kept? */
static inline bool diff_area_dying(struct diff_area *area)
{
	return percpu_ref_is_dying(&area->ref);
}

static inline bool diff_area_tryget(struct diff_area *area)
{
	return percpu_ref_tryget_live(&area->ref);
}

static inline void diff_area_put(struct diff_area *area)
{
	percpu_ref_put(&area->ref);
}

#endif
