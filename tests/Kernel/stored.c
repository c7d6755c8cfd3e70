// SPDX-License-Identifier: MIT
#include "stored.h"

#include <stdio.h>
#include <unistd.h>

#include "harness.h"

uint64_t snap_copied(const snap_id *id)
{
	struct blk_snap_device_status devices[4];
	uint32_t count = ARRAY_SIZE(devices);
	uint64_t sum = 0;

	REQUIRE_OK(snap_devices(id, devices, &count));
	for (uint32_t i = 0; i < count; i++)
		sum += devices[i].copied;
	return sum;
}

uint64_t dev_written(const struct dev *dev)
{
	char path[64];
	unsigned long long written = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", dev->id.mj, dev->id.mn);
	file = fopen(path, "r");
	REQUIRE(file);
	REQUIRE_EQ(fscanf(file, "%*u %*u %*u %*u %*u %*u %llu", &written), 1);
	fclose(file);
	return written;
}

void wait_stored(const snap_id *id, const struct dev *storage, uint64_t before)
{
	unsigned int waited = 0;

	while (dev_written(storage) - before < snap_copied(id) && waited++ < 3000)
		usleep(10000);
	REQUIRE(dev_written(storage) - before >= snap_copied(id));
	/* Counted as written, and a moment later known to be. */
	usleep(100000);
}
