// SPDX-License-Identifier: GPL-2.0
#include <linux/blk_types.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cbt_map.h"
#include "params.h"

/**
 * cbt_map_create() - a fresh map: a new generation, nothing changed.
 * @capacity: sectors of the device, not 0.
 *
 * Return: the map, or NULL if there is no memory. May sleep.
 */
struct cbt_map *cbt_map_create(sector_t capacity)
{
	u64 bytes = (u64)capacity << SECTOR_SHIFT;
	struct cbt_map *map = kzalloc(sizeof(*map), GFP_KERNEL);

	if (!map)
		return NULL;
	map->capacity = capacity;
	map->block_shift = params_fit_shift(bytes, tracking_block_minimum_shift,
					    tracking_block_maximum_shift,
					    tracking_block_maximum_count);
	map->block_count = (bytes + (1ULL << map->block_shift) - 1) >> map->block_shift;
	map->active = 1;
	uuid_gen(&map->generation_id);

	map->write_map = kvzalloc(map->block_count, GFP_KERNEL);
	map->read_map = kvzalloc(map->block_count, GFP_KERNEL);
	if (!map->write_map || !map->read_map) {
		cbt_map_free(map);
		return NULL;
	}
	return map;
}

/** cbt_map_free() - free a map, or nothing if it is NULL. May sleep. */
void cbt_map_free(struct cbt_map *map)
{
	if (!map)
		return;
	kvfree(map->read_map);
	kvfree(map->write_map);
	kfree(map);
}

/*
 * All markers between two takes store the same number, and it is larger than
 * any in the map: a plain store is enough, and is left out where it would only
 * make the cache line bounce.
 */
static void mark(u8 *bytes, u32 first, u32 last, u8 number)
{
	u32 i;

	for (i = first; i <= last; i++)
		if (READ_ONCE(bytes[i]) < number)
			WRITE_ONCE(bytes[i], number);
}

static bool block_range(const struct cbt_map *map, sector_t sector, sector_t count,
			u32 *first, u32 *last)
{
	unsigned int shift = map->block_shift - SECTOR_SHIFT;

	if (!count || sector >= map->capacity)
		return false;
	count = min_t(sector_t, count, map->capacity - sector);
	*first = sector >> shift;
	*last = (sector + count - 1) >> shift;
	return true;
}

/**
 * cbt_map_mark() - note that sectors are being written.
 * @map: the map.
 * @sector: first one, of the device.
 * @count: how many; what lies beyond the recorded capacity is left out, since
 *	   a device that grew starts a new generation at its next take.
 *
 * Any context. The caller keeps cbt_map_switch() away.
 */
void cbt_map_mark(struct cbt_map *map, sector_t sector, sector_t count)
{
	u32 first, last;

	if (block_range(map, sector, count, &first, &last))
		mark(map->write_map, first, last, map->active);
}

/**
 * cbt_map_mark_both() - mark sectors for the next take and for the last one.
 * @map: the map.
 * @sector: first one.
 * @count: how many.
 *
 * For blocks that a user space declares dirty and for writes to an image: the
 * copy that is being made now and the next one both have to read them again.
 */
void cbt_map_mark_both(struct cbt_map *map, sector_t sector, sector_t count)
{
	u32 first, last;

	if (!block_range(map, sector, count, &first, &last))
		return;
	mark(map->write_map, first, last, map->active);
	mark(map->read_map, first, last, map->previous);
}

/**
 * cbt_map_switch() - start counting for the next snapshot.
 * @map: the map; nobody marks or reads it meanwhile.
 *
 * When the numbers are used up a new generation begins. Its first map says that
 * everything changed: true for every reader, whatever it makes of the number.
 */
void cbt_map_switch(struct cbt_map *map)
{
	if (map->active == U8_MAX) {
		uuid_gen(&map->generation_id);
		memset(map->read_map, 1, map->block_count);
		memset(map->write_map, 0, map->block_count);
		map->previous = 1;
		map->active = 2;
		return;
	}
	memcpy(map->read_map, map->write_map, map->block_count);
	map->previous = map->active;
	map->active++;
}
