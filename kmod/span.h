/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of a range of sectors: one for each chunk. */
#ifndef BLKSNAP_SPAN_H
#define BLKSNAP_SPAN_H

#include "diff_area.h"

/** struct span - the part of a range that lies in one chunk. */
struct span {
	unsigned long index;		/* of the chunk */
	sector_t start;			/* first sector of the chunk */
	sector_t next;			/* first sector behind the part */
	u64 mask;			/* units that it touches */
};

/** span_at() - the first part of the sectors from @sector to @end. */
static inline struct span span_at(const struct diff_area *area, sector_t sector, sector_t end)
{
	struct span span;

	span.index = sector >> area->chunk_shift;
	span.start = (sector_t)span.index << area->chunk_shift;
	span.next = min_t(sector_t, end, span.start + (1ULL << area->chunk_shift));
	span.mask = chunk_mask((sector - span.start) >> area->unit_shift,
			       (span.next - 1 - span.start) >> area->unit_shift);
	return span;
}

/** run_length() - how many units in a row are in a mask, from the first on. */
static inline unsigned int run_length(u64 mask, unsigned int first)
{
	u64 gap = ~(mask >> first);

	return gap ? __ffs64(gap) : CHUNK_MAX_UNITS;
}

#endif
