// SPDX-License-Identifier: MIT
#include "histogram.h"

#include <stddef.h>

static unsigned int index_of(uint64_t ns)
{
	unsigned int power;

	if (ns < HISTOGRAM_STEPS)
		return ns;
	power = 63 - __builtin_clzll(ns);
	/* The five bits below the highest one are the step. */
	return (power - 4) * HISTOGRAM_STEPS + ((ns >> (power - 5)) & (HISTOGRAM_STEPS - 1));
}

static uint64_t upper_end(unsigned int index)
{
	unsigned int power;

	if (index < HISTOGRAM_STEPS)
		return index;
	power = index / HISTOGRAM_STEPS + 4;
	return (1ULL << power) + ((uint64_t)(index % HISTOGRAM_STEPS + 1) << (power - 5)) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->counts[index_of(ns)]++;
	histogram->total++;
	if (ns > histogram->max)
		histogram->max = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (size_t i = 0; i < sizeof(into->counts) / sizeof(into->counts[0]); i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
	uint64_t wanted = histogram->total * share, seen = 0;

	if (!histogram->total)
		return 0;
	if (wanted < 1)
		wanted = 1;
	for (size_t i = 0; i < sizeof(histogram->counts) / sizeof(histogram->counts[0]); i++) {
		seen += histogram->counts[i];
		if (seen >= wanted) {
			uint64_t end = upper_end(i);

			return end < histogram->max ? end : histogram->max;
		}
	}
	return histogram->max;
}
