/* SPDX-License-Identifier: GPL-2.0 */
/* Where copies come from, and their pages. */
#ifndef BLKSNAP_COPY_POOL_H
#define BLKSNAP_COPY_POOL_H

#include <linux/gfp.h>
#include <linux/types.h>

struct copy;

/* A copy has no more pages than this. */
#define COPY_MAX_PAGES	BIO_MAX_VECS

int copy_pool_module_init(void);
void copy_pool_module_exit(void);

struct copy *copy_pool_get(unsigned int pages, unsigned int multiple, gfp_t gfp);
void copy_pool_put(struct copy *first);
void copy_pool_trim(void);

#endif
