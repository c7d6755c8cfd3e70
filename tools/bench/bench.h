/* SPDX-License-Identifier: MIT */
/* One run: what was asked for, and where it is now. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "engine.h"
#include "media.h"
#include "plan.h"

struct bench {
	const char *module;		/* the module of this project, a file */
	const char *other_module;	/* another one of the same interface, or NULL */
	const char *patterns;		/* names or their beginnings, comma between them; NULL is all */
	const char *contestants;	/* the same */
	unsigned int rounds;
	bool small;			/* a quarter of everything, for a machine that is very slow */

	struct media media;
	unsigned int round;
	struct plan plan;
};

/* Is this name asked for? */
bool wanted(const char *list, const char *name);

/* contestants.c: all contestants on the plan of the bench, once. */
void contestants_run(struct bench *bench);

/*
 * One cell: a contestant does the plan on a device.
 * @used: bytes of storage that it has in use, or -1; may be NULL.
 * Returns the transfers that all of its jobs have done: another cell may take no more of them.
 */
struct cell {
	const char *contestant;
	const char *path;
	enum engine_mode mode;
	unsigned int limit;
	int64_t (*used)(void);
};
unsigned int cell_run(struct bench *bench, const struct cell *cell);

/* thin.c */
void thin_run(struct bench *bench);

/* What is no pattern; each looks itself whether it is wanted. */
void images_run(struct bench *bench);	/* images.c */
void control_run(struct bench *bench);	/* control.c */
void lasting_run(struct bench *bench);	/* lasting.c */
void smooth_run(struct bench *bench);	/* smooth.c */

/* record.c: results, one JSON object a line. */
void record_open(const char *path);
void record_cell(const struct bench *bench, const struct cell *cell, const struct outcome *outcome,
		 int64_t drained_ns, const struct counters *before, const struct counters *after,
		 int64_t used, int64_t memory);
void record_value(const struct bench *bench, const char *measure, const char *subject, const char *unit,
		  double value);
void record_close(void);

#endif
