/* SPDX-License-Identifier: GPL-2.0 */
/* Events of a snapshot on their way to user space. */
#ifndef BLKSNAP_EVENT_QUEUE_H
#define BLKSNAP_EVENT_QUEUE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#define EVENT_DATA_SIZE 16

/**
 * struct event - something that user space has to know.
 *
 * Allocated long before it happens, since it happens on the I/O path.
 */
struct event {
	struct list_head link;		/* event_queue.lock */
	u32 code;			/* enum blk_snap_event_codes */
	s64 time;			/* CLOCK_MONOTONIC, ns */
	u32 size;
	u8 data[EVENT_DATA_SIZE];
};

/** struct event_queue - first in, first out; each event goes to one reader. */
struct event_queue {
	spinlock_t lock;
	struct list_head events;	/* lock */
	bool closed;			/* lock: the snapshot is gone */
	wait_queue_head_t readers;
};

void event_queue_init(struct event_queue *queue);
void event_queue_close(struct event_queue *queue);
void event_queue_free(struct event_queue *queue);

struct event *event_alloc(void);
void event_fill(struct event *event, u32 code, const void *data, u32 size);
void event_queue_push(struct event_queue *queue, struct event *event);
void event_queue_put_back(struct event_queue *queue, struct event *event);
struct event *event_queue_wait(struct event_queue *queue, u32 timeout_ms);

#endif
