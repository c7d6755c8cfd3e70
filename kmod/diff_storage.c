// SPDX-License-Identifier: GPL-2.0
#include <linux/interval_tree.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "diff_storage.h"
#include "event_queue.h"
#include "hold_file.h"
#include "params.h"
#include "snapimage.h"

/* struct storage_range - a range that was given. */
struct storage_range {
	struct list_head link;		/* diff_storage.ranges, or the list of an append */
	struct storage_device *device;
	sector_t sector;		/* of the device */
	sector_t count;
	sector_t filled;		/* diff_storage.lock */
	struct interval_tree_node use;	/* sectors_in_use_lock: sectors of the disk */
};

/* struct storage_device - a device with ranges of one storage, held open. */
struct storage_device {
	struct list_head link;		/* diff_storage.append_lock */
	unsigned int number;
	struct bdev_ref ref;
	struct disk_use *use;
};

struct held_file {
	struct list_head link;		/* diff_storage.append_lock */
	struct file *file;
};

/*
 * struct disk_use - which sectors of a disk are difference storage already.
 *
 * One for each disk that some storage has open, so that a range of a partition
 * and one of the whole disk are seen to be the same sectors.
 */
struct disk_use {
	struct list_head link;		/* sectors_in_use_lock */
	struct gendisk *disk;		/* kept alive by the open devices */
	unsigned int users;		/* sectors_in_use_lock: struct storage_device */
	struct rb_root_cached sectors;	/* sectors_in_use_lock */
};

static DEFINE_MUTEX(sectors_in_use_lock);
static LIST_HEAD(disks_in_use);

static struct disk_use *disk_use_get(struct gendisk *disk)
{
	struct disk_use *use;

	mutex_lock(&sectors_in_use_lock);
	list_for_each_entry(use, &disks_in_use, link)
		if (use->disk == disk)
			goto found;
	use = kzalloc(sizeof(*use), GFP_KERNEL);
	if (!use)
		goto out;
	use->disk = disk;
	use->sectors = RB_ROOT_CACHED;
	list_add(&use->link, &disks_in_use);
found:
	use->users++;
out:
	mutex_unlock(&sectors_in_use_lock);
	return use;
}

static void disk_use_put(struct disk_use *use)
{
	mutex_lock(&sectors_in_use_lock);
	if (!--use->users) {
		list_del(&use->link);
		kfree(use);
	}
	mutex_unlock(&sectors_in_use_lock);
}

/**
 * diff_storage_init() - an empty storage that has asked for its first sectors.
 * @storage: the storage.
 * @events: where it asks.
 *
 * Return: 0 or -ENOMEM. May sleep.
 */
int diff_storage_init(struct diff_storage *storage, struct event_queue *events)
{
	u64 minimum = READ_ONCE(diff_storage_minimum);
	struct blk_snap_event_low_free_space data = { .requested_nr_sect = minimum };
	struct event *event = event_alloc();

	storage->low_event = event_alloc();
	if (!event || !storage->low_event) {
		kfree(storage->low_event);
		kfree(event);
		return -ENOMEM;
	}
	mutex_init(&storage->append_lock);
	INIT_LIST_HEAD(&storage->devices);
	INIT_LIST_HEAD(&storage->files);
	store_queue_init(&storage->stores);
	spin_lock_init(&storage->lock);
	INIT_LIST_HEAD(&storage->ranges);
	storage->events = events;
	storage->requested = minimum;

	event_fill(event, blk_snap_event_code_low_free_space, &data, sizeof(data));
	event_queue_push(events, event);
	return 0;
}

static void ranges_free(struct list_head *ranges)
{
	struct storage_range *range, *next;

	mutex_lock(&sectors_in_use_lock);
	list_for_each_entry_safe(range, next, ranges, link) {
		interval_tree_remove(&range->use, &range->device->use->sectors);
		list_del(&range->link);
		kfree(range);
	}
	mutex_unlock(&sectors_in_use_lock);
}

static void storage_device_free(struct storage_device *device)
{
	list_del(&device->link);
	disk_use_put(device->use);
	bdev_ref_close(&device->ref);
	kfree(device);
}

/** diff_storage_free() - give all back. Nobody uses the storage any more. May sleep. */
void diff_storage_free(struct diff_storage *storage)
{
	struct storage_device *device, *next_device;
	struct held_file *held, *next_held;

	store_queue_exit(&storage->stores);
	ranges_free(&storage->ranges);
	list_for_each_entry_safe(device, next_device, &storage->devices, link)
		storage_device_free(device);
	list_for_each_entry_safe(held, next_held, &storage->files, link) {
		release_file(held->file);
		kfree(held);
	}
	kfree(storage->low_event);
}

static struct storage_device *storage_device_get(struct diff_storage *storage, dev_t dev)
{
	struct storage_device *device;
	int ret;

	list_for_each_entry(device, &storage->devices, link)
		if (device->ref.bdev->bd_dev == dev)
			return device;

	if (storage->device_count == STORAGE_MAX_DEVICES)
		return ERR_PTR(-EFBIG);
	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return ERR_PTR(-ENOMEM);
	ret = bdev_ref_open(&device->ref, dev);
	if (ret)
		goto out_free;
	ret = -EROFS;
	if (bdev_read_only(device->ref.bdev))
		goto out_close;
	/* Zones cannot be written in any order, and an image is made of storage itself. */
	ret = -EOPNOTSUPP;
	if (bdev_is_zoned(device->ref.bdev) || snapimage_is(device->ref.bdev))
		goto out_close;
	ret = -EINVAL;
	if (bdev_logical_block_size(device->ref.bdev) > PAGE_SIZE)
		goto out_close;
	ret = -ENOMEM;
	device->use = disk_use_get(device->ref.bdev->bd_disk);
	if (!device->use)
		goto out_close;
	device->number = storage->device_count++;
	storage->bdevs[device->number] = device->ref.bdev;
	list_add_tail(&device->link, &storage->devices);
	return device;

out_close:
	bdev_ref_close(&device->ref);
out_free:
	kfree(device);
	return ERR_PTR(ret);
}

static int check_range(struct block_device *bdev, const struct blk_snap_block_range *range)
{
	u64 capacity = bdev_nr_sectors(bdev);
	u64 mask = (bdev_logical_block_size(bdev) >> SECTOR_SHIFT) - 1;

	if (!range->sector_count || ((range->sector_offset | range->sector_count) & mask))
		return -EINVAL;
	if (range->sector_offset >= capacity ||
	    range->sector_count > capacity - range->sector_offset)
		return -ERANGE;
	if (range->sector_offset + range->sector_count > 1ULL << STORAGE_SECTOR_BITS)
		return -ERANGE;
	return 0;
}

static struct storage_range *range_create(struct storage_device *device,
					  const struct blk_snap_block_range *given)
{
	struct block_device *bdev = device->ref.bdev;
	struct storage_range *range;
	int ret = check_range(bdev, given);

	if (ret)
		return ERR_PTR(ret);
	range = kzalloc(sizeof(*range), GFP_KERNEL);
	if (!range)
		return ERR_PTR(-ENOMEM);
	range->device = device;
	range->sector = given->sector_offset;
	range->count = given->sector_count;
	range->use.start = bdev->bd_start_sect + range->sector;
	range->use.last = range->use.start + range->count - 1;

	mutex_lock(&sectors_in_use_lock);
	if (interval_tree_iter_first(&device->use->sectors, range->use.start, range->use.last))
		ret = -EBUSY;
	else
		interval_tree_insert(&range->use, &device->use->sectors);
	mutex_unlock(&sectors_in_use_lock);
	if (ret) {
		kfree(range);
		return ERR_PTR(ret);
	}
	return range;
}

/*
 * The next request is due when half of the usual portion is left, or half of
 * what there is if that is less: a small storage is asked about too, and each
 * answer, however small, is followed by another question in time.
 */
static void set_low_mark(struct diff_storage *storage)
{
	u64 half = (READ_ONCE(diff_storage_minimum) >> 1) & ~((u64)PAGE_SECTORS - 1);
	u64 left = (storage->capacity - storage->filled) >> 1;

	storage->low_mark = storage->low_space ?: min(half, left);
	storage->low = false;
}

/**
 * diff_storage_append() - add ranges of a device, all or none.
 * @storage: the storage.
 * @dev: the device.
 * @ranges: the ranges.
 * @count: how many.
 *
 * Return: 0; -EINVAL a range is empty or not aligned to the blocks of the
 * device, or those are too large; -ERANGE it ends beyond the device, or beyond what
 * an extent can say; -EBUSY it overlaps storage in use; -EFBIG the storage has
 * STORAGE_MAX_DEVICES devices already; -EROFS, -EOPNOTSUPP (zoned), -ENOMEM or the
 * error of opening the device. May sleep.
 */
int diff_storage_append(struct diff_storage *storage, dev_t dev,
			const struct blk_snap_block_range *ranges, u32 count)
{
	struct storage_device *device;
	struct storage_range *range;
	struct event *event;
	LIST_HEAD(added);
	u64 sectors = 0;
	int ret = 0;
	u32 i;

	/* Made here, where there is memory, for when there may be none. */
	event = event_alloc();
	if (!event)
		return -ENOMEM;

	mutex_lock(&storage->append_lock);
	device = storage_device_get(storage, dev);
	if (IS_ERR(device)) {
		ret = PTR_ERR(device);
		goto out_unlock;
	}
	for (i = 0; i < count; i++) {
		range = range_create(device, &ranges[i]);
		if (IS_ERR(range)) {
			ret = PTR_ERR(range);
			ranges_free(&added);
			goto out_unlock;
		}
		list_add_tail(&range->link, &added);
		sectors += range->count;
		cond_resched();
	}
	if (!count)
		goto out_unlock;

	spin_lock_irq(&storage->lock);
	range = list_first_entry(&added, struct storage_range, link);
	list_splice_tail(&added, &storage->ranges);
	if (!storage->current_range)
		storage->current_range = range;
	storage->range_count += count;
	storage->capacity += sectors;
	set_low_mark(storage);
	if (!storage->low_event)
		swap(storage->low_event, event);
	spin_unlock_irq(&storage->lock);

out_unlock:
	mutex_unlock(&storage->append_lock);
	kfree(event);
	return ret;
}

/**
 * diff_storage_hold_file() - keep a file as it is until the storage is freed.
 * @storage: the storage.
 * @fd: descriptor of the caller.
 *
 * Return: 0, -ENOMEM or an error of hold_file(). May sleep.
 */
int diff_storage_hold_file(struct diff_storage *storage, int fd)
{
	struct held_file *held = kzalloc(sizeof(*held), GFP_KERNEL);

	if (!held)
		return -ENOMEM;
	held->file = hold_file(fd);
	if (IS_ERR(held->file)) {
		int ret = PTR_ERR(held->file);

		kfree(held);
		return ret;
	}
	mutex_lock(&storage->append_lock);
	list_add_tail(&held->link, &storage->files);
	mutex_unlock(&storage->append_lock);
	return 0;
}

static void ask_for_more(struct diff_storage *storage)
{
	u64 minimum = READ_ONCE(diff_storage_minimum);
	struct blk_snap_event_low_free_space data = { .requested_nr_sect = minimum };

	storage->low = true;
	storage->requested += minimum;
	if (!storage->low_event)
		return;
	event_fill(storage->low_event, blk_snap_event_code_low_free_space, &data, sizeof(data));
	event_queue_push(storage->events, storage->low_event);
	storage->low_event = NULL;
}

/**
 * diff_storage_set_low_space() - say when more is asked for.
 * @storage: the storage.
 * @sectors: when so few are free; 0: as if nothing had ever been said.
 *
 * Asks at once if no more are free, unless it has asked since the last append.
 * Return: 0 or -ENOMEM. May sleep.
 */
int diff_storage_set_low_space(struct diff_storage *storage, u64 sectors)
{
	struct event *event = event_alloc();
	bool asked;
	u64 left;

	if (!event)
		return -ENOMEM;
	spin_lock_irq(&storage->lock);
	left = storage->capacity - storage->filled;
	asked = storage->low;
	storage->low_space = sectors;
	set_low_mark(storage);
	if (!storage->low_event)
		swap(storage->low_event, event);
	if (left <= storage->low_mark) {
		/* Before the first append, the event of the create is what asks. */
		if (asked || !storage->capacity)
			storage->low = true;
		else
			ask_for_more(storage);
	}
	spin_unlock_irq(&storage->lock);
	kfree(event);
	return 0;
}

/**
 * diff_storage_alloc() - hand out adjacent sectors.
 * @storage: the storage.
 * @unit_sectors: sectors that have to stay together.
 * @units: how many of these are wanted.
 * @region: where they are.
 *
 * Return: units handed out, at most @units, 0 if the storage is used up. Any
 * context.
 */
unsigned int diff_storage_alloc(struct diff_storage *storage, unsigned int unit_sectors,
				unsigned int units, struct region *region)
{
	struct storage_range *range;
	unsigned long flags;
	unsigned int got = 0;

	spin_lock_irqsave(&storage->lock, flags);
	while ((range = storage->current_range)) {
		sector_t left = range->count - range->filled;

		got = min_t(sector_t, units, div_u64(left, unit_sectors));
		if (got) {
			region->bdev = range->device->ref.bdev;
			region->device = range->device->number;
			region->sector = range->sector + range->filled;
			WRITE_ONCE(range->filled, range->filled + got * unit_sectors);
			storage->filled += got * unit_sectors;
			break;
		}
		if (list_is_last(&range->link, &storage->ranges))
			break;
		/* What is too short for a unit is lost. */
		WRITE_ONCE(range->filled, range->count);
		storage->filled += left;
		storage->current_range = list_next_entry(range, link);
	}
	if (got && !storage->low && storage->capacity - storage->filled <= storage->low_mark)
		ask_for_more(storage);
	spin_unlock_irqrestore(&storage->lock, flags);
	return got;
}

/**
 * diff_storage_list() - describe the ranges.
 * @storage: the storage.
 * @ranges: filled in with the first @count of them.
 * @count: room in @ranges.
 *
 * The caller keeps diff_storage_append() away. Return: how many there are. May sleep.
 */
u32 diff_storage_list(struct diff_storage *storage, struct blk_snap_storage_range *ranges,
		      u32 count)
{
	struct storage_range *range;
	u32 i = 0;

	list_for_each_entry(range, &storage->ranges, link) {
		dev_t dev = range->device->ref.bdev->bd_dev;

		if (i == count)
			break;
		ranges[i].dev_id.mj = MAJOR(dev);
		ranges[i].dev_id.mn = MINOR(dev);
		ranges[i].sector_offset = range->sector;
		ranges[i].sector_count = range->count;
		ranges[i].sector_filled = READ_ONCE(range->filled);
		i++;
		cond_resched();
	}
	return storage->range_count;
}
