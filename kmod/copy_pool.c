// SPDX-License-Identifier: GPL-2.0
#include <linux/bio.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "copy.h"
#include "copy_pool.h"

/* Most copies are of a unit or two; the others have room for as much as there may be. */
#define SMALL_PAGES	4
#define RESERVE		16

/* Copies that are not used keep their pages, and these are not more than so many. */
#define SPARE_PAGES	2048

struct size {
	unsigned int pages;		/* room for so many */
	struct kmem_cache *cache;
	mempool_t pool;
	struct copy *spare;		/* spare_lock */
};

static struct size sizes[] = {
	{ .pages = SMALL_PAGES },
	{ .pages = COPY_MAX_PAGES },
};

static mempool_t page_pool;

static DEFINE_SPINLOCK(spare_lock);	/* irq safe */
static unsigned int spare_pages;	/* spare_lock */

/* One at a time empties the page pool, so that nobody waits with half of his pages. */
static DEFINE_MUTEX(page_pool_lock);

static void exit_size(struct size *size)
{
	mempool_exit(&size->pool);
	kmem_cache_destroy(size->cache);
}

static int __init init_size(struct size *size, const char *name)
{
	struct copy *copy;
	int ret;

	size->cache = kmem_cache_create(name, struct_size(copy, vecs, size->pages), 0, 0, NULL);
	if (!size->cache)
		return -ENOMEM;
	ret = mempool_init_slab_pool(&size->pool, RESERVE, size->cache);
	if (ret)
		kmem_cache_destroy(size->cache);
	return ret;
}

int __init copy_pool_module_init(void)
{
	int ret = init_size(&sizes[0], "blksnap_copy");

	if (ret)
		return ret;
	ret = init_size(&sizes[1], "blksnap_copy_large");
	if (ret)
		goto out_small;
	ret = mempool_init_page_pool(&page_pool, COPY_MAX_PAGES, 0);
	if (ret)
		goto out_large;
	return 0;

out_large:
	exit_size(&sizes[1]);
out_small:
	exit_size(&sizes[0]);
	return ret;
}

void copy_pool_module_exit(void)
{
	copy_pool_trim();
	mempool_exit(&page_pool);
	exit_size(&sizes[1]);
	exit_size(&sizes[0]);
}

static struct size *size_of(const struct copy *copy)
{
	return copy->room == SMALL_PAGES ? &sizes[0] : &sizes[1];
}

static void free_pages_from(struct copy *copy, unsigned int keep)
{
	while (copy->page_count > keep)
		mempool_free(copy->vecs[--copy->page_count].bv_page, &page_pool);
}

static void free_copy(struct copy *copy)
{
	free_pages_from(copy, 0);
	extent_block_free(copy->extents);
	mempool_free(copy, &size_of(copy)->pool);
}

static void free_all(struct copy *copy)
{
	while (copy) {
		struct copy *next = copy->next;

		free_copy(copy);
		copy = next;
	}
}

static struct copy *get_spare(struct size *size)
{
	unsigned long flags;
	struct copy *copy;

	if (!READ_ONCE(size->spare))
		return NULL;
	spin_lock_irqsave(&spare_lock, flags);
	copy = size->spare;
	if (copy) {
		WRITE_ONCE(size->spare, copy->next);
		spare_pages -= copy->page_count;
	}
	spin_unlock_irqrestore(&spare_lock, flags);
	return copy;
}

static void add_page(struct copy *copy, struct page *page)
{
	copy->vecs[copy->page_count++] = (struct bio_vec){ .bv_page = page, .bv_len = PAGE_SIZE };
}

/**
 * copy_pool_get() - a copy with pages.
 * @pages: how many are wanted, at most COPY_MAX_PAGES.
 * @multiple: it may be fewer, a multiple of this and not 0.
 * @gfp: GFP_NOIO, which succeeds, or without __GFP_DIRECT_RECLAIM.
 *
 * Return: the copy, of which only pages, room and extents mean anything, or NULL. It
 * may have more pages than wanted, and extents, from its former life.
 */
struct copy *copy_pool_get(unsigned int pages, unsigned int multiple, gfp_t gfp)
{
	/* Not what is kept for those who reclaim memory, although they write too. */
	gfp_t easy = (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN | __GFP_NORETRY |
		     __GFP_NOMEMALLOC;
	struct size *size = pages <= SMALL_PAGES ? &sizes[0] : &sizes[1];
	struct copy *copy = get_spare(size);

	if (!copy) {
		copy = mempool_alloc(&size->pool, gfp);
		if (!copy)
			return NULL;
		copy->room = size->pages;
		copy->page_count = 0;
		copy->extents = NULL;
	}
	while (copy->page_count < pages) {
		struct page *page = alloc_page(easy);

		if (!page)
			break;
		add_page(copy, page);
	}
	if (copy->page_count >= multiple)
		return copy;
	if (!gfpflags_allow_blocking(gfp)) {
		free_copy(copy);
		return NULL;
	}
	/* The last resort: enough for one unit, which copies under way give back. */
	free_pages_from(copy, 0);
	mutex_lock(&page_pool_lock);
	while (copy->page_count < multiple)
		add_page(copy, mempool_alloc(&page_pool, GFP_NOIO));
	mutex_unlock(&page_pool_lock);
	return copy;
}

/* The reserves come first: somebody may wait for them. */
static bool reserves_full(void)
{
	return READ_ONCE(page_pool.curr_nr) >= page_pool.min_nr &&
	       READ_ONCE(sizes[0].pool.curr_nr) >= sizes[0].pool.min_nr &&
	       READ_ONCE(sizes[1].pool.curr_nr) >= sizes[1].pool.min_nr;
}

/**
 * copy_pool_put() - give copies back.
 * @first: the first of a list of them. Any context.
 */
void copy_pool_put(struct copy *first)
{
	unsigned long flags;

	if (reserves_full()) {
		spin_lock_irqsave(&spare_lock, flags);
		while (first && spare_pages + first->page_count <= SPARE_PAGES) {
			struct size *size = size_of(first);
			struct copy *next = first->next;

			spare_pages += first->page_count;
			first->next = size->spare;
			WRITE_ONCE(size->spare, first);
			first = next;
		}
		spin_unlock_irqrestore(&spare_lock, flags);
	}
	free_all(first);
}

/** copy_pool_trim() - free what is not used, since nothing is held any more. May sleep. */
void copy_pool_trim(void)
{
	struct copy *spare[ARRAY_SIZE(sizes)];
	unsigned int i;

	spin_lock_irq(&spare_lock);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		spare[i] = sizes[i].spare;
		WRITE_ONCE(sizes[i].spare, NULL);
	}
	spare_pages = 0;
	spin_unlock_irq(&spare_lock);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		free_all(spare[i]);
}
