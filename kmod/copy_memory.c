// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "copy_memory.h"
#include "diff_area.h"
#include "params.h"

/* Pages that old data have, or are about to get. */
static atomic_long_t taken;

/*
 * Who finds no room gets in line, and nobody overtakes. Nothing sleeps here: the
 * write goes on when its turn comes. The holders of memory only wait for the
 * difference storage, never for those in line.
 */
static DEFINE_SPINLOCK(line_lock);	/* irq safe */
static LIST_HEAD(line);			/* line_lock: struct preserve */
static unsigned long turns;		/* line_lock: how often somebody's turn has come */

/*
 * With one exception: the storage may lie above the very device that is being
 * written, and then has to get past those in line. So where nothing has moved for
 * this long, the first of them gets memory above the limit.
 */
#define STANDSTILL HZ

static struct workqueue_struct *standstill_queue;

static void standstill_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(standstill_work, standstill_work_fn);

int __init copy_memory_module_init(void)
{
	standstill_queue = alloc_workqueue("blksnap_line", WQ_MEM_RECLAIM, 0);
	return standstill_queue ? 0 : -ENOMEM;
}

void copy_memory_module_exit(void)
{
	cancel_delayed_work_sync(&standstill_work);
	destroy_workqueue(standstill_queue);
}

static bool try_take(unsigned int pages)
{
	long limit = (long)READ_ONCE(copy_memory_limit) << (20 - PAGE_SHIFT);
	long now = atomic_long_add_return(pages, &taken);

	/* A single copy gets what it needs, however low the limit is. */
	if (now <= limit || now == pages)
		return true;
	atomic_long_sub(pages, &taken);
	return false;
}

static void begin_turn(struct preserve *preserve, struct list_head *served)
{
	preserve->reserved = preserve->wanted;
	list_move_tail(&preserve->link, served);
	turns++;
}

/* Whoever has failed to take, or has given back, calls this afterwards. */
static void serve_line(void)
{
	struct preserve *preserve, *next;
	LIST_HEAD(served);
	unsigned long flags;

	spin_lock_irqsave(&line_lock, flags);
	list_for_each_entry_safe(preserve, next, &line, link) {
		if (!try_take(preserve->wanted))
			break;
		begin_turn(preserve, &served);
	}
	spin_unlock_irqrestore(&line_lock, flags);
	preserve_put_all(&served);
}

static void standstill_work_fn(struct work_struct *work)
{
	static unsigned long turns_before;
	struct preserve *preserve;
	LIST_HEAD(served);

	serve_line();		/* the limit may have been raised */
	spin_lock_irq(&line_lock);
	if (!list_empty(&line)) {
		if (turns == turns_before) {
			preserve = list_first_entry(&line, struct preserve, link);
			atomic_long_add(preserve->wanted, &taken);
			begin_turn(preserve, &served);
		}
		queue_delayed_work(standstill_queue, &standstill_work, STANDSTILL);
	}
	turns_before = turns;
	spin_unlock_irq(&line_lock);
	preserve_put_all(&served);
}

/**
 * copy_memory_take() - make room for old data.
 * @preserve: who needs it; @preserve->reserved is set to @pages when there is room.
 * @pages: how much.
 *
 * Process context, does not sleep. Return: true if there is room; false if
 * @preserve is in line, with @preserve->pending counted up until it has got it.
 */
bool copy_memory_take(struct preserve *preserve, unsigned int pages)
{
	if (list_empty(&line) && try_take(pages)) {
		preserve->reserved = pages;
		return true;
	}
	preserve->wanted = pages;
	atomic_inc(&preserve->pending);
	spin_lock_irq(&line_lock);
	list_add_tail(&preserve->link, &line);
	queue_delayed_work(standstill_queue, &standstill_work, STANDSTILL);
	spin_unlock_irq(&line_lock);
	/* What was given back before it was in line. */
	serve_line();
	return false;
}

/** copy_memory_give() - give back @pages that were taken. Any context. */
void copy_memory_give(unsigned int pages)
{
	/* With a full barrier: pairs with the one of try_take() after getting in line. */
	atomic_long_sub_return(pages, &taken);
	if (!list_empty(&line))
		serve_line();
}
