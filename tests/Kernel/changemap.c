// SPDX-License-Identifier: MIT
#include "changemap.h"

#include "harness.h"
#include "sectors.h"

struct map map_read(const struct dev *dev)
{
	struct map map;

	REQUIRE_OK(tracker_find(dev->id, &map.info));
	map.block_sectors = map.info.blk_size / SECTOR;
	map.bytes = xcalloc(1, map.info.blk_count);
	REQUIRE_EQ(tracker_read_map(dev->id, 0, map.info.blk_count, map.bytes),
		   map.info.blk_count);
	return map;
}

bool same_generation(const struct blk_snap_cbt_info *a, const struct blk_snap_cbt_info *b)
{
	return same_id(&a->generation_id, &b->generation_id);
}
