// SPDX-License-Identifier: MIT
#include "sectors.h"

#include <stdio.h>
#include <string.h>

#define MAGIC 0x3172746353707342ULL /* "BspSctr1" */
#define FILL_WORDS 60

struct sector {
	uint64_t magic;
	uint64_t sector;
	uint32_t tag;
	uint32_t seq;
	uint64_t check;
	uint64_t fill[FILL_WORDS];
};

_Static_assert(sizeof(struct sector) == SECTOR, "a sector has 512 bytes");

/* The fill differs for every label, so that no part of a stale sector passes. */
static uint64_t fill_start(uint32_t tag, uint64_t sector, uint32_t seq)
{
	uint64_t x = (sector + 1) * 0x9e3779b97f4a7c15ULL;

	x ^= ((uint64_t)tag << 32 | seq) * 0xbf58476d1ce4e5b9ULL;
	return x ^ x >> 29;
}

static uint64_t fill_word(uint64_t start, unsigned int index)
{
	return start + index * 0xd1342543de82ef95ULL;
}

static uint64_t checksum(const struct sector *s)
{
	uint64_t sum = s->magic ^ s->sector ^ ((uint64_t)s->tag << 32 | s->seq);

	for (unsigned int i = 0; i < FILL_WORDS; i++)
		sum = (sum << 7 | sum >> 57) + s->fill[i];
	return sum;
}

void sector_encode(void *buffer, uint32_t tag, uint64_t sector, uint32_t seq)
{
	struct sector *s = buffer;
	uint64_t start = fill_start(tag, sector, seq);

	s->magic = MAGIC;
	s->sector = sector;
	s->tag = tag;
	s->seq = seq;
	for (unsigned int i = 0; i < FILL_WORDS; i++)
		s->fill[i] = fill_word(start, i);
	s->check = checksum(s);
}

static bool all_zero(const void *buffer)
{
	const uint64_t *words = buffer;

	for (unsigned int i = 0; i < SECTOR / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

struct sector_label sector_decode(const void *buffer)
{
	const struct sector *s = buffer;
	struct sector_label label = { .kind = sector_foreign };

	if (all_zero(buffer)) {
		label.kind = sector_zero;
	} else if (s->magic == MAGIC) {
		label.kind = s->check == checksum(s) ? sector_described : sector_torn;
		label.tag = s->tag;
		label.seq = s->seq;
		label.sector = s->sector;
	}
	return label;
}

bool sector_matches(const void *buffer, uint32_t tag, uint64_t sector, uint32_t seq)
{
	const struct sector *s = buffer;
	uint64_t start;

	if (seq == SEQ_ZERO)
		return all_zero(buffer);
	if (s->magic != MAGIC || s->sector != sector || s->tag != tag || s->seq != seq)
		return false;
	start = fill_start(tag, sector, seq);
	for (unsigned int i = 0; i < FILL_WORDS; i++)
		if (s->fill[i] != fill_word(start, i))
			return false;
	return s->check == checksum(s);
}

void sector_describe(const void *buffer, char *text, size_t size)
{
	struct sector_label label = sector_decode(buffer);
	const unsigned char *bytes = buffer;

	switch (label.kind) {
	case sector_described:
	case sector_torn:
		snprintf(text, size, "%ssector %llu of device %08x, sequence %u",
			 label.kind == sector_torn ? "torn " : "",
			 (unsigned long long)label.sector, label.tag, label.seq);
		break;
	case sector_zero:
		snprintf(text, size, "zeroes");
		break;
	case sector_foreign:
		snprintf(text, size, "foreign bytes %02x %02x %02x %02x %02x %02x %02x %02x",
			 bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6],
			 bytes[7]);
		break;
	}
}
