// SPDX-License-Identifier: GPL-2.0
#include <linux/blkdev.h>
#include <linux/highmem.h>

#include "copy.h"
#include "copy_memory.h"
#include "copy_pool.h"
#include "diff_area.h"
#include "store_queue.h"

/**
 * copy_alloc() - everything that a copy needs.
 * @area: the area that it is for.
 * @units: units that are adjacent in one chunk, for which there is room in memory.
 * @gfp: GFP_NOIO, which fails only where the kernel has no memory for the
 *	 smallest objects, or GFP_NOWAIT, which fails easily.
 *
 * Return: the copy, for @copy->units units or fewer, or NULL.
 */
struct copy *copy_alloc(struct diff_area *area, unsigned int units, gfp_t gfp)
{
	unsigned int shift = area->unit_shift + SECTOR_SHIFT - PAGE_SHIFT;
	struct copy *copy = copy_pool_get(units << shift, 1U << shift, gfp);

	if (!copy)
		return NULL;
	/* Not tried for ever: see get_chunk(). */
	if (!copy->extents)
		copy->extents = extent_block_alloc(gfp | __GFP_NOWARN | __GFP_NOMEMALLOC |
						   (gfpflags_allow_blocking(gfp) ?
						    __GFP_RETRY_MAYFAIL : 0));
	if (!copy->extents) {
		copy->next = NULL;
		copy_pool_put(copy);
		return NULL;
	}
	refcount_set(&copy->refs, 1);
	copy->area = area;
	copy->chunk = NULL;
	copy->units = min(units, copy->page_count >> shift);
	copy->owner = NULL;
	copy->reserved = 0;
	copy->next = NULL;
	INIT_LIST_HEAD(&copy->load_waiters);
	INIT_LIST_HEAD(&copy->store_waiters);
	return copy;
}

/**
 * copy_free_list() - free copies that nobody has a reference to any more.
 * @first: the first of a list, or NULL. Any context.
 */
void copy_free_list(struct copy *first)
{
	struct diff_area *area = NULL;
	unsigned int reserved = 0;
	struct copy *copy;

	if (!first)
		return;
	for (copy = first; copy; copy = copy->next) {
		reserved += copy->reserved;
		/* One that was never started has no reference. */
		if (!copy->chunk)
			continue;
		if (area)
			diff_area_put(area);
		area = copy->area;
	}
	copy_pool_put(first);
	copy_memory_give(reserved);
	/* The last one last: with it the snapshot may go, and then the module. */
	if (area)
		diff_area_put(area);
}

/** copy_put() - drop a reference; without its transfer a copy is not started any more. */
void copy_put(struct copy *copy)
{
	if (!refcount_dec_and_test(&copy->refs))
		return;
	copy->next = NULL;
	copy_free_list(copy);
}

static void wake_waiters(struct list_head *waiters)
{
	if (!list_empty(waiters))
		preserve_put_all(waiters);
}

/**
 * copy_end() - the transfer is over, well or not.
 * @copy: the copy.
 * @stored: well.
 * @unused: list for copy_free_list(), to which it is added if nobody else needs it.
 *
 * Any context.
 */
void copy_end(struct copy *copy, bool stored, struct copy **unused)
{
	struct preserve *owner;
	struct chunk *chunk = copy->chunk;
	LIST_HEAD(waiters);
	unsigned long flags;

	spin_lock_irqsave(&chunk->lock, flags);
	if (stored)
		chunk->stored |= chunk_mask(copy->first, copy->first + copy->units - 1);
	list_del_init(&copy->link);
	list_splice_init(&copy->store_waiters, &waiters);
	/* If it could not be loaded, somebody may have come to wait after that. */
	list_splice_init(&copy->load_waiters, &waiters);
	owner = copy->owner;
	spin_unlock_irqrestore(&chunk->lock, flags);

	wake_waiters(&waiters);
	if (owner)
		preserve_put(owner);
	if (!refcount_dec_and_test(&copy->refs))
		return;
	copy->next = *unused;
	*unused = copy;
}

static void copy_load_end_io(struct bio *bio)
{
	struct copy *copy = bio->bi_private;
	struct chunk *chunk = copy->chunk;
	/* Once the area has failed, writes wait for nothing: what was read may be new. */
	bool loaded = !bio->bi_status && !diff_area_failed(copy->area);
	bool urgent = copy->owner_until_stored;
	struct preserve *owner = NULL;
	struct copy *unused = NULL;
	LIST_HEAD(waiters);
	unsigned long flags;

	if (bio->bi_status)
		diff_area_fail(copy->area, -blk_status_to_errno(bio->bi_status));

	spin_lock_irqsave(&chunk->lock, flags);
	if (loaded)
		/* Whoever sees the bit sees the data, see chunk_holds(). */
		smp_store_release(&chunk->held, chunk->held |
				  chunk_mask(copy->first, copy->first + copy->units - 1));
	list_splice_init(&copy->load_waiters, &waiters);
	urgent |= !list_empty(&copy->store_waiters);
	/* It is gone once it has been told, and another may come to live in its place. */
	if (!copy->owner_until_stored)
		swap(owner, copy->owner);
	spin_unlock_irqrestore(&chunk->lock, flags);

	if (loaded)
		atomic64_add(copy->sectors, &copy->area->copied);
	wake_waiters(&waiters);
	if (owner)
		preserve_put(owner);

	/* What nobody can read any more need not be stored. */
	if (!diff_area_failed(copy->area)) {
		store_queue_add(&copy->area->storage->stores, copy, urgent);
		return;
	}
	copy_end(copy, false, &unused);
	copy_free_list(unused);
}

/*
 * A task that has a plug submits requests when it is done with all of its bios. A disk that
 * has its data at once answers a read that passes by the plug before we return from here,
 * and the write goes on without a worker. From others the reads of many writes are better
 * off together.
 */
static void submit_read(struct diff_area *area, struct bio *bio, struct chunk *chunk, u64 units)
{
	struct blk_plug *plug = current->plug;
	bool at_once;

	/* Below another driver's submit function it waits for that to return, anyway. */
	if (current->bio_list || (plug && !READ_ONCE(area->reads_at_once))) {
		submit_bio_noacct(bio);
		return;
	}
	/* What is in the plug goes first: it may have all the tags that the read waits for. */
	if (plug)
		blk_finish_plug(plug);
	submit_bio_noacct(bio);
	if (plug)
		blk_start_plug(plug);
	/* The copy may be gone by now, the chunk is not. */
	at_once = chunk_holds(chunk, units);
	if (READ_ONCE(area->reads_at_once) != at_once)
		WRITE_ONCE(area->reads_at_once, at_once);
}

/**
 * copy_start() - read the old data, then store them.
 * @copy: its units are claimed, it is in the list of its chunk.
 *
 * Process context; does not sleep for the copy.
 */
void copy_start(struct copy *copy)
{
	struct diff_area *area = copy->area;
	struct bio *bio = &copy->bio;
	unsigned int pages = copy->units << (area->unit_shift + SECTOR_SHIFT - PAGE_SHIFT);
	unsigned int i;

	percpu_ref_get(&area->ref);
	/* The end of the last unit may not exist; the storage gets zeroes for it. */
	for (i = copy->sectors >> (PAGE_SHIFT - SECTOR_SHIFT); i < pages; i++)
		clear_highpage(copy->vecs[i].bv_page);

	bio_init(bio, area->bdev, copy->vecs, copy->room, REQ_OP_READ | REQ_SYNC);
	bio->bi_iter.bi_sector = copy->sector;
	bio->bi_iter.bi_size = copy->sectors << SECTOR_SHIFT;
	bio->bi_vcnt = pages;
	bio->bi_end_io = copy_load_end_io;
	bio->bi_private = copy;
	submit_read(area, bio, copy->chunk,
		    chunk_mask(copy->first, copy->first + copy->units - 1));
}

/**
 * copy_read() - old data for an image.
 * @copy: held, and its data are there.
 * @offset: sectors from the start of the copy.
 * @to: bio to copy into.
 * @iter: the part of it.
 */
void copy_read(struct copy *copy, sector_t offset, struct bio *to, struct bvec_iter iter)
{
	unsigned int pos = offset << SECTOR_SHIFT;
	struct bio_vec bvec;
	struct bvec_iter at;

	__bio_for_each_segment(bvec, to, at, iter) {
		unsigned int done = 0;

		while (done < bvec.bv_len) {
			unsigned int in_page = pos & ~PAGE_MASK;
			unsigned int length = min_t(unsigned int, bvec.bv_len - done,
						    PAGE_SIZE - in_page);

			memcpy_page(bvec.bv_page, bvec.bv_offset + done,
				    copy->vecs[pos >> PAGE_SHIFT].bv_page, in_page, length);
			done += length;
			pos += length;
		}
		flush_dcache_page(bvec.bv_page);
	}
}
