// SPDX-License-Identifier: MIT
#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static FILE *records;

void record_open(const char *path)
{
	records = fopen(path, "we");
	if (!records)
		die("%s: %s", path, strerror(errno));
}

void record_close(void)
{
	if (fclose(records))
		die("the results cannot be written: %s", strerror(errno));
}

void record_cell(const struct bench *bench, const struct cell *cell, const struct outcome *outcome,
		 int64_t drained_ns, const struct counters *before, const struct counters *after,
		 int64_t used, int64_t memory)
{
	const struct pattern *pattern = bench->plan.pattern;
	uint64_t own_reads = (uint64_t)(outcome->done - outcome->writes) * pattern->block;
	uint64_t written = (uint64_t)outcome->writes * pattern->block;

	fprintf(records, "{\"kind\":\"cell\",\"device\":\"%s\",\"pattern\":\"%s\",\"contestant\":\"%s\",\"round\":%u,"
		"\"transfers\":%u,\"writes\":%u,\"block\":%u,\"ns\":%" PRId64 ",\"drainedNs\":%" PRId64 ",\"ownNs\":%" PRId64 ",",
		bench->media.name, pattern->name, cell->contestant, bench->round, outcome->done, outcome->writes,
		pattern->block, outcome->ns, drained_ns, outcome->own_ns);
	fprintf(records, "\"p50\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 ",",
		histogram_percentile(&outcome->latency, 0.5), histogram_percentile(&outcome->latency, 0.99),
		histogram_percentile(&outcome->latency, 0.999), outcome->latency.max);
	fprintf(records, "\"cpuNs\":%" PRIu64 ",\"written\":%" PRIu64 ",\"moved\":%" PRIu64 ",\"storage\":%" PRIu64
		",\"used\":%" PRId64 ",\"memory\":%" PRId64 "}\n",
		after->cpu_ns - before->cpu_ns, written, after->moved - before->moved - own_reads,
		after->stored - before->stored, used, memory);
	fflush(records);
}

void record_value(const struct bench *bench, const char *measure, const char *subject, const char *unit,
		  double value)
{
	fprintf(records, "{\"kind\":\"value\",\"device\":\"%s\",\"measure\":\"%s\",\"subject\":\"%s\","
		"\"unit\":\"%s\",\"round\":%u,\"value\":%.6g}\n",
		bench->media.name, measure, subject, unit, bench->round, value);
	fflush(records);
}
