/* SPDX-License-Identifier: GPL-2.0 */
/* Module parameters, as they are in force: always within their bounds. */
#ifndef BLKSNAP_PARAMS_H
#define BLKSNAP_PARAMS_H

#include <linux/types.h>

/*
 * All of these may change at any time through sysfs; a reader takes one value
 * with READ_ONCE() where it matters that it stays the same.
 */
extern int tracking_block_minimum_shift;
extern int tracking_block_maximum_shift;
extern int tracking_block_maximum_count;
extern int chunk_minimum_shift;
extern int chunk_maximum_shift;
extern int chunk_maximum_count_shift;
extern int diff_storage_minimum;
extern int copy_memory_limit;
extern int freeze_timeout_ms;
extern bool images_writable;

void params_sanitise(void);
unsigned int params_fit_shift(u64 bytes, int minimum, int maximum, u64 maximum_count);

#endif
