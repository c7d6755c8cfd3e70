/* SPDX-License-Identifier: MIT */
/* Kernel modules behind the control interface, one at a time. Errors end the program. */
#ifndef BENCH_MODULES_H
#define BENCH_MODULES_H

#include "client.h"
#include "media.h"

void modules_load(const char *file);
void modules_unload(void);

/* Starts tracking; no snapshot stays. */
void modules_track(const struct disk *disk);
void modules_untrack(const struct disk *disk);

/* A taken snapshot of one device with all of the storage device. */
snap_id modules_hold(const struct disk *disk, const struct disk *storage);
void modules_release(const snap_id *id);

/* Bytes of storage in use, or -1 if the module does not say. */
int64_t modules_used(const snap_id *id);

/* Ends the program unless result is 0. */
void must(int result, const char *what);

#endif
