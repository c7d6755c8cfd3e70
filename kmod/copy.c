// SPDX-License-Identifier: GPL-2.0
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "copy.h"
#include "diff_area.h"
#include "params.h"

/* A copy is not larger than this, unless a single unit is. */
#define COPY_MAX_PAGES	BIO_MAX_VECS
#define COPY_RESERVE	16

struct copy_slot {
	struct copy copy;
	struct page *pages[COPY_MAX_PAGES];
};

static struct kmem_cache *copy_cache;
static mempool_t copy_pool;
static mempool_t page_pool;
static struct bio_set copy_bios;
static struct workqueue_struct *store_queue;

/* One at a time empties the page pool, so that nobody waits with half of his pages. */
static DEFINE_MUTEX(page_pool_lock);

/* Pages with old data in them. Those who can wait do so above the limit. */
static atomic_long_t pages_used;
static DECLARE_WAIT_QUEUE_HEAD(pages_freed);

static void copy_store(struct work_struct *work);

int __init copy_module_init(void)
{
	int ret = -ENOMEM;

	copy_cache = kmem_cache_create("blksnap_copy", sizeof(struct copy_slot), 0, 0, NULL);
	if (!copy_cache)
		return ret;
	ret = mempool_init_slab_pool(&copy_pool, COPY_RESERVE, copy_cache);
	if (ret)
		goto out_cache;
	ret = mempool_init_page_pool(&page_pool, COPY_MAX_PAGES, 0);
	if (ret)
		goto out_copy_pool;
	ret = bioset_init(&copy_bios, COPY_RESERVE, 0, BIOSET_NEED_BVECS);
	if (ret)
		goto out_page_pool;
	ret = -ENOMEM;
	/* Its work never waits for memory of ours, so that it always gets on. */
	store_queue = alloc_workqueue("blksnap_store", WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!store_queue)
		goto out_bios;
	return 0;

out_bios:
	bioset_exit(&copy_bios);
out_page_pool:
	mempool_exit(&page_pool);
out_copy_pool:
	mempool_exit(&copy_pool);
out_cache:
	kmem_cache_destroy(copy_cache);
	return ret;
}

void copy_module_exit(void)
{
	destroy_workqueue(store_queue);
	bioset_exit(&copy_bios);
	mempool_exit(&page_pool);
	mempool_exit(&copy_pool);
	kmem_cache_destroy(copy_cache);
}

/** copy_is_own_bio() - does this bio carry old data? It is neither tracked nor copied. */
bool copy_is_own_bio(const struct bio *bio)
{
	return bio->bi_pool == &copy_bios;
}

/** copy_memory_short() - are so many old data in memory that writers should wait? */
bool copy_memory_short(void)
{
	return atomic_long_read(&pages_used) >
	       ((long)READ_ONCE(copy_memory_limit) << (20 - PAGE_SHIFT));
}

/**
 * copy_memory_wait() - wait until there is room for more old data.
 *
 * Not for ever: the storage may lie above the very device that is being
 * written, and then has to get past the one who waits here.
 */
void copy_memory_wait(void)
{
	wait_event_timeout(pages_freed, !copy_memory_short(), HZ);
}

static void copy_free_pages(struct copy *copy, unsigned int keep)
{
	unsigned int freed = copy->page_count - keep;

	while (copy->page_count > keep)
		mempool_free(copy->pages[--copy->page_count], &page_pool);
	if (!freed)
		return;
	atomic_long_sub(freed, &pages_used);
	/* Pairs with the barrier of prepare_to_wait(). */
	smp_mb();
	if (waitqueue_active(&pages_freed))
		wake_up_all(&pages_freed);
}

static void copy_free(struct copy *copy)
{
	copy_free_pages(copy, 0);
	if (copy->bio)
		bio_put(copy->bio);
	extent_free(copy->extent);
	mempool_free(container_of(copy, struct copy_slot, copy), &copy_pool);
}

/*
 * As many pages as there are, whole units of them. The last resort is the pool:
 * enough for one unit, which copies under way give back.
 */
static unsigned int alloc_units(struct copy *copy, unsigned int units, unsigned int unit_pages,
				gfp_t gfp)
{
	gfp_t easy = (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN | __GFP_NORETRY;
	unsigned int wanted = units * unit_pages;
	unsigned int got;

	while (copy->page_count < wanted) {
		struct page *page = alloc_page(easy);

		if (!page)
			break;
		copy->pages[copy->page_count++] = page;
	}
	atomic_long_add(copy->page_count, &pages_used);
	got = copy->page_count / unit_pages;
	copy_free_pages(copy, got * unit_pages);
	if (got || !gfpflags_allow_blocking(gfp))
		return got;

	mutex_lock(&page_pool_lock);
	while (copy->page_count < unit_pages)
		copy->pages[copy->page_count++] = mempool_alloc(&page_pool, GFP_NOIO);
	mutex_unlock(&page_pool_lock);
	atomic_long_add(copy->page_count, &pages_used);
	return 1;
}

/**
 * copy_alloc() - everything that a copy needs.
 * @area: the area that it is for.
 * @units: units that are adjacent in one chunk.
 * @gfp: GFP_NOIO, which fails only where the kernel has no memory for the
 *	 smallest objects, or GFP_NOWAIT, which fails easily.
 *
 * Return: the copy, for @copy->units units or fewer, or NULL.
 */
struct copy *copy_alloc(struct diff_area *area, unsigned int units, gfp_t gfp)
{
	unsigned int unit_pages = 1U << (area->unit_shift + SECTOR_SHIFT - PAGE_SHIFT);
	struct copy_slot *slot;
	struct copy *copy;

	if (gfpflags_allow_blocking(gfp)) {
		if (copy_memory_short())
			copy_memory_wait();
	} else if (copy_memory_short()) {
		return NULL;
	}

	slot = mempool_alloc(&copy_pool, gfp);
	if (!slot)
		return NULL;
	copy = &slot->copy;
	memset(copy, 0, sizeof(*copy));
	copy->pages = slot->pages;
	refcount_set(&copy->refs, 1);
	copy->area = area;
	INIT_LIST_HEAD(&copy->load_waiters);
	INIT_LIST_HEAD(&copy->store_waiters);
	INIT_WORK(&copy->store_work, copy_store);

	units = min(units, max(1U, COPY_MAX_PAGES / unit_pages));
	copy->units = alloc_units(copy, units, unit_pages, gfp);
	if (!copy->units)
		goto out_free;
	copy->bio = bio_alloc_bioset(NULL, copy->page_count, REQ_OP_READ, gfp, &copy_bios);
	if (!copy->bio)
		goto out_free;
	/* Not tried for ever: see get_chunk(). */
	copy->extent = extent_alloc(gfpflags_allow_blocking(gfp) ?
				    gfp | __GFP_RETRY_MAYFAIL | __GFP_NOWARN : gfp);
	if (!copy->extent)
		goto out_free;
	return copy;

out_free:
	copy_free(copy);
	return NULL;
}

/** copy_put() - drop a reference; without its transfer a copy is not started any more. */
void copy_put(struct copy *copy)
{
	struct diff_area *area = copy->area;
	bool started = copy->chunk;

	if (!refcount_dec_and_test(&copy->refs))
		return;
	copy_free(copy);
	if (started)
		diff_area_put(area);
}

static void bio_add_copy_pages(struct copy *copy, sector_t sectors)
{
	unsigned int left = sectors << SECTOR_SHIFT;
	unsigned int i;

	for (i = 0; left; i++) {
		unsigned int length = min_t(unsigned int, left, PAGE_SIZE);

		__bio_add_page(copy->bio, copy->pages[i], length, 0);
		left -= length;
	}
}

static void wake_waiters(struct list_head *waiters)
{
	struct preserve *preserve, *next;

	list_for_each_entry_safe(preserve, next, waiters, link) {
		list_del_init(&preserve->link);
		preserve_put(preserve);
	}
}

/* The transfer is over, well or not. */
static void copy_end(struct copy *copy, bool stored)
{
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
	spin_unlock_irqrestore(&chunk->lock, flags);

	wake_waiters(&waiters);
	if (copy->owner)
		preserve_put(copy->owner);
	copy_put(copy);
}

static void copy_store_end_io(struct bio *bio)
{
	struct copy *copy = bio->bi_private;

	if (bio->bi_status)
		diff_area_fail(copy->area, -blk_status_to_errno(bio->bi_status));
	copy_end(copy, !bio->bi_status);
}

static void copy_store(struct work_struct *work)
{
	struct copy *copy = container_of(work, struct copy, store_work);
	struct bio *bio = copy->bio;

	/* Whole units: blocks of the storage may be larger than those of the original. */
	bio_reset(bio, copy->region.bdev, REQ_OP_WRITE | REQ_SYNC | REQ_IDLE);
	bio->bi_iter.bi_sector = copy->region.sector;
	bio->bi_end_io = copy_store_end_io;
	bio->bi_private = copy;
	bio_add_copy_pages(copy, (sector_t)copy->units << copy->area->unit_shift);
	submit_bio_noacct(bio);
}

static void copy_load_end_io(struct bio *bio)
{
	struct copy *copy = bio->bi_private;
	struct chunk *chunk = copy->chunk;
	bool loaded = !bio->bi_status;
	struct preserve *owner = NULL;
	LIST_HEAD(waiters);
	unsigned long flags;

	if (!loaded)
		diff_area_fail(copy->area, -blk_status_to_errno(bio->bi_status));

	spin_lock_irqsave(&chunk->lock, flags);
	if (loaded)
		/* Whoever sees the bit sees the data, see chunk_holds(). */
		smp_store_release(&chunk->held, chunk->held |
				  chunk_mask(copy->first, copy->first + copy->units - 1));
	list_splice_init(&copy->load_waiters, &waiters);
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
	if (diff_area_failed(copy->area))
		copy_end(copy, false);
	else
		queue_work(store_queue, &copy->store_work);
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
	struct bio *bio = copy->bio;
	unsigned int i;

	percpu_ref_get(&area->ref);
	/* The end of the last unit may not exist; the storage gets zeroes for it. */
	for (i = copy->sectors >> (PAGE_SHIFT - SECTOR_SHIFT); i < copy->page_count; i++)
		clear_highpage(copy->pages[i]);

	bio_set_dev(bio, area->bdev);
	bio->bi_iter.bi_sector = copy->sector;
	bio->bi_opf = REQ_OP_READ | REQ_SYNC;
	bio->bi_end_io = copy_load_end_io;
	bio->bi_private = copy;
	bio_add_copy_pages(copy, copy->sectors);
	submit_bio_noacct(bio);
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
				    copy->pages[pos >> PAGE_SHIFT], in_page, length);
			done += length;
			pos += length;
		}
		flush_dcache_page(bvec.bv_page);
	}
}
