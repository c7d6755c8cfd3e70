// SPDX-License-Identifier: GPL-2.0
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "event_queue.h"

/** event_queue_init() - an empty, open queue. */
void event_queue_init(struct event_queue *queue)
{
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->events);
	queue->closed = false;
	init_waitqueue_head(&queue->readers);
}

/** event_queue_close() - no reader waits any more, now or later. */
void event_queue_close(struct event_queue *queue)
{
	spin_lock_irq(&queue->lock);
	queue->closed = true;
	spin_unlock_irq(&queue->lock);
	wake_up_all(&queue->readers);
}

/** event_queue_free() - drop what nobody has read. Nobody uses the queue any more. */
void event_queue_free(struct event_queue *queue)
{
	struct event *event, *next;

	list_for_each_entry_safe(event, next, &queue->events, link)
		kfree(event);
}

/** event_alloc() - room for an event to come, or NULL. May sleep. */
struct event *event_alloc(void)
{
	return kzalloc(sizeof(struct event), GFP_KERNEL);
}

/** event_fill() - say what happened; @size is at most EVENT_DATA_SIZE. */
void event_fill(struct event *event, u32 code, const void *data, u32 size)
{
	event->code = code;
	event->size = min_t(u32, size, EVENT_DATA_SIZE);
	memcpy(event->data, data, event->size);
}

/** event_queue_push() - hand over an event and the memory that it lives in. Any context. */
void event_queue_push(struct event_queue *queue, struct event *event)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	/* Under the lock: events come in the order of their times. */
	event->time = ktime_get_ns();
	list_add_tail(&event->link, &queue->events);
	spin_unlock_irqrestore(&queue->lock, flags);
	wake_up(&queue->readers);
}

/** event_queue_put_back() - undo a read that did not reach its reader. */
void event_queue_put_back(struct event_queue *queue, struct event *event)
{
	spin_lock_irq(&queue->lock);
	list_add(&event->link, &queue->events);
	spin_unlock_irq(&queue->lock);
	wake_up(&queue->readers);
}

static bool event_or_end(struct event_queue *queue, struct event **event)
{
	bool ended;

	spin_lock_irq(&queue->lock);
	ended = queue->closed;
	*event = ended ? NULL : list_first_entry_or_null(&queue->events, struct event, link);
	if (*event)
		list_del_init(&(*event)->link);
	spin_unlock_irq(&queue->lock);
	return ended || *event;
}

/**
 * event_queue_wait() - take the next event off the queue.
 * @queue: the queue.
 * @timeout_ms: how long to wait for one; 0 does not wait.
 *
 * Return: the event, which now belongs to the caller, or ERR_PTR: -ESRCH when
 * the queue is closed, -ENOENT at the end of the time, -EINTR on a signal.
 */
struct event *event_queue_wait(struct event_queue *queue, u32 timeout_ms)
{
	struct event *event = NULL;
	long left;

	if (!timeout_ms) {
		if (!event_or_end(queue, &event))
			return ERR_PTR(-ENOENT);
		return event ?: ERR_PTR(-ESRCH);
	}

	left = wait_event_interruptible_timeout(queue->readers, event_or_end(queue, &event),
						msecs_to_jiffies(timeout_ms));
	if (event)
		return event;
	if (left < 0)
		return ERR_PTR(-EINTR);
	return ERR_PTR(left ? -ESRCH : -ENOENT);
}
