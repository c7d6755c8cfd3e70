/* SPDX-License-Identifier: GPL-2.0 */
/* The filter: where the module meets the writes of the system. */
#ifndef BLKSNAP_FILTER_H
#define BLKSNAP_FILTER_H

#include <linux/bio.h>

int filter_module_init(void);
void filter_module_exit(void);
int filter_enable(void);
void filter_disable(void);
void filter_resubmit(struct bio *bio);

#endif
