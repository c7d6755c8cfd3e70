/* SPDX-License-Identifier: GPL-2.0 */
/* The drain: waiting for the writes from before a device was tracked. */
#ifndef BLKSNAP_DRAIN_H
#define BLKSNAP_DRAIN_H

struct snapshot;

void drain_init(struct snapshot *snapshot);
void drain_begin(struct snapshot *snapshot);
void drain_wait(struct snapshot *snapshot);
int drain_finish(struct snapshot *snapshot);
void drain_cancel(struct snapshot *snapshot);

#endif
