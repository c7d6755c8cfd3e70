/* SPDX-License-Identifier: MIT */
/* Runs the transfers of a plan on a device, past the page cache, and takes their times. */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stdatomic.h>

#include "histogram.h"
#include "plan.h"

/* How a write is done. */
enum engine_mode {
	engine_plain,
	engine_floor,		/* the old data are read before, one after the other */
	engine_floor_copy,	/* and written to a second device, while the write goes on */
	engine_read,		/* every transfer reads */
};

struct engine {
	const struct plan *plan;
	const char *path;
	enum engine_mode mode;
	const char *copy_path;		/* engine_floor_copy */
	unsigned int limit;		/* transfers at most, 0 is all of them */
	int64_t limit_ns;		/* when to end before all are done, 0 is never */
	atomic_bool *stop;		/* may be NULL; with it the plan starts over until it is set */
};

struct outcome {
	unsigned int done;		/* transfers */
	unsigned int done_evenly;	/* so many that each job has done its share of them */
	unsigned int writes;		/* of these */
	int64_t ns;
	int64_t own_ns;			/* processor time of those who transfer, that of kernel threads left out */
	struct histogram latency;
};

void engine_run(const struct engine *engine, struct outcome *outcome);

/* Writes all of a device once. */
void engine_fill(const char *path, uint64_t bytes);

/* Ends the program, with a message. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Opens a device, waiting a little for its node. */
int open_device(const char *path, int flags);

#endif
