// SPDX-License-Identifier: GPL-2.0
#include <linux/slab.h>

#include "chunk.h"

static struct kmem_cache *chunk_cache;
static struct kmem_cache *extent_cache;

int __init chunk_module_init(void)
{
	chunk_cache = KMEM_CACHE(chunk, 0);
	if (!chunk_cache)
		return -ENOMEM;
	extent_cache = KMEM_CACHE(extent, 0);
	if (!extent_cache) {
		kmem_cache_destroy(chunk_cache);
		return -ENOMEM;
	}
	return 0;
}

void chunk_module_exit(void)
{
	kmem_cache_destroy(extent_cache);
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
	struct extent *extent = chunk->extents;

	while (extent) {
		struct extent *next = extent->next;

		if (extent != &chunk->oldest)
			kmem_cache_free(extent_cache, extent);
		extent = next;
	}
	kmem_cache_free(chunk_cache, chunk);
}

/** extent_alloc() - an extent for chunk_claim(), or NULL. */
struct extent *extent_alloc(gfp_t gfp)
{
	return kmem_cache_zalloc(extent_cache, gfp);
}

/** extent_free() - free an extent that was not used, or NULL. */
void extent_free(struct extent *extent)
{
	if (extent)
		kmem_cache_free(extent_cache, extent);
}

/* Does a region go on where the extent ends, in the chunk and in the storage? */
static bool goes_on(const struct extent *extent, unsigned int first,
		    const struct region *region, unsigned int unit_sectors)
{
	return extent && extent->first + extent->count == first &&
	       extent->bdev == region->bdev &&
	       extent->sector + (u64)extent->count * unit_sectors == region->sector;
}

/**
 * chunk_claim() - note that units are going to be copied, and where to.
 * @chunk: the chunk, locked.
 * @first: first unit, untouched as all of them are.
 * @count: how many.
 * @region: their place in the storage.
 * @unit_sectors: sectors of a unit.
 * @extent: memory for it, in case it is needed.
 *
 * Return: true if @extent belongs to the chunk from now on.
 */
bool chunk_claim(struct chunk *chunk, unsigned int first, unsigned int count,
		 const struct region *region, unsigned int unit_sectors, struct extent *extent)
{
	bool used = false;

	chunk->claimed |= chunk_mask(first, first + count - 1);
	if (goes_on(chunk->extents, first, region, unit_sectors)) {
		chunk->extents->count += count;
		return false;
	}
	if (!chunk->extents)
		extent = &chunk->oldest;
	else
		used = true;
	extent->bdev = region->bdev;
	extent->sector = region->sector;
	extent->first = first;
	extent->count = count;
	extent->next = chunk->extents;
	chunk->extents = extent;
	return used;
}

/** chunk_find_extent() - where a claimed unit is; the chunk is locked. */
const struct extent *chunk_find_extent(const struct chunk *chunk, unsigned int unit)
{
	const struct extent *extent;

	for (extent = chunk->extents; extent; extent = extent->next)
		if (unit >= extent->first && unit < extent->first + extent->count)
			return extent;
	return NULL;
}
