/* SPDX-License-Identifier: MIT */
/* Latencies, counted in steps of about 3 %. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 32 /* for each power of two */

struct histogram {
	uint64_t total;
	uint64_t max;
	uint32_t counts[64 * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The latency in nanoseconds that this share of all (0 to 1) does not exceed; 0 if there is none. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

#endif
