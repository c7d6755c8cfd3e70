// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "compat.h"
#include "filter.h"
#include "gate.h"
#include "image_io.h"
#include "store_queue.h"
#include "tracked_bio.h"
#include "tracker.h"

/*
 * ftrace stops each call of submit_bio_noacct() in filter_hook(), which lets it
 * go on, or sends it to filter_submit() instead. Most writes need nothing but a
 * mark, and get it on the way. One that has to wait for old data is submitted by
 * calling submit_bio_noacct() again: it carries the mark of its tracker (its
 * end_io function, see tracked_bio.c), and is let go on then.
 */

static bool is_own_bio(const struct bio *bio)
{
	return store_queue_is_own_bio(bio) || image_io_is_own_bio(bio);
}

/*
 * Calls that were sent to filter_submit() and have not returned from it. A sum over
 * all CPUs, since a call may end on another one than it began on.
 */
static DEFINE_PER_CPU(long, filter_users);

static void filter_submit(struct bio *bio);

static void notrace filter_hook(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	struct bio *bio;

	bio = (struct bio *)fregs_argument(fregs);
	/*
	 * The first question is for the disks that nobody tracks. Without RCU, for what it
	 * finds is only compared with NULL.
	 */
	if (!op_is_write(bio_op(bio)) ||
	    hlist_empty(tracker_bucket(bio->bi_bdev->bd_disk)) ||
	    !bio_sectors(bio) || is_own_bio(bio))
		return;
	/* From before its device was tracked: it waits in a list of the driver, see mark(). */
	if (unlikely(bio->bi_opf & REQ_DRV) && bio->bi_bdev->bd_disk->fops->poll_bio)
		return;
	if (tracked_bio_pass(bio))
		return;
	this_cpu_inc(filter_users);
	fregs_redirect(fregs, filter_submit);
}

/*
 * Permanent: the system administrator cannot switch ftrace off while the module is
 * loaded, or load it while that is off. Images would be wrong, and nobody knew.
 */
#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#define HOOK_FLAGS (FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)
#else
#define HOOK_FLAGS (FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_SAVE_REGS)
#endif

static struct ftrace_ops filter_ops = {
	.func = filter_hook,
	.flags = HOOK_FLAGS,
};

static void submit(struct bio *bio, bool may_wait)
{
	struct tracker *tracker;
	sector_t sector, count;

	for (;;) {
		rcu_read_lock();
		tracker = tracker_of_bio(bio, &sector, &count);
		if (!tracker) {
			rcu_read_unlock();
			submit_bio_noacct(bio);
			return;
		}
		if (percpu_ref_tryget_live(&tracker->inflight)) {
			rcu_read_unlock();
			break;
		}
		if (tracker_park_if_gated(tracker, bio)) {
			rcu_read_unlock();
			return;
		}
		/* The gate has just opened. */
		rcu_read_unlock();
		cpu_relax();
	}

	if (tracked_bio_start(tracker, bio, sector, count,
			      may_wait ? GFP_NOIO : GFP_NOWAIT | __GFP_NOWARN))
		return;
	/* No memory, and no way to wait for it here. */
	tracker_park(tracker, bio);
	percpu_ref_put(&tracker->inflight);
}

/*
 * filter_submit() - what a write goes through instead of submit_bio_noacct().
 * @bio: a write to tracked sectors.
 *
 * Process context. Does not wait for copies; waits for memory where that is safe:
 * below another driver's submit function it is not, since bios that hold memory
 * may be queued behind this very call.
 */
static void filter_submit(struct bio *bio)
{
	submit(bio, !(bio->bi_opf & REQ_NOWAIT) && !current->bio_list);
	this_cpu_dec(filter_users);
}

/** filter_resubmit() - the same for a write that was parked, from a worker. */
void filter_resubmit(struct bio *bio)
{
	submit(bio, true);
}

#ifdef HAVE_RW_PAGE
/*
 * Some drivers can write a page without a bio, which nobody would see. They are
 * allowed to say that they cannot, and then the caller makes a bio.
 */
static int page_write_unsupported(void)
{
	return -EOPNOTSUPP;
}

static void notrace page_write_hook(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	fregs_redirect(fregs, page_write_unsupported);
}

static struct ftrace_ops page_write_ops = {
	.func = page_write_hook,
	.flags = HOOK_FLAGS,
};

static int prepare_page_write(void)
{
	static char name[] = "bdev_write_page";

	return ftrace_set_filter(&page_write_ops, name, strlen(name), 0);
}

static int hook_page_write(void)
{
	return register_ftrace_function(&page_write_ops);
}

static void unhook_page_write(void)
{
	unregister_ftrace_function(&page_write_ops);
}

static void forget_page_write(void)
{
	ftrace_free_filter(&page_write_ops);
}
#else
static int prepare_page_write(void)
{
	return 0;
}

static int hook_page_write(void)
{
	return 0;
}

static void unhook_page_write(void)
{
}

static void forget_page_write(void)
{
}
#endif

/**
 * filter_enable() - from now on every write is looked at. May sleep.
 *
 * Only while something is tracked: otherwise the block layer runs as if the module
 * were not there, and another one may use the hook, which there is only one of.
 *
 * Return: 0, or -EBUSY if somebody else has it (a live patch, another filter) or
 * ftrace is switched off.
 */
int filter_enable(void)
{
	int ret = register_ftrace_function(&filter_ops);

	if (ret)
		goto out;
	ret = hook_page_write();
	if (ret)
		unregister_ftrace_function(&filter_ops);
out:
	if (ret)
		pr_err("cannot hook the block layer, error %d: somebody else has, or ftrace is off\n",
		       -ret);
	return ret;
}

/** filter_disable() - undo filter_enable(). Nothing is tracked any more. May sleep. */
void filter_disable(void)
{
	unhook_page_write();
	/* The kernel has given up ftrace, and goes on to call what is registered: it has to stay. */
	if (unregister_ftrace_function(&filter_ops)) {
		pr_err("ftrace is out of order, the module cannot be unloaded any more\n");
		__module_get(THIS_MODULE);
	}
}

/** filter_module_init() - find the functions to hook. */
int __init filter_module_init(void)
{
	static char name[] = "submit_bio_noacct";
	int ret = ftrace_set_filter(&filter_ops, name, strlen(name), 0);

	if (ret)
		return ret;
	ret = prepare_page_write();
	if (ret)
		ftrace_free_filter(&filter_ops);
	return ret;
}

static long users(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(filter_users, cpu));
	return sum;
}

/**
 * filter_module_exit() - when it returns, nobody is inside of this file any more.
 *
 * There are no trackers, so nobody comes.
 */
void filter_module_exit(void)
{
	forget_page_write();
	ftrace_free_filter(&filter_ops);
	/* Those who are here may sleep, for a request of the device. */
	while (users())
		msleep(20);
	/* And the last of them may be at the very end. */
	synchronize_rcu_tasks();
}
