/* SPDX-License-Identifier: MIT */
/*
 * Sectors that describe themselves. Each carries the device and the sector it
 * was written to, a sequence number and a checksum, so that a sector found in
 * the wrong place tells where it comes from and when it was written.
 */
#ifndef KERNEL_TESTS_SECTORS_H
#define KERNEL_TESTS_SECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR 512
#define SEQ_UNKNOWN 0u			/* nothing is known about the sector */
#define SEQ_ZERO 0xffffffffu		/* the sector is all zero */

enum sector_kind {
	sector_described,	/* intact, one of ours */
	sector_zero,		/* all bytes zero */
	sector_torn,		/* ours, but the checksum is wrong */
	sector_foreign,		/* anything else */
};

struct sector_label {
	enum sector_kind kind;
	uint32_t tag;
	uint32_t seq;
	uint64_t sector;
};

void sector_encode(void *buffer, uint32_t tag, uint64_t sector, uint32_t seq);
struct sector_label sector_decode(const void *buffer);

/* Is it exactly the sector that sector_encode() makes, or zero for SEQ_ZERO? */
bool sector_matches(const void *buffer, uint32_t tag, uint64_t sector, uint32_t seq);

/* What is found, in words. */
void sector_describe(const void *buffer, char *text, size_t size);

#endif
