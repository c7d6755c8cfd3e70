/* SPDX-License-Identifier: GPL-2.0 */
/* A copy: old data of adjacent units on their way to the difference storage. */
#ifndef BLKSNAP_COPY_H
#define BLKSNAP_COPY_H

#include <linux/bio.h>
#include <linux/refcount.h>

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

	struct copy *next;		/* in whatever list it is */
	struct list_head sorted;	/* while it is stored */
	struct extent_block *extents;	/* memory for when the units are claimed */
	unsigned int reserved;		/* pages of the limit, see copy_memory.c */

	struct bio bio;			/* for the old data alone: to read, or to store */
	unsigned int room;		/* for pages */
	unsigned int page_count;	/* may be more than are used */
	struct bio_vec vecs[];		/* all of its pages */
};

/** copy_pages() - how many pages of the copy are used. */
static inline unsigned int copy_pages(const struct copy *copy)
{
	return copy->bio.bi_vcnt;
}

struct copy *copy_alloc(struct diff_area *area, unsigned int units, gfp_t gfp);
void copy_put(struct copy *copy);
void copy_start(struct copy *copy);
void copy_end(struct copy *copy, bool stored, struct copy **unused);
void copy_free_list(struct copy *first);
void copy_read(struct copy *copy, sector_t offset, struct bio *to, struct bvec_iter iter);

#endif
