/* SPDX-License-Identifier: GPL-2.0 */
/* Freezing of file systems, with a limit in time. */
#ifndef BLKSNAP_FREEZE_H
#define BLKSNAP_FREEZE_H

#include <linux/types.h>

struct freeze;

int freeze_module_init(void);
void freeze_module_exit(void);

struct freeze *freeze_create(dev_t dev);
void freeze_begin(struct freeze *freeze);
u32 freeze_wait(struct freeze *freeze, unsigned long deadline, int *error);
bool freeze_thaw(struct freeze *freeze);
int freeze_end(struct freeze *freeze);

#endif
