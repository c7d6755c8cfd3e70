/* SPDX-License-Identifier: MIT */
/* What the machine has done so far: processor time, bytes of the disks, memory of the kernel. */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <stdint.h>

#include "media.h"

struct counters {
	uint64_t cpu_ns;		/* all processors, kernel threads included, idle time not */
	uint64_t moved;			/* bytes read from and written to all disks */
	uint64_t read;			/* of these, read from the origin */
	uint64_t stored;		/* of these, written to the storage */
};

void counters_read(const struct media *media, struct counters *counters);

/*
 * Waits until nothing is written to the storage any more: a snapshot may answer
 * a write before the old data are there. Returns the CLOCK_MONOTONIC of the last change seen.
 */
int64_t counters_settle(const struct media *media);

/* Bytes of memory that the kernel holds for its objects: slabs, vmalloc, per-CPU data. */
int64_t kernel_memory(void);

#endif
