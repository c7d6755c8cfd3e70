// SPDX-License-Identifier: GPL-2.0
#include <linux/slab.h>

#include "chunk.h"

static struct kmem_cache *chunk_cache;
static struct kmem_cache *extent_block_cache;

int __init chunk_module_init(void)
{
	chunk_cache = KMEM_CACHE(chunk, 0);
	if (!chunk_cache)
		return -ENOMEM;
	extent_block_cache = KMEM_CACHE(extent_block, 0);
	if (!extent_block_cache) {
		kmem_cache_destroy(chunk_cache);
		return -ENOMEM;
	}
	return 0;
}

void chunk_module_exit(void)
{
	kmem_cache_destroy(extent_block_cache);
	kmem_cache_destroy(chunk_cache);
}

/** chunk_create() - a chunk with all units untouched, or NULL. */
struct chunk *chunk_create(gfp_t gfp)
{
	struct chunk *chunk = kmem_cache_zalloc(chunk_cache, gfp);

	if (!chunk)
		return NULL;
	spin_lock_init(&chunk->lock);
	INIT_LIST_HEAD(&chunk->copies);
	return chunk;
}

/** chunk_free() - free a chunk that nobody uses any more, and its extents. */
void chunk_free(struct chunk *chunk)
{
	struct extent_block *block = chunk->extents;

	while (block) {
		struct extent_block *next = block->next;

		extent_block_free(block);
		block = next;
	}
	kmem_cache_free(chunk_cache, chunk);
}

/** extent_block_alloc() - memory for chunk_claim(), or NULL. */
struct extent_block *extent_block_alloc(gfp_t gfp)
{
	return kmem_cache_alloc(extent_block_cache, gfp);
}

/** extent_block_free() - free a block that was not used, or NULL. */
void extent_block_free(struct extent_block *block)
{
	if (block)
		kmem_cache_free(extent_block_cache, block);
}

/* All blocks are full but the newest. Return: how many extents are in that. */
static unsigned int newest_block_used(const struct chunk *chunk)
{
	return (chunk->extent_count - 2) % ARRAY_SIZE(chunk->extents->extents) + 1;
}

static struct extent *newest_extent(struct chunk *chunk)
{
	if (!chunk->extents)
		return chunk->extent_count ? &chunk->oldest : NULL;
	return &chunk->extents->extents[newest_block_used(chunk) - 1];
}

/* Does a region go on where the extent ends, in the chunk and in the storage? */
static bool goes_on(const struct extent *extent, unsigned int first,
		    const struct region *region, unsigned int unit_sectors)
{
	unsigned int units = extent->more + 1;

	return extent->first + units == first && extent->device == region->device &&
	       extent->sector + (u64)units * unit_sectors == region->sector;
}

/**
 * chunk_claim() - note that units are going to be copied, and where to.
 * @chunk: the chunk, locked.
 * @first: first unit, untouched as all of them are.
 * @count: how many.
 * @region: their place in the storage.
 * @unit_sectors: sectors of a unit.
 * @block: memory, in case it is needed.
 *
 * Return: true if @block belongs to the chunk from now on.
 */
bool chunk_claim(struct chunk *chunk, unsigned int first, unsigned int count,
		 const struct region *region, unsigned int unit_sectors,
		 struct extent_block *block)
{
	struct extent *extent = newest_extent(chunk);
	bool used = false;

	WRITE_ONCE(chunk->claimed, chunk->claimed | chunk_mask(first, first + count - 1));
	if (extent && goes_on(extent, first, region, unit_sectors)) {
		extent->more += count;
		return false;
	}
	if (!extent) {
		extent = &chunk->oldest;
	} else if (extent == &chunk->oldest ||
		   newest_block_used(chunk) == ARRAY_SIZE(block->extents)) {
		block->next = chunk->extents;
		chunk->extents = block;
		extent = block->extents;
		used = true;
	} else {
		extent++;
	}
	*extent = (struct extent){
		.sector = region->sector,
		.device = region->device,
		.first = first,
		.more = count - 1,
	};
	chunk->extent_count++;
	return used;
}

static bool has_unit(const struct extent *extent, unsigned int unit)
{
	return unit >= extent->first && unit <= extent->first + extent->more;
}

/** chunk_find_extent() - where a claimed unit is; the chunk is locked. */
const struct extent *chunk_find_extent(const struct chunk *chunk, unsigned int unit)
{
	const struct extent_block *block;
	unsigned int used, i;

	if (has_unit(&chunk->oldest, unit))
		return &chunk->oldest;
	used = newest_block_used(chunk);
	for (block = chunk->extents; block; block = block->next) {
		for (i = 0; i < used; i++)
			if (has_unit(&block->extents[i], unit))
				return &block->extents[i];
		used = ARRAY_SIZE(block->extents);
	}
	return NULL;
}
