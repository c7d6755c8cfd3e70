// SPDX-License-Identifier: MIT
#include "counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"
#include "harness.h"

struct disk_stat {
	uint64_t read;		/* sectors */
	uint64_t written;
	uint64_t in_flight;
};

static void disk_stat(const struct disk *disk, struct disk_stat *stat)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", disk->id.mj, disk->id.mn);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%*u %*u %" SCNu64 " %*u %*u %*u %" SCNu64 " %*u %" SCNu64,
			    &stat->read, &stat->written, &stat->in_flight) != 3)
		die("%s cannot be read", path);
	fclose(file);
}

/* Nanoseconds that tasks have run, of all processors: the tick is too coarse for a cell. */
static uint64_t cpu_time(void)
{
	FILE *file = fopen("/proc/schedstat", "re");
	uint64_t total = 0, one;
	char line[512];

	if (!file)
		die("/proc/schedstat is missing");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "cpu%*u %*u %*u %*u %*u %*u %*u %" SCNu64, &one) == 1)
			total += one;
	fclose(file);
	return total;
}

void counters_read(const struct media *media, struct counters *counters)
{
	const struct disk *disks[] = { &media->origin, &media->storage, &media->meta };

	memset(counters, 0, sizeof(*counters));
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		struct disk_stat stat;

		disk_stat(disks[i], &stat);
		counters->moved += (stat.read + stat.written) * 512;
		if (i == 0)
			counters->read = stat.read * 512;
		if (i == 1)
			counters->stored = stat.written * 512;
	}
	counters->cpu_ns = cpu_time();
}

int64_t counters_settle(const struct media *media)
{
	struct disk_stat before, now;
	int64_t changed = now_ns();
	int quiet = 0;

	disk_stat(&media->storage, &before);
	while (quiet < 5) {
		sleep_ms(2);
		disk_stat(&media->storage, &now);
		if (now.written != before.written || now.in_flight) {
			changed = now_ns();
			quiet = 0;
		} else {
			quiet++;
		}
		before = now;
	}
	return changed;
}

int64_t kernel_memory(void)
{
	static const char *const wanted[] = { "SUnreclaim:", "VmallocUsed:", "Percpu:" };
	FILE *file = fopen("/proc/meminfo", "re");
	int64_t total = 0, kib;
	char line[128], name[64];

	if (!file)
		die("/proc/meminfo is missing");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %" SCNd64, name, &kib) != 2)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
			if (!strcmp(name, wanted[i]))
				total += kib * 1024;
	}
	fclose(file);
	return total;
}
