// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "copy.h"
#include "copy_memory.h"
#include "copy_pool.h"
#include "diff_area.h"
#include "event_queue.h"
#include "params.h"
#include "span.h"

/* Copies that one write has under way at most, so that a huge one does not take all memory. */
#define PRESERVE_WINDOW 16

/* Longer ranges are not looked through with preemption disabled. */
#define SETTLED_MAX_CHUNKS 8

static atomic_t areas;

static void area_unused(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct diff_area, ref)->unused);
}

/**
 * diff_area_create() - an area that keeps nothing yet.
 * @bdev: the original, held open until the area is freed.
 * @storage: where old data go.
 * @events: who hears that the area is lost.
 *
 * Return: the area or ERR_PTR(-ENOMEM). May sleep.
 */
struct diff_area *diff_area_create(struct block_device *bdev, struct diff_storage *storage,
				   struct event_queue *events)
{
	struct diff_area *area = kzalloc(sizeof(*area), GFP_KERNEL);
	unsigned int chunk_shift, unit_shift;
	int ret = -ENOMEM;

	if (!area)
		return ERR_PTR(ret);
	area->corrupted_event = event_alloc();
	if (!area->corrupted_event)
		goto out_free;
	init_completion(&area->unused);
	ret = percpu_ref_init(&area->ref, area_unused, 0, GFP_KERNEL);
	if (ret)
		goto out_event;

	area->bdev = bdev;
	area->storage = storage;
	area->events = events;
	area->capacity = bdev_nr_sectors(bdev);
	area->reads_at_once = true;
	xa_init(&area->chunks);

	chunk_shift = params_fit_shift((u64)area->capacity << SECTOR_SHIFT, chunk_minimum_shift,
				       chunk_maximum_shift, 1ULL << chunk_maximum_count_shift);
	unit_shift = max_t(unsigned int, PAGE_SHIFT, ilog2(bdev_logical_block_size(bdev)));
	chunk_shift = max(chunk_shift, unit_shift);
	unit_shift = max_t(unsigned int, unit_shift, chunk_shift - ilog2(CHUNK_MAX_UNITS));
	area->chunk_shift = chunk_shift - SECTOR_SHIFT;
	area->unit_shift = unit_shift - SECTOR_SHIFT;
	atomic_inc(&areas);
	return area;

out_event:
	kfree(area->corrupted_event);
out_free:
	kfree(area);
	return ERR_PTR(ret);
}

/**
 * diff_area_retire() - its device is about to be written without asking.
 * @area: the area.
 *
 * What is being read for an image from the original may be overwritten from then on.
 */
void diff_area_retire(struct diff_area *area)
{
	/* Nobody has to be told. */
	cmpxchg(&area->error, 0, ESHUTDOWN);
}

/** diff_area_kill() - no new users from now on; diff_area_free() has to follow. */
void diff_area_kill(struct diff_area *area)
{
	percpu_ref_kill(&area->ref);
	store_queue_hurry(&area->storage->stores);
}

/** diff_area_free() - wait for the last user and free the area. May sleep. */
void diff_area_free(struct diff_area *area)
{
	struct chunk *chunk;
	unsigned long index;

	wait_for_completion(&area->unused);
	percpu_ref_exit(&area->ref);
	xa_for_each(&area->chunks, index, chunk) {
		chunk_free(chunk);
		cond_resched();
	}
	xa_destroy(&area->chunks);
	kfree(area->corrupted_event);
	kfree(area);
	if (atomic_dec_and_test(&areas))
		copy_pool_trim();
}

/**
 * diff_area_fail() - the area cannot show its image any more.
 * @area: the area.
 * @error: why, an errno (positive).
 *
 * The first call counts, and is told to user space. Whoever overwrites the
 * original afterwards has seen the error, so an image read that finds no error
 * after it got its data has got the right data. Any context.
 */
void diff_area_fail(struct diff_area *area, int error)
{
	dev_t dev = area->bdev->bd_dev;
	struct blk_snap_event_corrupted data = {
		.orig_dev_id = { .mj = MAJOR(dev), .mn = MINOR(dev) },
		.err_code = error,
	};
	struct event *event;

	if (cmpxchg(&area->error, 0, error))
		return;
	event = area->corrupted_event;
	area->corrupted_event = NULL;
	event_fill(event, blk_snap_event_code_corrupted, &data, sizeof(data));
	event_queue_push(area->events, event);
	pr_err("the image of %u:%u is lost, error %d\n", MAJOR(dev), MINOR(dev), error);
}

/**
 * diff_area_settled() - may a write to these sectors go on at once?
 * @area: the area.
 * @sector: first sector of the original.
 * @count: how many.
 *
 * Return: true if all old data are kept, false if not or if it takes long to find out.
 */
bool diff_area_settled(struct diff_area *area, sector_t sector, sector_t count)
{
	sector_t end = min(sector + count, area->capacity);

	if (diff_area_failed(area) || sector >= end)
		return true;
	if ((end - 1) >> area->chunk_shift >= (sector >> area->chunk_shift) + SETTLED_MAX_CHUNKS)
		return false;
	while (sector < end) {
		struct span span = span_at(area, sector, end);
		struct chunk *chunk = xa_load(&area->chunks, span.index);

		if (!chunk || !chunk_holds(chunk, span.mask))
			return false;
		sector = span.next;
	}
	return true;
}

/*
 * Small objects have no pool behind them, and the kernel would try for ever to find
 * memory for one: memory that only the write may free that waits here. Rather lose
 * the snapshot. Nor is it taken from what is kept for those who reclaim memory.
 */
static gfp_t may_fail(gfp_t gfp)
{
	return gfp | __GFP_NOWARN | __GFP_NOMEMALLOC |
	       (gfpflags_allow_blocking(gfp) ? __GFP_RETRY_MAYFAIL : 0);
}

/* Only process context stores, so the array's own lock is a plain one. */
static struct chunk *get_chunk(struct diff_area *area, unsigned long index, gfp_t gfp)
{
	struct chunk *chunk = xa_load(&area->chunks, index);
	struct chunk *old;

	if (chunk)
		return chunk;
	gfp = may_fail(gfp);
	chunk = chunk_create(gfp);
	if (!chunk)
		return NULL;
	old = xa_cmpxchg(&area->chunks, index, NULL, chunk, gfp);
	if (!old)
		return chunk;
	chunk_free(chunk);
	return xa_is_err(old) ? NULL : old;
}

/* Claim the first units of the span that are still missing, and copy them. */
static void start_copy(struct diff_area *area, struct chunk *chunk, const struct span *span,
		       struct copy *copy, struct preserve *preserve)
{
	unsigned int first, units;
	u64 missing;

	spin_lock_irq(&chunk->lock);
	missing = span->mask & ~chunk->claimed;
	if (!missing)
		goto out_unlock;
	first = __ffs64(missing);
	units = min(run_length(missing, first), copy->units);
	units = diff_storage_alloc(area->storage, 1U << area->unit_shift, units, &copy->region);
	if (!units) {
		diff_area_fail(area, ENOSPC);
		goto out_unlock;
	}
	if (chunk_claim(chunk, first, units, &copy->region, 1U << area->unit_shift, copy->extents))
		copy->extents = NULL;
	copy->chunk = chunk;
	copy->first = first;
	copy->units = units;
	copy->sector = span->start + ((sector_t)first << area->unit_shift);
	copy->sectors = min((sector_t)units << area->unit_shift, area->capacity - copy->sector);
	copy->owner = preserve;
	copy->owner_until_stored = preserve->until_stored;
	atomic_inc(&preserve->pending);
	list_add_tail(&copy->link, &chunk->copies);
	spin_unlock_irq(&chunk->lock);

	copy_start(copy);
	return;

out_unlock:
	spin_unlock_irq(&chunk->lock);
	copy_put(copy);
}

/* All units are claimed. Is one of them being copied for somebody else? Then wait for it. */
static bool wait_for_others(struct diff_area *area, struct chunk *chunk, u64 mask,
			    struct preserve *preserve)
{
	struct copy *copy;
	bool wait = false;

	/* Where the original has its data at once, our own copies have them by now. */
	if (!preserve->until_stored && chunk_holds(chunk, mask))
		return false;
	spin_lock_irq(&chunk->lock);
	mask &= ~(preserve->until_stored ? chunk->stored : chunk->held);
	if (!mask)
		goto out;
	list_for_each_entry(copy, &chunk->copies, link) {
		if (copy->owner == preserve)
			continue;
		if (!(mask & chunk_mask(copy->first, copy->first + copy->units - 1)))
			continue;
		atomic_inc(&preserve->pending);
		list_add_tail(&preserve->link, preserve->until_stored ?
			      &copy->store_waiters : &copy->load_waiters);
		wait = true;
		break;
	}
out:
	spin_unlock_irq(&chunk->lock);
	if (wait && preserve->until_stored)
		store_queue_hurry(&area->storage->stores);
	return wait;
}

static void give_reserved(struct preserve *preserve)
{
	if (preserve->reserved)
		copy_memory_give(preserve->reserved);
	preserve->reserved = 0;
}

/* What the rest of a range may need, in whole units, as far as a single copy may have it. */
static unsigned int pages_ahead(const struct diff_area *area, const struct preserve *preserve)
{
	unsigned int shift = area->unit_shift + SECTOR_SHIFT - PAGE_SHIFT;
	u64 units = ((preserve->end - 1) >> area->unit_shift) -
		    (preserve->pos >> area->unit_shift) + 1;

	return min_t(u64, units, max(1U, COPY_MAX_PAGES >> shift)) << shift;
}

static int preserve_some(struct diff_area *area, struct preserve *preserve, gfp_t gfp)
{
	unsigned int unit_pages = 1U << (area->unit_shift + SECTOR_SHIFT - PAGE_SHIFT);
	struct chunk *chunk = NULL;
	unsigned long index = 0;
	unsigned int started = 0;

	while (preserve->pos < preserve->end && !diff_area_failed(area)) {
		struct span span = span_at(area, preserve->pos, preserve->end);
		unsigned int units;
		struct copy *copy;
		u64 missing;

		if (!chunk || index != span.index) {
			index = span.index;
			chunk = get_chunk(area, index, gfp);
		}
		if (!chunk)
			return -ENOMEM;
		missing = span.mask & ~READ_ONCE(chunk->claimed);
		if (!missing) {
			if (wait_for_others(area, chunk, span.mask, preserve))
				return 0;
			preserve->pos = span.next;
			continue;
		}
		if (started++ == PRESERVE_WINDOW)
			return 0;
		if (!preserve->reserved &&
		    !copy_memory_take(preserve, pages_ahead(area, preserve)))
			return 0;
		units = min(run_length(missing, __ffs64(missing)), preserve->reserved / unit_pages);
		copy = copy_alloc(area, units, gfp);
		if (!copy)
			return -ENOMEM;
		copy->reserved = copy->units * unit_pages;
		preserve->reserved -= copy->reserved;
		start_copy(area, chunk, &span, copy, preserve);
	}
	return 0;
}

/** preserve_put() - one copy less to wait for; the last one tells the owner. Any context. */
void preserve_put(struct preserve *preserve)
{
	if (atomic_dec_and_test(&preserve->pending))
		preserve->ready(preserve);
}

/** preserve_put_all() - the same for all in a list, which they leave before. Any context. */
void preserve_put_all(struct list_head *preserves)
{
	struct preserve *preserve, *next;

	list_for_each_entry_safe(preserve, next, preserves, link) {
		list_del_init(&preserve->link);
		preserve_put(preserve);
	}
}

/**
 * diff_area_preserve() - see to it that the old data of a range are kept.
 * @area: the area; the caller holds a reference until the end.
 * @preserve: the range; @preserve->end is not beyond the capacity.
 * @gfp: GFP_NOIO to get on whatever it takes, or without __GFP_DIRECT_RECLAIM.
 *
 * Does not sleep for a copy. Return: 0 when all is kept or the area is lost,
 * -EINPROGRESS when @preserve->ready will be called (from any context) and this
 * function has to be called again then, -ENOMEM when it has to be called again
 * with a @gfp that may sleep.
 */
int diff_area_preserve(struct diff_area *area, struct preserve *preserve, gfp_t gfp)
{
	int ret;

	do {
		atomic_set(&preserve->pending, 1);
		ret = preserve_some(area, preserve, gfp);
		if (ret && gfpflags_allow_blocking(gfp)) {
			diff_area_fail(area, ENOMEM);
			ret = 0;
		}
		if (!atomic_dec_and_test(&preserve->pending))
			return -EINPROGRESS;
	} while (!ret && preserve->pos < preserve->end && !diff_area_failed(area));
	give_reserved(preserve);
	return diff_area_failed(area) ? 0 : ret;
}
