// SPDX-License-Identifier: GPL-2.0
#include <linux/blkdev.h>
#include <linux/list_sort.h>

#include "copy.h"
#include "diff_area.h"
#include "store_queue.h"

/*
 * Nobody waits for old data to be stored, with few exceptions. So they are left
 * here until there are enough for a large bio, or for so long. Units are handed
 * out in the storage one behind the other: what was copied about the same time
 * is adjacent there, wherever it comes from.
 */
#define ENOUGH_PAGES	BIO_MAX_VECS
#define DELAY		msecs_to_jiffies(4)

#define BIO_RESERVE	16

static struct bio_set store_bios;
static struct workqueue_struct *store_workqueue;

int __init store_queue_module_init(void)
{
	int ret = bioset_init(&store_bios, BIO_RESERVE, 0, BIOSET_NEED_BVECS);

	if (ret)
		return ret;
	/* Its work never waits for memory of ours, so that it always gets on. */
	store_workqueue = alloc_workqueue("blksnap_store",
					  WQ_MEM_RECLAIM | WQ_HIGHPRI | WQ_UNBOUND, 0);
	if (!store_workqueue) {
		bioset_exit(&store_bios);
		return -ENOMEM;
	}
	return 0;
}

void store_queue_module_exit(void)
{
	destroy_workqueue(store_workqueue);
	bioset_exit(&store_bios);
}

/** store_queue_end_io() - end of a bio with old data. */
void store_queue_end_io(struct bio *bio)
{
	struct copy *copy = bio->bi_private;
	int error = -blk_status_to_errno(bio->bi_status);
	struct copy *unused = NULL;

	if (bio != &copy->bio)
		bio_put(bio);
	while (copy) {
		struct copy *next = copy->next;

		if (error)
			diff_area_fail(copy->area, error);
		copy_end(copy, !error, &unused);
		copy = next;
	}
	copy_free_list(unused);
}

static void submit(struct bio *bio, struct copy *first)
{
	bio->bi_iter.bi_sector = first->region.sector;
	bio->bi_end_io = store_queue_end_io;
	bio->bi_private = first;
	submit_bio_noacct(bio);
}

static void store_alone(struct copy *copy)
{
	struct bio *bio = &copy->bio;
	unsigned int pages = copy_pages(copy);

	copy->next = NULL;
	bio_init(bio, copy->region.bdev, copy->vecs, copy->room, REQ_OP_WRITE | REQ_SYNC | REQ_IDLE);
	/* Whole units: blocks of the storage may be larger than those of the original. */
	bio->bi_vcnt = pages;
	bio->bi_iter.bi_size = pages << PAGE_SHIFT;
	submit(bio, copy);
}

/* Adjacent in the storage, and few enough for one bio. */
static void store_run(struct copy *first, unsigned int pages)
{
	struct bio *bio = NULL;
	struct copy *copy;

	if (first->next)
		bio = bio_alloc_bioset(first->region.bdev, pages,
				       REQ_OP_WRITE | REQ_SYNC | REQ_IDLE,
				       GFP_NOWAIT | __GFP_NOWARN, &store_bios);
	if (!bio) {
		while (first) {
			struct copy *next = first->next;

			store_alone(first);
			first = next;
		}
		return;
	}
	for (copy = first; copy; copy = copy->next) {
		unsigned int count = copy_pages(copy);

		memcpy(&bio->bi_io_vec[bio->bi_vcnt], copy->vecs, count * sizeof(*copy->vecs));
		bio->bi_vcnt += count;
	}
	bio->bi_iter.bi_size = pages << PAGE_SHIFT;
	submit(bio, first);
}

static int compare(void *unused, const struct list_head *a, const struct list_head *b)
{
	const struct region *left = &list_entry(a, struct copy, sorted)->region;
	const struct region *right = &list_entry(b, struct copy, sorted)->region;

	if (left->bdev != right->bdev)
		return left->bdev > right->bdev;
	return left->sector > right->sector;
}

static bool is_behind(const struct copy *copy, const struct copy *last)
{
	return copy->region.bdev == last->region.bdev &&
	       copy->region.sector == last->region.sector +
				      ((sector_t)copy_pages(last) << (PAGE_SHIFT - SECTOR_SHIFT));
}

static void store_all(struct list_head *copies)
{
	struct copy *copy, *next, *first = NULL, *last = NULL;
	unsigned int pages = 0;

	list_sort(NULL, copies, compare);
	list_for_each_entry_safe(copy, next, copies, sorted) {
		copy->next = NULL;
		if (first && pages + copy_pages(copy) <= BIO_MAX_VECS && is_behind(copy, last)) {
			last->next = copy;
		} else {
			if (first)
				store_run(first, pages);
			first = copy;
			pages = 0;
		}
		last = copy;
		pages += copy_pages(copy);
	}
	if (first)
		store_run(first, pages);
}

/* What nobody can read any more need not be stored. */
static bool is_wanted(const struct copy *copy)
{
	return !diff_area_failed(copy->area) && !diff_area_dying(copy->area);
}

static void store_work(struct work_struct *work)
{
	struct store_queue *queue = container_of(to_delayed_work(work), struct store_queue, work);
	struct copy *unused = NULL;
	struct blk_plug plug;
	struct copy *copy;
	LIST_HEAD(copies);

	spin_lock_irq(&queue->lock);
	copy = queue->copies;
	queue->copies = NULL;
	queue->pages = 0;
	queue->asked = false;
	spin_unlock_irq(&queue->lock);

	/* The last one came first. */
	while (copy) {
		struct copy *next = copy->next;

		if (is_wanted(copy))
			list_add(&copy->sorted, &copies);
		else
			copy_end(copy, false, &unused);
		copy = next;
	}
	copy_free_list(unused);
	blk_start_plug(&plug);
	store_all(&copies);
	blk_finish_plug(&plug);
}

/** store_queue_init() - an empty queue. */
void store_queue_init(struct store_queue *queue)
{
	spin_lock_init(&queue->lock);
	INIT_DELAYED_WORK(&queue->work, store_work);
}

/** store_queue_exit() - the queue is empty, and nobody uses it any more. May sleep. */
void store_queue_exit(struct store_queue *queue)
{
	cancel_delayed_work_sync(&queue->work);
}

/**
 * store_queue_add() - store a copy, soon.
 * @queue: the queue.
 * @copy: loaded; belongs to the queue until it is stored.
 * @urgent: somebody waits for that.
 *
 * Any context.
 */
void store_queue_add(struct store_queue *queue, struct copy *copy, bool urgent)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	copy->next = queue->copies;
	queue->copies = copy;
	urgent |= queue->pages < ENOUGH_PAGES && queue->pages + copy_pages(copy) >= ENOUGH_PAGES;
	queue->pages += copy_pages(copy);
	/* Under the lock, so that the queue stays: its last copy may be stored at any time. */
	if (urgent)
		mod_delayed_work(store_workqueue, &queue->work, 0);
	else if (!queue->asked)
		queue_delayed_work(store_workqueue, &queue->work, DELAY);
	queue->asked = true;
	spin_unlock_irqrestore(&queue->lock, flags);
}

/** store_queue_hurry() - do not wait for more. Any context. */
void store_queue_hurry(struct store_queue *queue)
{
	mod_delayed_work(store_workqueue, &queue->work, 0);
}
