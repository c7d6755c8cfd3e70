/* SPDX-License-Identifier: GPL-2.0 */
/* The limit of old data in memory, and the line of those who wait for room. */
#ifndef BLKSNAP_COPY_MEMORY_H
#define BLKSNAP_COPY_MEMORY_H

#include <linux/types.h>

struct preserve;

int copy_memory_module_init(void);
void copy_memory_module_exit(void);

bool copy_memory_take(struct preserve *preserve, unsigned int pages);
void copy_memory_give(unsigned int pages);

#endif
