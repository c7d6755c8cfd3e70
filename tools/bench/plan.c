// SPDX-License-Identifier: MIT
#include "plan.h"

#include <stdlib.h>

#include "harness.h"

const struct pattern patterns[] = {
	{ .name = "seq1m-qd1", .block = MIB, .jobs = 1, .depth = 1, .count = 512 },
	{ .name = "seq1m-qd8", .block = MIB, .jobs = 1, .depth = 8, .count = 512 },
	{ .name = "rand4k-qd1", .block = 4096, .jobs = 1, .depth = 1, .random = true, .count = 10000 },
	{ .name = "rand4k-qd16", .block = 4096, .jobs = 1, .depth = 16, .random = true, .count = 16000 },
	{ .name = "rand4k-4x16", .block = 4096, .jobs = 4, .depth = 16, .random = true, .count = 16000 },
	{ .name = "apart4k-qd1", .block = 4096, .jobs = 1, .depth = 1, .random = true, .apart = true, .count = 10000 },
	{ .name = "apart4k-qd16", .block = 4096, .jobs = 1, .depth = 16, .random = true, .apart = true, .count = 10000 },
	{ .name = "apart4k-4x16", .block = 4096, .jobs = 4, .depth = 16, .random = true, .apart = true, .count = 10000 },
	{ .name = "rand64k-qd4", .block = 65536, .jobs = 1, .depth = 4, .random = true, .count = 4000 },
	{ .name = "mixed4k-qd16", .block = 4096, .jobs = 1, .depth = 16, .random = true, .reads = 70, .count = 16000 },
	{ .name = "fsync4k", .block = 4096, .jobs = 1, .depth = 1, .random = true, .sync = true, .count = 3000 },
};
const unsigned int pattern_count = ARRAY_SIZE(patterns);

uint32_t *shuffled(uint32_t count, unsigned int seed)
{
	uint32_t *numbers = xmalloc(sizeof(*numbers) * count);
	struct rng rng;

	rng_init(&rng, seed);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t other = rng_below(&rng, i + 1);

		numbers[i] = numbers[other];
		numbers[other] = i;
	}
	return numbers;
}

void plan_make(struct plan *plan, const struct pattern *pattern, uint64_t bytes, unsigned int round)
{
	uint32_t step = pattern->apart ? APART : pattern->block;
	uint32_t places = bytes / step;
	uint32_t *order = NULL;
	struct rng rng;

	rng_init(&rng, 1000 + round);
	plan->pattern = pattern;
	plan->count = pattern->count < places ? pattern->count : places;
	plan->offsets = xmalloc(sizeof(*plan->offsets) * plan->count);
	plan->reads = pattern->reads ? xcalloc(plan->count, sizeof(*plan->reads)) : NULL;
	if (pattern->random)
		order = shuffled(places, round);
	for (unsigned int i = 0; i < plan->count; i++) {
		plan->offsets[i] = (uint64_t)(order ? order[i] : i) * step;
		if (pattern->apart)
			plan->offsets[i] += rng_below(&rng, step / pattern->block) * pattern->block;
		if (plan->reads)
			plan->reads[i] = rng_below(&rng, 100) < pattern->reads;
	}
	free(order);
}

void plan_free(struct plan *plan)
{
	free(plan->offsets);
	free(plan->reads);
}
