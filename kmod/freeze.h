/* SPDX-License-Identifier: GPL-2.0 */
/* Freezing of file systems, with a limit in time. */
#ifndef BLKSNAP_FREEZE_H
#define BLKSNAP_FREEZE_H

#include <linux/types.h>

struct freeze;

int freeze_module_init(void);
void freeze_module_exit(void);

struct freeze *freeze_start(dev_t dev);
u32 freeze_wait(struct freeze *freeze, unsigned long deadline, int *error);
void freeze_end(struct freeze *freeze);

#endif
