/* SPDX-License-Identifier: GPL-2.0 */
/* The gate: how a device is made to stand still for the take. */
#ifndef BLKSNAP_GATE_H
#define BLKSNAP_GATE_H

#include <linux/types.h>

struct bio;
struct block_device;
struct tracker;
struct work_struct;

void tracker_resubmit_parked(struct work_struct *work);
void tracker_park(struct tracker *tracker, struct bio *bio);
bool tracker_park_if_gated(struct tracker *tracker, struct bio *bio);

int tracker_drain_before(struct tracker *tracker, struct block_device *bdev);
void tracker_prepare_gate(struct tracker *tracker);
void tracker_gate(struct tracker *tracker);
bool tracker_wait_drained(struct tracker *tracker, unsigned long timeout);
void tracker_ungate(struct tracker *tracker);
void tracker_finish_gate(struct tracker *tracker);

#endif
