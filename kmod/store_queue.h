/* SPDX-License-Identifier: GPL-2.0 */
/* Old data in memory that wait to be stored, and how they get there in few bios. */
#ifndef BLKSNAP_STORE_QUEUE_H
#define BLKSNAP_STORE_QUEUE_H

#include <linux/bio.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct copy;

/** struct store_queue - copies that are loaded, for one difference storage. */
struct store_queue {
	spinlock_t lock;		/* irq safe, protects what follows */
	struct copy *copies;
	unsigned int pages;		/* of them */
	bool asked;			/* the work is on its way, and in no hurry */

	struct delayed_work work;
};

int store_queue_module_init(void);
void store_queue_module_exit(void);

void store_queue_end_io(struct bio *bio);

/** store_queue_is_own_bio() - does this bio carry old data? It is neither tracked nor copied. */
static inline bool store_queue_is_own_bio(const struct bio *bio)
{
	return bio->bi_end_io == store_queue_end_io;
}

void store_queue_init(struct store_queue *queue);
void store_queue_exit(struct store_queue *queue);
void store_queue_add(struct store_queue *queue, struct copy *copy, bool urgent);
void store_queue_hurry(struct store_queue *queue);

#endif
