/* SPDX-License-Identifier: MIT */
/* How far old data are on their way to the storage. */
#ifndef KERNEL_TESTS_STORED_H
#define KERNEL_TESTS_STORED_H

#include "client.h"
#include "devices.h"

/* Sectors that were copied for a snapshot, of all its devices. */
uint64_t snap_copied(const snap_id *id);
/* Sectors that were written to a device since it is there. */
uint64_t dev_written(const struct dev *dev);
/*
 * Waits until all that was copied is stored, on a storage that had @before sectors
 * written: from here on an image has its old data from there, not from memory.
 */
void wait_stored(const snap_id *id, const struct dev *storage, uint64_t before);

#endif
