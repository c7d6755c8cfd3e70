/* SPDX-License-Identifier: MIT */
/* Patterns, and the transfers that they come to on a device. */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/* "A chunk of its own" is one of the largest that a contestant has. */
#define APART (256 * 1024)

struct pattern {
	const char *name;
	uint32_t block;		/* bytes */
	unsigned int jobs;	/* threads */
	unsigned int depth;	/* transfers that each of them has under way */
	bool random;
	bool apart;		/* no two writes within the same APART bytes */
	bool sync;		/* each write is followed by a flush */
	unsigned int reads;	/* percent */
	unsigned int count;	/* transfers, unless the device is too small */
};

extern const struct pattern patterns[];
extern const unsigned int pattern_count;

/* The transfers of one round: the same for every contestant, no block is written twice. */
struct plan {
	const struct pattern *pattern;
	unsigned int count;
	uint64_t *offsets;
	bool *reads;		/* NULL if all of them write */
};

void plan_make(struct plan *plan, const struct pattern *pattern, uint64_t bytes, unsigned int round);
void plan_free(struct plan *plan);

/* Numbers from 0 to count - 1 in random order. */
uint32_t *shuffled(uint32_t count, unsigned int seed);

#endif
