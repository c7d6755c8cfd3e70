// SPDX-License-Identifier: GPL-2.0
/* Where an image has its data from. */
#include <linux/blkdev.h>

#include "copy.h"
#include "diff_area.h"
#include "span.h"

/**
 * diff_area_touched() - may the original have changed in these sectors?
 * @area: the area.
 * @sector: first sector.
 * @count: how many, not beyond the end.
 *
 * Any context.
 */
bool diff_area_touched(struct diff_area *area, sector_t sector, sector_t count)
{
	sector_t end = sector + count;

	while (sector < end) {
		struct span span = span_at(area, sector, end);
		struct chunk *chunk = xa_load(&area->chunks, span.index);

		if (chunk && chunk_holds_any(chunk, span.mask))
			return true;
		sector = span.next;
	}
	return false;
}

/* The state of one chunk from a sector on. Return: whether the run may go on behind it. */
static bool locate_in_chunk(struct diff_area *area, struct chunk *chunk, sector_t sector,
			    const struct span *span, struct data_run *run)
{
	unsigned int unit = (sector - span->start) >> area->unit_shift;
	sector_t within = sector - span->start;
	sector_t end = span->next - span->start;	/* of the run, in the chunk */
	const struct extent *extent;
	unsigned int units;
	unsigned long flags;
	struct copy *copy;
	u64 held;

	spin_lock_irqsave(&chunk->lock, flags);
	held = chunk->held >> unit;
	if (!(held & 1)) {
		if (held)
			end = min(end, (sector_t)(unit + __ffs64(held)) << area->unit_shift);
		run->sectors += end - within;
		spin_unlock_irqrestore(&chunk->lock, flags);
		return span->start + end == span->next;
	}
	if (run->sectors)
		goto out;	/* the run so far is in the original, this is not */

	if (chunk->stored & BIT_ULL(unit)) {
		extent = chunk_find_extent(chunk, unit);
		/* Of an extent of several copies, some may not be stored yet. */
		units = min(extent->first + extent->more + 1 - unit, run_length(chunk->stored, unit));
		end = min(end, (sector_t)(unit + units) << area->unit_shift);
		run->place = data_in_storage;
		run->region.bdev = area->storage->bdevs[extent->device];
		run->region.sector = extent->sector + within -
				     ((sector_t)extent->first << area->unit_shift);
		run->sectors = end - within;
		goto out;
	}
	list_for_each_entry(copy, &chunk->copies, link) {
		if (unit < copy->first || unit >= copy->first + copy->units)
			continue;
		refcount_inc(&copy->refs);
		end = min(end, (sector_t)(copy->first + copy->units) << area->unit_shift);
		run->place = data_in_memory;
		run->copy = copy;
		run->copy_offset = within - ((sector_t)copy->first << area->unit_shift);
		run->sectors = end - within;
		goto out;
	}
	/* Held, but neither stored nor in memory: storing it failed, and so did the area. */
out:
	spin_unlock_irqrestore(&chunk->lock, flags);
	return false;
}

/**
 * diff_area_locate() - where the image has its data from.
 * @area: the area.
 * @sector: first sector of the image.
 * @count: how many, not beyond the end.
 * @run: filled in with the longest run from @sector on that is in one place. If
 *	 that is memory, the caller has to drop the reference to @run->copy.
 *	 Zero sectors long if the area is lost.
 *
 * Data in the original may be overwritten at any time: who reads them has to ask
 * diff_area_touched() and diff_area_failed() afterwards. Any context.
 */
void diff_area_locate(struct diff_area *area, sector_t sector, sector_t count,
		      struct data_run *run)
{
	sector_t end = sector + count;
	bool more = true;

	run->place = data_in_original;
	run->region.bdev = area->bdev;
	run->region.sector = sector;
	run->sectors = 0;
	run->copy = NULL;

	while (more && sector < end) {
		struct span span = span_at(area, sector, end);
		struct chunk *chunk = xa_load(&area->chunks, span.index);

		if (chunk)
			more = locate_in_chunk(area, chunk, sector, &span, run);
		else
			run->sectors += span.next - sector;
		sector = span.next;
	}
}
