/* SPDX-License-Identifier: MIT */
/*
 * A model of what a device holds, sector by sector, and the threads that write
 * to the device and read from its image against that model.
 */
#ifndef KERNEL_TESTS_WORKLOAD_H
#define KERNEL_TESTS_WORKLOAD_H

#include "devices.h"
#include "harness.h"
#include "sectors.h"

#define CHUNK_SECTORS 512	/* 256 KiB, the smallest chunk of the module */

struct model {
	struct dev *dev;
	uint32_t tag;
	uint32_t *seq;		/* by sector; writers of one device own disjoint sectors */
};

struct model *model_new(struct dev *dev);
void model_free(struct model *model);

/* The newest sequence number; the next write gets a higher one. */
uint32_t sequence_now(void);
uint32_t sequence_next(void);

/* Writes described sectors with one new sequence number, and notes them in the model. */
void model_fill(struct model *model, uint64_t first, uint64_t count);
/* One direct write; false and a failure of the test when it does not succeed. */
bool model_write(struct model *model, uint64_t first, uint64_t count);
/* The device was zeroed there. */
void model_zeroed(struct model *model, uint64_t first, uint64_t count);

/* A copy of the sequence numbers, to check an image against. */
uint32_t *model_freeze(const struct model *model);

enum read_error {
	read_error_fails,	/* an I/O error fails the test */
	read_error_allowed,	/* an I/O error is fine, wrong data are not */
};

/*
 * Reads sectors with the descriptor and compares each one that the sequence
 * numbers know of. 0; or -errno of a read that failed; or the number of wrong
 * sectors, which have failed the test.
 */
long check_sectors(int fd, const char *what, uint32_t tag, const uint32_t *seq, uint64_t first,
		   uint64_t count, enum read_error errors);
long check_image(struct dev *image, const struct model *model, const uint32_t *seq,
		 uint64_t first, uint64_t count);
long check_live(const struct model *model, uint64_t first, uint64_t count);

enum write_mode {
	write_direct,
	write_buffered,
	write_nowait,		/* RWF_NOWAIT first, and again without it on EAGAIN */
	write_aio,		/* eight direct writes at once */
	write_single,		/* single blocks, spread over few chunks */
};

struct writer {
	struct model *model;
	enum write_mode mode;
	uint64_t first;
	uint64_t count;
	uint64_t limit;		/* sectors that one write has at most */
	unsigned int writes;	/* 0: until stopped */
	unsigned int stride;	/* write_single: owns each stride-th block ... */
	unsigned int phase;	/* ... from this one */
	uint64_t stream;	/* of random numbers */
	bool may_fail;		/* the device may break or go away (not for write_aio) */
	unsigned int done;	/* out */
	unsigned int failed;	/* out: of those done */
	bool finished;		/* out, atomic */
};

/* Runs a writer in the calling thread or as a worker; model_fill() the area before. */
void *writer_run(void *writer);
/* Waits until the writers have done all their writes. */
void writers_wait(const struct writer *writers, unsigned int count);

struct reader {
	struct dev *image;
	const struct model *model;
	const uint32_t *seq;
	uint64_t first;
	uint64_t count;
	bool sequential;
	bool buffered;
	enum read_error errors;
	uint64_t stream;
	uint64_t sectors_read;	/* out */
	unsigned int errors_seen; /* out */
};

/* Reads until the workers are stopped. */
void *reader_run(void *reader);

/* A place for a write in an area: 512 bytes to the limit, on and off all borders. */
void pick_extent(struct rng *rng, uint64_t first, uint64_t count, uint64_t limit,
		 unsigned int block, uint64_t *sector, uint64_t *sectors);

#endif
