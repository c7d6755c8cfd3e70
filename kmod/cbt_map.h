/* SPDX-License-Identifier: GPL-2.0 */
/* Map of changed blocks: a byte for each block says in which snapshot it last changed. */
#ifndef BLKSNAP_CBT_MAP_H
#define BLKSNAP_CBT_MAP_H

#include <linux/blk_types.h>
#include <linux/types.h>
#include <linux/uuid.h>

/**
 * struct cbt_map - the change map of one device.
 *
 * Two maps of the same length. @write_map is marked by each write; @read_map is
 * what it was at the last take, for readers. A byte only grows between two takes,
 * so marking needs no lock: see cbt_map_mark().
 *
 * File systems are frozen at the take, and a map may be large. So it exchanges the
 * two, in no time, and what the writes go on with is completed afterwards.
 */
struct cbt_map {
	/* Fixed for the life of the map. */
	sector_t capacity;
	unsigned int block_shift;	/* bytes */
	u32 block_count;

	/* Written by cbt_map_switch() only, which nobody else runs beside. */
	uuid_t generation_id;
	u8 previous;			/* number of the last take, 0 before the first */
	u8 active;			/* number that writes are marked with */

	u8 *write_map;
	u8 *read_map;
	bool prepared;			/* tracker.cbt_lock: @read_map is all zero, until the switch */
	bool incomplete;		/* tracker.cbt_lock: cbt_map_complete() is due */
	bool all_changed;		/* tracker.cbt_lock: and then @read_map says so */
};

/* A map has no more blocks than this, whatever the parameters say. */
#define CBT_MAP_MAX_BLOCKS (1U << 27)
/* And blocks are no larger than what 32 bits can say in bytes. */
#define CBT_MAP_MAX_SHIFT 31
/* Sectors of a device, at most. */
#define CBT_MAP_MAX_CAPACITY \
	((sector_t)CBT_MAP_MAX_BLOCKS << (CBT_MAP_MAX_SHIFT - SECTOR_SHIFT))

struct cbt_map *cbt_map_create(sector_t capacity);
void cbt_map_free(struct cbt_map *map);
void cbt_map_mark(struct cbt_map *map, sector_t sector, sector_t count);
void cbt_map_mark_both(struct cbt_map *map, sector_t sector, sector_t count);
void cbt_map_prepare(struct cbt_map *map);
void cbt_map_switch(struct cbt_map *map);
void cbt_map_complete(struct cbt_map *map);

#endif
