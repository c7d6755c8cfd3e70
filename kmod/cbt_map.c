// SPDX-License-Identifier: GPL-2.0
#include <linux/atomic.h>
#include <linux/blk_types.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "cbt_map.h"
#include "params.h"

/**
 * cbt_map_create() - a fresh map: a new generation, nothing changed.
 * @capacity: sectors of the device, not 0.
 *
 * Blocks are larger than the parameters say where there would be too many of them.
 * Return: the map, or NULL if there is no memory, or the device is larger than
 * CBT_MAP_MAX_CAPACITY. May sleep.
 */
struct cbt_map *cbt_map_create(sector_t capacity)
{
	u64 bytes = (u64)capacity << SECTOR_SHIFT;
	struct cbt_map *map;

	if (capacity > CBT_MAP_MAX_CAPACITY)
		return NULL;
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return NULL;
	map->capacity = capacity;
	map->block_shift = params_fit_shift(bytes, tracking_block_minimum_shift,
					    tracking_block_maximum_shift,
					    tracking_block_maximum_count);
	map->block_shift = params_fit_shift(bytes, map->block_shift, CBT_MAP_MAX_SHIFT,
					    CBT_MAP_MAX_BLOCKS);
	map->block_count = (bytes + (1ULL << map->block_shift) - 1) >> map->block_shift;
	map->active = 1;
	map->prepared = true;
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
	/* Between the preparation and the switch there is no last take to be read. */
	if (!map->prepared)
		mark(map->read_map, first, last, map->previous);
}

/**
 * cbt_map_prepare() - get ready for cbt_map_switch().
 * @map: the map; no snapshot is taken, so nobody reads it.
 *
 * Under tracker.cbt_lock, for what takes long. May sleep.
 */
void cbt_map_prepare(struct cbt_map *map)
{
	cbt_map_complete(map);
	memset(map->read_map, 0, map->block_count);
	map->prepared = true;
}

/**
 * cbt_map_switch() - start counting for the next snapshot.
 * @map: the map, prepared; nobody marks or reads it meanwhile.
 *
 * When the numbers are used up a new generation begins. Its first map says that
 * everything changed: true for every reader, whatever it makes of the number.
 * Under tracker.cbt_lock. cbt_map_complete() has to follow.
 */
void cbt_map_switch(struct cbt_map *map)
{
	swap(map->read_map, map->write_map);
	map->prepared = false;
	map->incomplete = true;
	if (map->active == U8_MAX) {
		uuid_gen(&map->generation_id);
		map->all_changed = true;
		map->previous = 1;
		map->active = 2;
		return;
	}
	map->previous = map->active;
	map->active++;
}

/* Writers raise the bytes meanwhile, and what they have stored is never less than ours. */
static void raise(u8 *byte, u8 number)
{
	u8 now = READ_ONCE(*byte);

	while (now < number && !try_cmpxchg(byte, &now, number))
		;
}

/**
 * cbt_map_complete() - finish the last cbt_map_switch(), if that has not been done.
 * @map: the map, which may be marked meanwhile.
 *
 * Until then writes mark a map that does not know what was changed before. Under
 * tracker.cbt_lock, before the map is read or switched again. May sleep.
 */
void cbt_map_complete(struct cbt_map *map)
{
	u32 i;

	if (!map->incomplete)
		return;
	if (map->all_changed) {
		memset(map->read_map, 1, map->block_count);
	} else {
		for (i = 0; i < map->block_count; i++) {
			if (map->read_map[i])
				raise(&map->write_map[i], map->read_map[i]);
			if (!(i & 0xffff))
				cond_resched();
		}
	}
	map->all_changed = false;
	map->incomplete = false;
}
