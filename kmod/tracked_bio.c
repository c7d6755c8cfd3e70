// SPDX-License-Identifier: GPL-2.0
#include <linux/blkdev.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cbt_map.h"
#include "diff_area.h"
#include "tracked_bio.h"
#include "tracker.h"

#define TRACKED_BIO_RESERVE 64

/* If there is some to spare: those who reclaim memory write too, and may use the last of it. */
#define GFP_SPARE (GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)

/*
 * struct tracked_bio - a write between its submission and its end.
 *
 * The write carries it in bi_private, with tracked_bio_end_io() as its end_io.
 * That is also the mark by which the filter knows that the tracker has dealt with
 * it. Two trackers (of a disk and of its partition) make a chain of two.
 */
struct tracked_bio {
	union {
		struct bio *bio;
		struct tracked_bio *next;	/* while it is a spare one */
	};
	bio_end_io_t *end_io;		/* of the bio, restored at the end */
	void *private;
	struct tracker *tracker;	/* holds a reference to inflight */
	struct diff_area *area;		/* holds a reference while old data are copied */
	struct preserve preserve;
	struct work_struct work;
	bool may_wait;			/* for memory */
};

static struct kmem_cache *tracked_bio_cache;
static mempool_t tracked_bio_pool;

/*
 * Each write needs one, and to get it from the allocator costs more than all the rest:
 * the kernels of Debian zero what is allocated. So each CPU keeps some.
 */
struct spares {
	struct tracked_bio *first;	/* all with interrupts off */
	unsigned int count;
};

#define MAX_SPARES 64

static DEFINE_PER_CPU(struct spares, spares);

/* Goes on with writes when their old data are in memory; does not wait for memory itself. */
static struct workqueue_struct *resume_queue;
/* Does. */
static struct workqueue_struct *wait_queue;

int __init tracked_bio_module_init(void)
{
	int ret = -ENOMEM;

	tracked_bio_cache = KMEM_CACHE(tracked_bio, 0);
	if (!tracked_bio_cache)
		return ret;
	ret = mempool_init_slab_pool(&tracked_bio_pool, TRACKED_BIO_RESERVE, tracked_bio_cache);
	if (ret)
		goto out_cache;
	ret = -ENOMEM;
	resume_queue = alloc_workqueue("blksnap_resume", WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!resume_queue)
		goto out_pool;
	wait_queue = alloc_workqueue("blksnap_wait", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!wait_queue)
		goto out_resume_queue;
	return 0;

out_resume_queue:
	destroy_workqueue(resume_queue);
out_pool:
	mempool_exit(&tracked_bio_pool);
out_cache:
	kmem_cache_destroy(tracked_bio_cache);
	return ret;
}

static void free_spares(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct spares *there = per_cpu_ptr(&spares, cpu);

		while (there->first) {
			struct tracked_bio *tracked = there->first;

			there->first = tracked->next;
			kmem_cache_free(tracked_bio_cache, tracked);
		}
	}
}

void tracked_bio_module_exit(void)
{
	destroy_workqueue(wait_queue);
	destroy_workqueue(resume_queue);
	free_spares();
	mempool_exit(&tracked_bio_pool);
	kmem_cache_destroy(tracked_bio_cache);
}

static struct tracked_bio *get_spare(void)
{
	struct tracked_bio *tracked;
	struct spares *here;
	unsigned long flags;

	local_irq_save(flags);
	here = this_cpu_ptr(&spares);
	tracked = here->first;
	if (tracked) {
		here->first = tracked->next;
		here->count--;
	}
	local_irq_restore(flags);
	return tracked;
}

static bool keep_spare(struct tracked_bio *tracked)
{
	struct spares *here;
	unsigned long flags;
	bool keep;

	local_irq_save(flags);
	here = this_cpu_ptr(&spares);
	keep = here->count < MAX_SPARES;
	if (keep) {
		tracked->next = here->first;
		here->first = tracked;
		here->count++;
	}
	local_irq_restore(flags);
	return keep;
}

static void put_tracked_bio(struct tracked_bio *tracked)
{
	/*
	 * The reserve comes first: somebody may wait for it. One that was taken from it finds
	 * it short, as in mempool_free().
	 */
	smp_rmb();
	if (READ_ONCE(tracked_bio_pool.curr_nr) < tracked_bio_pool.min_nr || !keep_spare(tracked))
		mempool_free(tracked, &tracked_bio_pool);
}

/*
 * The end of a bio of a chain may end the next one, and so on. The block layer makes
 * a loop of that, if it can see it; it cannot, behind our end_io. So there is a loop
 * here: whoever is called within it leaves his bio to the outermost.
 */
struct ending {
	bool busy;
	struct bio_list bios;		/* with interrupts off: they may end bios too */
};

static DEFINE_PER_CPU(struct ending, ending);

static struct bio *next_ending(struct ending *here)
{
	unsigned long flags;
	struct bio *bio;

	local_irq_save(flags);
	bio = bio_list_pop(&here->bios);
	local_irq_restore(flags);
	return bio;
}

static void end_original(struct bio *bio)
{
	struct ending *here;
	unsigned long flags;

	preempt_disable();
	here = this_cpu_ptr(&ending);
	if (READ_ONCE(here->busy)) {
		local_irq_save(flags);
		bio_list_add(&here->bios, bio);
		local_irq_restore(flags);
		goto out;
	}
	do {
		WRITE_ONCE(here->busy, true);
		barrier();
		if (bio->bi_end_io)
			bio->bi_end_io(bio);
		/*
		 * Of this CPU's interrupts, one from before this leaves its bio in
		 * the list, which is looked at below, and one from after does not.
		 */
		barrier();
		WRITE_ONCE(here->busy, false);
		barrier();
		bio = bio_list_empty(&here->bios) ? NULL : next_ending(here);
	} while (bio);
out:
	preempt_enable();
}

static void tracked_bio_end_io(struct bio *bio)
{
	struct tracked_bio *tracked = bio->bi_private;
	struct tracker *tracker = tracked->tracker;

	bio->bi_end_io = tracked->end_io;
	bio->bi_private = tracked->private;
	put_tracked_bio(tracked);
	percpu_ref_put(&tracker->inflight);
	end_original(bio);
}

/**
 * tracked_bio_taken_by() - has this tracker dealt with the write?
 * @bio: a bio that is being submitted.
 * @tracker: the tracker.
 */
bool tracked_bio_taken_by(const struct bio *bio, const struct tracker *tracker)
{
	bio_end_io_t *end_io = bio->bi_end_io;
	const struct tracked_bio *tracked = bio->bi_private;

	while (end_io == tracked_bio_end_io) {
		if (tracked->tracker == tracker)
			return true;
		end_io = tracked->end_io;
		tracked = tracked->private;
	}
	return false;
}

/* Copy, or wait, or let the write go. */
static void tracked_bio_continue(struct tracked_bio *tracked)
{
	gfp_t gfp = tracked->may_wait ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN;
	int ret = diff_area_preserve(tracked->area, &tracked->preserve, gfp);

	if (ret == -EINPROGRESS)
		return;
	if (ret) {
		tracked->may_wait = true;
		queue_work(wait_queue, &tracked->work);
		return;
	}
	diff_area_put(tracked->area);
	submit_bio_noacct(tracked->bio);
}

static void tracked_bio_work(struct work_struct *work)
{
	tracked_bio_continue(container_of(work, struct tracked_bio, work));
}

static void tracked_bio_ready(struct preserve *preserve)
{
	struct tracked_bio *tracked = container_of(preserve, struct tracked_bio, preserve);

	tracked->may_wait = false;
	queue_work(resume_queue, &tracked->work);
}

static void mark(struct tracked_bio *tracked, struct tracker *tracker, struct bio *bio)
{
	/*
	 * A driver that polls for bios (device-mapper) keeps a list of its own in
	 * bi_private from the submission on. Nothing is lost but the polling.
	 */
	if (unlikely(bio->bi_opf & REQ_POLLED) && bio->bi_bdev->bd_disk->fops->poll_bio)
		bio_clear_polled(bio);
	tracked->bio = bio;
	tracked->end_io = bio->bi_end_io;
	tracked->private = bio->bi_private;
	tracked->tracker = tracker;
	bio->bi_end_io = tracked_bio_end_io;
	bio->bi_private = tracked;
}

/* Under RCU. */
static bool pass(struct tracker *tracker, struct bio *bio, sector_t sector, sector_t count)
{
	struct tracked_bio *tracked;
	struct diff_area *area;

	if (!percpu_ref_tryget_live_rcu(&tracker->inflight))
		return false;
	/* Not looked at before the write is counted: it might be of before a take. */
	area = rcu_dereference(tracker->area);
	if (area && (bio_op(bio) == REQ_OP_DISCARD || !diff_area_settled(area, sector, count)))
		goto out_put;
	tracked = get_spare() ?: kmem_cache_alloc(tracked_bio_cache, GFP_SPARE);
	if (!tracked)
		goto out_put;
	mark(tracked, tracker, bio);
	cbt_map_mark(tracker->cbt, sector, count);
	return true;

out_put:
	percpu_ref_put(&tracker->inflight);
	return false;
}

/**
 * tracked_bio_pass() - deal with a write that has nothing to wait for.
 * @bio: the write.
 *
 * Any context. Return: true if it may go on as it is: no tracker sees it, or all
 * that do have counted and marked it. False if tracked_bio_start() has to be called
 * for one of them.
 */
bool tracked_bio_pass(struct bio *bio)
{
	struct tracker *tracker;
	sector_t sector, count;
	bool passed = true;

	rcu_read_lock();
	hlist_for_each_entry_rcu(tracker, tracker_bucket(bio->bi_bdev->bd_disk), hash) {
		if (!tracker_overlap(tracker, bio, &sector, &count) ||
		    tracked_bio_taken_by(bio, tracker))
			continue;
		passed = pass(tracker, bio, sector, count);
		if (!passed)
			break;
	}
	rcu_read_unlock();
	return passed;
}

static struct diff_area *get_area(struct tracker *tracker)
{
	struct diff_area *area;

	rcu_read_lock();
	area = rcu_dereference(tracker->area);
	if (area && (diff_area_failed(area) || !diff_area_tryget(area)))
		area = NULL;
	rcu_read_unlock();
	return area;
}

/*
 * A discard is a hint: the blocks keep their content, so that there is nothing to
 * copy, and they are discarded at the next trim after the snapshot.
 */
static bool can_ignore(const struct bio *bio)
{
	return bio_op(bio) == REQ_OP_DISCARD && bdev_max_discard_sectors(bio->bi_bdev);
}

/**
 * tracked_bio_start() - note a write, keep what it overwrites, submit it.
 * @tracker: the tracker; the caller's reference to inflight is passed on.
 * @bio: the write.
 * @sector: first sector of the tracked device that it touches.
 * @count: how many.
 * @gfp: GFP_NOIO, or without __GFP_DIRECT_RECLAIM.
 *
 * Process context. Return: false if there is no memory, and nothing was done;
 * only where @gfp cannot wait.
 */
bool tracked_bio_start(struct tracker *tracker, struct bio *bio, sector_t sector,
		       sector_t count, gfp_t gfp)
{
	struct tracked_bio *tracked = get_spare() ?: mempool_alloc(&tracked_bio_pool, gfp);
	struct diff_area *area;

	if (!tracked)
		return false;
	mark(tracked, tracker, bio);
	area = get_area(tracker);
	if (area && can_ignore(bio)) {
		diff_area_put(area);
		bio_endio(bio);
		return true;
	}
	cbt_map_mark(tracker->cbt, sector, count);
	if (!area) {
		submit_bio_noacct(bio);
		return true;
	}

	/* Another task is going to submit it, which nobody polls for and which can wait. */
	bio_clear_polled(bio);
	tracked->area = area;
	tracked->preserve.pos = sector;
	tracked->preserve.end = min(sector + count, area->capacity);
	tracked->preserve.until_stored = false;
	tracked->preserve.reserved = 0;
	tracked->preserve.ready = tracked_bio_ready;
	INIT_WORK(&tracked->work, tracked_bio_work);
	if (bio->bi_opf & REQ_NOWAIT) {
		bio->bi_opf &= ~REQ_NOWAIT;
		tracked->may_wait = true;
		queue_work(wait_queue, &tracked->work);
		return true;
	}
	tracked->may_wait = false;
	tracked_bio_continue(tracked);
	return true;
}
