/* SPDX-License-Identifier: GPL-2.0 */
/* A copy: old data of adjacent units on their way to the difference storage. */
#ifndef BLKSNAP_COPY_H
#define BLKSNAP_COPY_H

#include <linux/bio.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "chunk.h"

struct diff_area;
struct preserve;

/** struct copy - old data of units of one chunk, in memory. */
struct copy {
	refcount_t refs;		/* the transfer, and image reads */
	struct diff_area *area;		/* holds a reference */
	struct chunk *chunk;
	unsigned int first;		/* unit of the chunk */
	unsigned int units;
	sector_t sector;		/* in the original */
	sector_t sectors;		/* shorter at the end of the device */
	struct region region;		/* in the storage */

	struct list_head link;		/* chunk.lock: chunk.copies */
	struct list_head load_waiters;	/* chunk.lock: struct preserve of others */
	struct list_head store_waiters;	/* chunk.lock: the same, until it is stored */
	struct preserve *owner;		/* who started it, until told; chunk.lock */
	bool owner_until_stored;

	struct bio *bio;
	struct work_struct store_work;
	struct extent *extent;		/* until the units are claimed */
	unsigned int page_count;
	struct page **pages;
};

int copy_module_init(void);
void copy_module_exit(void);

bool copy_is_own_bio(const struct bio *bio);
bool copy_memory_short(void);
void copy_memory_wait(void);

struct copy *copy_alloc(struct diff_area *area, unsigned int units, gfp_t gfp);
void copy_put(struct copy *copy);
void copy_start(struct copy *copy);
void copy_read(struct copy *copy, sector_t offset, struct bio *to, struct bvec_iter iter);

#endif
