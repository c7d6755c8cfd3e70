// SPDX-License-Identifier: MIT
/* Several devices, several snapshots, and disks with partitions. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define AREA 16384
#define STORAGE 65536

static void scribble(struct model *model, uint64_t stream, unsigned int writes)
{
	struct writer writer = { .model = model, .mode = write_direct, .count = AREA,
				 .limit = 1024, .writes = writes, .stream = stream };

	worker_start(writer_run, &writer);
	workers_join();
}

/* Two snapshots on two devices at once, ended in this order. */
static void two_snapshots(unsigned int first_to_end)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) }, *storage = dev_storage_disk(), *image[2];
	unsigned int second = 1 - first_to_end;
	struct model *model[2];
	uint32_t *seq[2], count;
	snap_id id[2], list[4];

	for (unsigned int i = 0; i < 2; i++) {
		model[i] = model_new(dev[i]);
		model_fill(model[i], 0, AREA);
	}
	for (unsigned int i = 0; i < 2; i++) {
		snap_begin_one(&id[i], dev[i], storage, i * STORAGE, STORAGE);
		seq[i] = model_freeze(model[i]);
		image[i] = dev_image(&id[i], dev[i]);
		scribble(model[0], 10 * i, 20);
		scribble(model[1], 10 * i + 1, 20);
		if (!i) {
			/* The second device is written before its own take. */
			check_image(image[0], model[0], seq[0], 0, AREA);
		}
	}
	count = ARRAY_SIZE(list);
	REQUIRE_OK(snap_list(list, &count));
	CHECK_EQ(count, 2);
	CHECK(!same_id(&list[0], &list[1]));
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(same_id(&id[i], &list[0]) || same_id(&id[i], &list[1]));
		check_image(image[i], model[i], seq[i], 0, AREA);
	}
	dev_close(image[first_to_end]);
	REQUIRE_OK(snap_destroy(&id[first_to_end]));
	CHECK_RESULT(snap_destroy(&id[first_to_end]), -ENODEV);
	scribble(model[0], 30, 20);
	scribble(model[1], 31, 20);
	check_image(image[second], model[second], seq[second], 0, AREA);
	count = ARRAY_SIZE(list);
	REQUIRE_OK(snap_list(list, &count));
	CHECK_EQ(count, 1);
	CHECK(same_id(&list[0], &id[second]));
	dev_close(image[second]);
	REQUIRE_OK(snap_destroy(&id[second]));
	for (unsigned int i = 0; i < 2; i++) {
		check_live(model[i], 0, AREA);
		free(seq[i]);
		model_free(model[i]);
	}
}

static void two_snapshots_first_ends_first(void)
{
	two_snapshots(0);
}

static void two_snapshots_last_ends_first(void)
{
	two_snapshots(1);
}

/* A device with 4 KiB blocks beside others, storage on one of them. */
static void several_devices(void)
{
	struct dev *dev[] = { dev_disk(0), dev_loop(10 * MIB + 512, 512), dev_disk(1),
			      dev_loop(9 * MIB, 4096) };
	enum { count = ARRAY_SIZE(dev) };
	struct blk_snap_image_info images[count];
	struct writer writers[count];
	struct model *model[count];
	uint32_t *seq[count], got = count;
	snap_id id;

	for (unsigned int i = 0; i < count; i++) {
		model[i] = model_new(dev[i]);
		model_fill(model[i], 0, AREA);
	}
	snap_begin(&id, dev, count, dev[2], 40 * MIB / SECTOR, 2 * STORAGE);
	REQUIRE_OK(snap_images(&id, images, &got));
	REQUIRE_EQ(got, count);
	for (unsigned int i = 0; i < count; i++) {
		CHECK(same_device(images[i].orig_dev_id, dev[i]->id));
		for (unsigned int k = 0; k < i; k++)
			CHECK(!same_device(images[i].image_dev_id, images[k].image_dev_id));
		seq[i] = model_freeze(model[i]);
		writers[i] = (struct writer){ .model = model[i], .mode = write_direct,
					      .count = AREA, .limit = 1024, .writes = 40,
					      .stream = i };
		worker_start(writer_run, &writers[i]);
	}
	workers_join();
	for (unsigned int i = 0; i < count; i++) {
		struct dev *image = dev_image(&id, dev[i]);

		CHECK_EQ(image->block, dev[i]->block);
		CHECK_EQ(image->sectors, dev[i]->sectors);
		check_image(image, model[i], seq[i], 0, AREA);
		check_live(model[i], 0, AREA);
		dev_close(image);
		free(seq[i]);
		model_free(model[i]);
	}
}

static void one_device_in_two_snapshots(void)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) }, *storage = dev_storage_disk();
	uint32_t count = 8;
	snap_id first, second, list[8];

	REQUIRE_OK(snap_create(&dev[0]->id, 1, &first));
	CHECK_RESULT(snap_create(&dev[0]->id, 1, &second), -EALREADY);
	CHECK_RESULT(snap_create((dev_id[]){ dev[1]->id, dev[0]->id }, 2, &second), -EALREADY);
	REQUIRE_OK(snap_append_one(&first, storage->id, 0, STORAGE));
	REQUIRE_OK(snap_take(&first));
	CHECK_RESULT(snap_create(&dev[0]->id, 1, &second), -EALREADY);
	/* The other device was let go when the create failed. */
	REQUIRE_OK(snap_create(&dev[1]->id, 1, &second));
	REQUIRE_OK(snap_list(list, &count));
	CHECK_EQ(count, 2);
	CHECK_RESULT(snap_create((dev_id[]){ storage->id, storage->id }, 2, &list[0]), -EINVAL);
}

/*
 * A partition that begins inside a unit of its disk. Sectors of the model are
 * those of the disk; the partition is written through its own device.
 */
#define PART_FIRST 2051
#define PART_SECTORS 12293

static void write_via_partition(struct model *disk, struct dev *part, uint64_t first,
				uint64_t count)
{
	struct dev *whole = disk->dev;
	char *buffer = page_alloc(count * SECTOR);
	uint32_t seq = sequence_next();

	for (uint64_t i = 0; i < count; i++) {
		sector_encode(buffer + i * SECTOR, disk->tag, first + i, seq);
		disk->seq[first + i] = seq;
	}
	if (pwrite(part->fd, buffer, count * SECTOR, (first - PART_FIRST) * SECTOR) !=
	    (ssize_t)(count * SECTOR))
		FAIL("%s: write through %s failed", whole->path, part->path);
	free(buffer);
}

static void write_here_and_there(struct model *disk, struct dev *part, uint64_t stream)
{
	struct rng rng;

	rng_init(&rng, stream);
	for (unsigned int i = 0; i < 40; i++) {
		uint64_t first, count;

		pick_extent(&rng, PART_FIRST, PART_SECTORS, 700, SECTOR, &first, &count);
		if (i % 2)
			write_via_partition(disk, part, first, count);
		else
			REQUIRE(model_write(disk, first, count));
	}
	write_via_partition(disk, part, PART_FIRST, 1);
	write_via_partition(disk, part, PART_FIRST + PART_SECTORS - 1, 1);
	/* Across both ends of the partition, through the disk. */
	REQUIRE(model_write(disk, PART_FIRST - 9, 20));
	REQUIRE(model_write(disk, PART_FIRST + PART_SECTORS - 9, 20));
}

/* The image of a partition has the sectors of the disk from the first of the partition on. */
static void check_partition_image(struct dev *image, const struct model *disk,
				  const uint32_t *seq)
{
	char *buffer = page_alloc(PART_SECTORS * SECTOR);
	unsigned int wrong = 0;

	CHECK_EQ(image->sectors, PART_SECTORS);
	REQUIRE_EQ(pread(image->fd, buffer, PART_SECTORS * SECTOR, 0), PART_SECTORS * SECTOR);
	for (uint64_t i = 0; i < PART_SECTORS; i++) {
		char text[120];

		if (sector_matches(buffer + i * SECTOR, disk->tag, PART_FIRST + i,
				   seq[PART_FIRST + i]) || wrong++)
			continue;
		sector_describe(buffer + i * SECTOR, text, sizeof(text));
		FAIL("%s, sector %llu: want sequence %u, found %s", image->path,
		     (unsigned long long)i, seq[PART_FIRST + i], text);
	}
	free(buffer);
}

static void check_map(const struct dev *dev, uint64_t origin, const struct model *disk,
		      const uint32_t *old, uint8_t since)
{
	struct blk_snap_cbt_info info;
	unsigned char *map;

	REQUIRE_OK(tracker_find(dev->id, &info));
	map = xcalloc(1, info.blk_count);
	CHECK_EQ(tracker_read_map(dev->id, 0, info.blk_count, map), info.blk_count);
	for (uint64_t s = 0; s < dev->sectors; s++) {
		if (disk->seq[origin + s] == old[origin + s])
			continue;
		if (map[s * SECTOR / info.blk_size] <= since) {
			FAIL("%s: sector %llu changed and is not in the map", dev->path,
			     (unsigned long long)s);
			break;
		}
	}
	/* Far away nothing was written. */
	if (!origin)
		CHECK(map[info.blk_count - 1] <= since);
	free(map);
}

/* The snapshots: bit 0 of the disk, bit 1 of the partition. */
static void disk_and_partition(unsigned int which, bool in_one)
{
	struct dev *disk = dev_disk(0), *storage = dev_storage_disk(), *part;
	struct model *model = model_new(disk);
	struct dev *list[2];
	snap_id id[2];
	unsigned int count = 0;
	uint32_t *seq = NULL;

	part = dev_partition(disk, 1, PART_FIRST, PART_SECTORS);
	if (which & 1)
		list[count++] = disk;
	if (which & 2)
		list[count++] = part;
	model_fill(model, 0, AREA);
	for (unsigned int round = 0; round < 2; round++) {
		struct dev *image;

		if (in_one)
			snap_begin(&id[0], list, count, storage, 0, 2 * STORAGE);
		for (unsigned int i = 0; !in_one && i < count; i++)
			snap_begin_one(&id[i], list[i], storage, i * STORAGE, STORAGE);
		if (round)
			for (unsigned int i = 0; i < count; i++)
				check_map(list[i], list[i] == part ? PART_FIRST : 0, model, seq,
					  round);
		if (round)
			free(seq);
		seq = model_freeze(model);
		write_here_and_there(model, part, round);
		for (unsigned int i = 0; i < count; i++) {
			image = dev_image(&id[in_one ? 0 : i], list[i]);
			if (list[i] == part)
				check_partition_image(image, model, seq);
			else
				check_image(image, model, seq, 0, AREA);
			dev_close(image);
		}
		for (unsigned int i = 0; i < (in_one ? 1 : count); i++)
			REQUIRE_OK(snap_destroy(&id[i]));
	}
	check_live(model, 0, AREA);
	free(seq);
	model_free(model);
}

static void partition_writes_reach_the_disk_snapshot(void)
{
	disk_and_partition(1, false);
}

static void disk_writes_reach_the_partition_snapshot(void)
{
	disk_and_partition(2, false);
}

static void disk_and_partition_at_once(void)
{
	disk_and_partition(3, false);
}

static void disk_and_partition_in_one(void)
{
	disk_and_partition(3, true);
}

/* Storage on a partition of the disk that is snapshotted. */
static void storage_on_own_partition(void)
{
	struct dev *disk = dev_disk(0), *image, *part;
	struct model *model = model_new(disk);
	struct blk_snap_cbt_info info;
	uint64_t part_first = 40 * MIB / SECTOR + 3;
	unsigned char *map;
	uint32_t *seq;
	snap_id id;

	part = dev_partition(disk, 1, part_first, STORAGE);
	model_fill(model, 0, AREA);
	snap_begin_one(&id, disk, part, 5, STORAGE - 5);
	seq = model_freeze(model);
	scribble(model, 3, 60);
	image = dev_image(&id, disk);
	check_image(image, model, seq, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	snap_begin_one(&id, disk, part, 5, STORAGE - 5);
	REQUIRE_OK(tracker_find(disk->id, &info));
	map = xcalloc(1, info.blk_count);
	CHECK_EQ(tracker_read_map(disk->id, 0, info.blk_count, map), info.blk_count);
	for (uint64_t b = part_first * SECTOR / info.blk_size; b < info.blk_count; b++)
		if (!CHECK(map[b] < 2))
			break;
	REQUIRE_OK(snap_destroy(&id));
	check_live(model, 0, AREA);
	free(map);
	free(seq);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "two_snapshots_first_ends_first", two_snapshots_first_ends_first, 90 },
		{ "two_snapshots_last_ends_first", two_snapshots_last_ends_first, 90 },
		{ "several_devices", several_devices, 90 },
		{ "one_device_in_two_snapshots", one_device_in_two_snapshots, 60 },
		{ "partition_writes_reach_the_disk_snapshot",
		  partition_writes_reach_the_disk_snapshot, 90 },
		{ "disk_writes_reach_the_partition_snapshot",
		  disk_writes_reach_the_partition_snapshot, 90 },
		{ "disk_and_partition_at_once", disk_and_partition_at_once, 90 },
		{ "disk_and_partition_in_one", disk_and_partition_in_one, 90 },
		{ "storage_on_own_partition", storage_on_own_partition, 90 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
