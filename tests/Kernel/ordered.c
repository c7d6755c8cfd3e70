// SPDX-License-Identifier: MIT
/*
 * Order across devices: a writer writes n to the first device and, only when
 * that is done, n to the second, and so on. No set of images may have n on a
 * device without having it on those before; with raw devices, with file systems
 * that are frozen for the take, and with some that are not.
 */
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "mounts.h"
#include "workload.h"

#define STORAGE_SECTORS (32 * MIB / SECTOR)
#define SLOTS 256
#define SLOT_SECTORS 8
#define LANE_BYTES (SLOTS * SLOT_SECTORS * SECTOR)
#define DEVICES_MAX 4
#define WRITERS 2

/* Where the writers write on one device, directly or through a file. */
struct place {
	struct dev *dev;	/* the one that is snapshotted */
	char path[64];		/* what is written */
	uint64_t offset;	/* in it, of the first lane in bytes */
	uint64_t image_offset;	/* of the same in the image */
};

struct ordered_writer {
	const struct place *places[DEVICES_MAX];
	unsigned int count;
	unsigned int lane;
	atomic_uint completed;
	atomic_uint issued;
};

static uint32_t tag_of(unsigned int lane)
{
	return 0xab00 + lane;
}

static void *write_in_order(void *argument)
{
	struct ordered_writer *writer = argument;
	char *buffer = page_alloc(SLOT_SECTORS * SECTOR);
	int fds[DEVICES_MAX];
	bool good = true;

	memset(buffer, 0, SLOT_SECTORS * SECTOR);
	for (unsigned int i = 0; i < writer->count; i++) {
		fds[i] = open(writer->places[i]->path, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC);
		good &= CHECK(fds[i] >= 0);
	}
	for (uint32_t n = 1; good && !workers_stopping(); n++) {
		uint32_t slot = n % SLOTS;

		sector_encode(buffer, tag_of(writer->lane), slot, n);
		atomic_store(&writer->issued, n);
		for (unsigned int i = 0; good && i < writer->count; i++)
			good = CHECK_EQ(pwrite(fds[i], buffer, SLOT_SECTORS * SECTOR,
					       writer->places[i]->offset +
					       writer->lane * LANE_BYTES +
					       slot * SLOT_SECTORS * SECTOR),
					SLOT_SECTORS * SECTOR);
		atomic_store(&writer->completed, n);
	}
	for (unsigned int i = 0; i < writer->count; i++)
		close(fds[i]);
	free(buffer);
	return NULL;
}

/* The newest n of a lane in an image; every slot must be as after write n. */
static uint32_t newest_in(struct dev *image, const struct place *place, unsigned int lane)
{
	char *buffer = page_alloc(LANE_BYTES);
	uint32_t newest = 0;

	REQUIRE_EQ(pread(image->fd, buffer, LANE_BYTES, place->image_offset + lane * LANE_BYTES),
		   LANE_BYTES);
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		struct sector_label label = sector_decode(buffer + slot * SLOT_SECTORS * SECTOR);

		if (label.kind == sector_described && label.tag == tag_of(lane) &&
		    label.seq > newest)
			newest = label.seq;
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		uint32_t n = newest - (newest - slot) % SLOTS;

		if (newest < slot || n == 0 || n > newest)
			n = SEQ_ZERO;
		if (!sector_matches(buffer + slot * SLOT_SECTORS * SECTOR, tag_of(lane), slot, n))
			FAIL("%s, slot %u: not write %u, the newest is %u", image->path, slot, n,
			     newest);
	}
	free(buffer);
	return newest;
}

static void zero_place(const struct place *place)
{
	char *zeroes = page_alloc(WRITERS * LANE_BYTES);
	int fd = open(place->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	memset(zeroes, 0, WRITERS * LANE_BYTES);
	REQUIRE(fd >= 0);
	REQUIRE_EQ(pwrite(fd, zeroes, WRITERS * LANE_BYTES, place->offset), WRITERS * LANE_BYTES);
	REQUIRE_EQ(fsync(fd), 0);
	close(fd);
	free(zeroes);
}

/* Devices between the others, so busy that it takes a while to get their writes done. */
#define BUSY_SECTORS 4096
#define BUSY_MAX 3

struct busy {
	struct dev *dev;
	struct writer writer;
};

static void keep_busy(struct busy *busy, uint64_t stream)
{
	struct model *model;

	busy->dev = dev_loop(BUSY_SECTORS * SECTOR, 512);
	model = model_new(busy->dev);
	model_fill(model, 0, BUSY_SECTORS);
	busy->writer = (struct writer){ .model = model, .mode = write_aio, .count = BUSY_SECTORS,
					.limit = BUSY_SECTORS / 8, .stream = stream };
	worker_start(writer_run, &busy->writer);
}

/* One take: the images, and what they have of each writer. Returns how often it was in between. */
static unsigned int take_and_check(const struct place *places, unsigned int count,
				   const struct busy *busy, unsigned int busy_count,
				   struct ordered_writer *writers, unsigned int take,
				   struct rng *rng)
{
	struct dev *storage = dev_storage_disk(), *images[DEVICES_MAX];
	uint32_t low[WRITERS], high[WRITERS];
	dev_id ids[DEVICES_MAX + BUSY_MAX];
	unsigned int n = 0, between = 0;
	snap_id id;

	/* In another order each time, the busy ones in the middle. */
	ids[n++] = places[take % count].dev->id;
	for (unsigned int i = 0; i < busy_count; i++)
		ids[n++] = busy[i].dev->id;
	for (unsigned int i = 1; i < count; i++)
		ids[n++] = places[(take + i) % count].dev->id;
	REQUIRE_OK(snap_create(ids, n, &id));
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE_SECTORS));
	sleep_ms(rng_below(rng, 20));
	for (unsigned int i = 0; i < WRITERS; i++)
		low[i] = atomic_load(&writers[i].completed);
	REQUIRE_OK(snap_take(&id));
	for (unsigned int i = 0; i < WRITERS; i++)
		high[i] = atomic_load(&writers[i].issued);
	for (unsigned int i = 0; i < count; i++)
		images[i] = dev_image(&id, places[i].dev);
	for (unsigned int i = 0; i < WRITERS; i++) {
		uint32_t first = 0, last = 0;

		for (unsigned int k = 0; k < count; k++) {
			const struct place *place = writers[i].places[k];
			uint32_t newest = newest_in(images[place - places], place, i);

			CHECK_BETWEEN(newest, low[i], high[i]);
			if (k && newest > last)
				FAIL("take %u: write %u is on device %u of its order, but only %u "
				     "on the one before", take, newest, k, last);
			if (!k)
				first = newest;
			last = newest;
		}
		if (first > last + 1)
			FAIL("take %u: write %u is on the first device, but only %u on the last",
			     take, first, last);
		between += first == last + 1;
	}
	for (unsigned int i = 0; i < count; i++)
		dev_close(images[i]);
	REQUIRE_OK(snap_destroy(&id));
	dev_close(storage);
	return between;
}

static void ordered_across(const struct place *places, unsigned int count,
			   unsigned int busy_count, unsigned int takes)
{
	struct ordered_writer writers[WRITERS];
	struct busy busy[BUSY_MAX];
	unsigned int between = 0;
	struct rng rng;

	takes = test_long() ? 200 : takes;
	rng_init(&rng, 33);
	memset(writers, 0, sizeof(writers));
	for (unsigned int i = 0; i < busy_count; i++)
		keep_busy(&busy[i], 40 + i);
	for (unsigned int i = 0; i < WRITERS; i++) {
		writers[i].count = count;
		writers[i].lane = i;
		/* One in this order, one in the other. */
		for (unsigned int k = 0; k < count; k++)
			writers[i].places[k] = &places[i ? count - 1 - k : k];
		worker_start(write_in_order, &writers[i]);
	}
	for (unsigned int take = 0; take < takes && !test_failed(); take++)
		between += take_and_check(places, count, busy, busy_count, writers, take, &rng);
	workers_stop();
	for (unsigned int i = 0; i < busy_count; i++) {
		check_live(busy[i].writer.model, 0, BUSY_SECTORS);
		model_free(busy[i].writer.model);
	}
	note("%u of %u orders in %u takes were cut between a write and its successor", between,
	     WRITERS * takes, takes);
	CHECK(test_failed() || between > 0);
	CHECK(atomic_load(&writers[0].completed) > takes);
}

static struct place raw(struct dev *dev)
{
	struct place place = { .dev = dev };

	snprintf(place.path, sizeof(place.path), "%s", dev->path);
	zero_place(&place);
	return place;
}

/* A file on a file system that is mounted on the device or on one above it. */
static struct place file_on(struct dev *dev, const struct dev *mounted, const char *kind,
			    const char *name)
{
	struct fiemap *map = xcalloc(1, sizeof(*map) + sizeof(struct fiemap_extent));
	struct place place = { .dev = dev };
	int fd;

	make_file_system(kind, mounted, 64);
	mount_at(mounted->path, name, "defaults");
	snprintf(place.path, sizeof(place.path), MOUNTS "/%s/ordered", name);
	/* Allocated in one piece, and written, so that later writes stay where they are. */
	fd = open(place.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE_EQ(posix_fallocate(fd, 0, WRITERS * LANE_BYTES), 0);
	zero_place(&place);
	map->fm_length = WRITERS * LANE_BYTES;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = 1;
	REQUIRE_EQ(ioctl(fd, FS_IOC_FIEMAP, map), 0);
	REQUIRE_EQ(map->fm_mapped_extents, 1);
	REQUIRE(map->fm_extents[0].fe_length >= WRITERS * LANE_BYTES);
	place.image_offset = map->fm_extents[0].fe_physical;
	close(fd);
	free(map);
	return place;
}

static void two_disks(void)
{
	const struct place places[] = { raw(dev_disk(0)), raw(dev_disk(1)) };

	ordered_across(places, ARRAY_SIZE(places), 0, 10);
}

static void disk_and_loop(void)
{
	const struct place places[] = { raw(dev_disk(0)), raw(dev_loop(8 * MIB, 4096)) };

	ordered_across(places, ARRAY_SIZE(places), 0, 6);
}

static void four_devices(void)
{
	const struct place places[] = { raw(dev_disk(0)), raw(dev_loop(8 * MIB, 512)),
					raw(dev_disk(1)), raw(mapper_linear(dev_disk(2))) };

	ordered_across(places, ARRAY_SIZE(places), 0, 8);
}

static void busy_devices(void)
{
	const struct place places[] = { raw(dev_disk(0)), raw(dev_disk(1)) };

	ordered_across(places, ARRAY_SIZE(places), BUSY_MAX, 8);
}

/* Frozen for the take, one after the other. */
static void file_systems(void)
{
	struct dev *disks[] = { dev_disk(0), dev_disk(1) };
	const struct place places[] = { file_on(disks[0], disks[0], "ext4", "a"),
					file_on(disks[1], disks[1], "xfs", "b") };

	ordered_across(places, ARRAY_SIZE(places), 0, 6);
}

static void four_with_file_systems(void)
{
	struct dev *disks[] = { dev_disk(0), dev_disk(1), dev_disk(2) };
	const struct place places[] = { file_on(disks[0], disks[0], "ext4", "a"),
					raw(dev_loop(8 * MIB, 512)),
					file_on(disks[1], disks[1], "xfs", "b"), raw(disks[2]) };

	ordered_across(places, ARRAY_SIZE(places), 0, 6);
}

/* On volumes above the devices: nobody freezes them, and the instant is one all the same. */
static void file_systems_not_frozen(void)
{
	struct dev *disks[] = { dev_disk(0), dev_disk(1) };
	struct dev *volumes[] = { mapper_linear(disks[0]), mapper_linear(disks[1]) };
	const struct place places[] = { file_on(disks[0], volumes[0], "ext4", "a"),
					file_on(disks[1], volumes[1], "xfs", "b") };

	ordered_across(places, ARRAY_SIZE(places), 0, 6);
}

static void ordered_cleanup(void)
{
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "two_disks", two_disks, 120 },
		{ "disk_and_loop", disk_and_loop, 120 },
		{ "four_devices", four_devices, 120 },
		{ "busy_devices", busy_devices, 150 },
		{ "file_systems", file_systems, 150 },
		{ "four_with_file_systems", four_with_file_systems, 150 },
		{ "file_systems_not_frozen", file_systems_not_frozen, 150 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = ordered_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
