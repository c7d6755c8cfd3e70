/* SPDX-License-Identifier: GPL-2.0 */
/* A chunk: which of its units are copied, and where they are. */
#ifndef BLKSNAP_CHUNK_H
#define BLKSNAP_CHUNK_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "diff_storage.h"

/* Units of a chunk are the bits of a word. */
#define CHUNK_MAX_UNITS 64

/**
 * struct extent - adjacent units of a chunk that are adjacent in the storage too.
 *
 * In the worst case each unit has one, so that it is a single word.
 */
struct extent {
	u64 sector : STORAGE_SECTOR_BITS;
	u64 device : STORAGE_DEVICE_BITS;
	u64 first : 6;			/* unit of the chunk */
	u64 more : 6;			/* units behind it */
};

/** struct extent_block - extents of a chunk, as many as make a round size. */
struct extent_block {
	struct extent_block *next;
	struct extent extents[7];
};

/**
 * struct chunk - state of up to 64 units of the original.
 *
 * A unit goes one way: untouched, claimed (a copy has been started), held (its
 * old data are in memory, so the original may be overwritten), stored (they are
 * in the difference storage). A bit is never cleared. Chunks are made at the
 * first touch and live as long as their area.
 */
struct chunk {
	spinlock_t lock;		/* irq safe; taken before diff_storage.lock */
	u32 extent_count;		/* lock */
	u64 claimed;			/* written under lock */
	u64 held;			/* written under lock, read by chunk_holds() */
	u64 stored;			/* lock */
	struct extent oldest;		/* lock: where claimed units are or will be, and */
	struct extent_block *extents;	/* lock: the extents after it, the newest block first */
	struct list_head copies;	/* lock: struct copy, not yet stored */
};

/** chunk_mask() - the bits of units @first to @last. */
static inline u64 chunk_mask(unsigned int first, unsigned int last)
{
	return GENMASK_ULL(last, first);
}

/**
 * chunk_holds() - may the original be overwritten in these units?
 *
 * Without the lock, since bits are only ever set. What was done before a bit
 * was set is seen by whoever sees the bit.
 */
static inline bool chunk_holds(const struct chunk *chunk, u64 mask)
{
	return !(mask & ~smp_load_acquire(&chunk->held));
}

/** chunk_holds_any() - may the original have been overwritten in one of these units? */
static inline bool chunk_holds_any(const struct chunk *chunk, u64 mask)
{
	return mask & smp_load_acquire(&chunk->held);
}

int chunk_module_init(void);
void chunk_module_exit(void);

struct chunk *chunk_create(gfp_t gfp);
void chunk_free(struct chunk *chunk);
struct extent_block *extent_block_alloc(gfp_t gfp);
void extent_block_free(struct extent_block *block);
bool chunk_claim(struct chunk *chunk, unsigned int first, unsigned int count,
		 const struct region *region, unsigned int unit_sectors,
		 struct extent_block *block);
const struct extent *chunk_find_extent(const struct chunk *chunk, unsigned int unit);

#endif
