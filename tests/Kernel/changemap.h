/* SPDX-License-Identifier: MIT */
/* The map of changed blocks of a device, read as a whole. */
#ifndef KERNEL_TESTS_CHANGEMAP_H
#define KERNEL_TESTS_CHANGEMAP_H

#include "devices.h"

struct map {
	struct blk_snap_cbt_info info;
	unsigned char *bytes;
	uint64_t block_sectors;
};

/* With one request, as every client of this interface may. The bytes are the caller's. */
struct map map_read(const struct dev *dev);

bool same_generation(const struct blk_snap_cbt_info *a, const struct blk_snap_cbt_info *b);

#endif
