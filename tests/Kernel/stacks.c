// SPDX-License-Identifier: MIT
/*
 * Devices above and below each other, file systems of every kind, blocks of
 * 4 KiB, and devices larger than 32 bits count.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "mounts.h"
#include "workload.h"

#define AREA 8192
#define STORAGE 65536

/*
 * The devices of a snapshot, with the topmost among them, which is written: what
 * is written below a volume does not pass through it.
 */
struct layer {
	struct dev *dev;
	int64_t first;		/* its sector 0, as a sector of the one that is written */
};

static void check_layer(const struct layer *layer, const snap_id *id, const struct model *model,
			const uint32_t *seq)
{
	struct dev *image = dev_image(id, layer->dev);
	char *buffer = page_alloc(MIB);
	unsigned int wrong = 0;

	for (int64_t at = layer->first < 0 ? -layer->first : 0;
	     layer->first + at < AREA && at < (int64_t)image->sectors; at += MIB / SECTOR) {
		int64_t count = MIB / SECTOR;

		if (count > (int64_t)image->sectors - at)
			count = image->sectors - at;
		if (count > AREA - layer->first - at)
			count = AREA - layer->first - at;
		REQUIRE_EQ(pread(image->fd, buffer, count * SECTOR, at * SECTOR), count * SECTOR);
		for (int64_t i = 0; i < count; i++) {
			uint64_t s = layer->first + at + i;
			char text[120];

			if (sector_matches(buffer + i * SECTOR, model->tag, s, seq[s]) || wrong++)
				continue;
			sector_describe(buffer + i * SECTOR, text, sizeof(text));
			FAIL("%s (image of %s), sector %llu: want sequence %u, found %s",
			     image->path, layer->dev->path, (unsigned long long)(at + i), seq[s],
			     text);
		}
	}
	free(buffer);
	dev_close(image);
}

static void snapshot_layers(struct dev *top, const struct layer *layers, unsigned int count,
			    const struct dev *storage)
{
	struct model *model = model_new(top);

	model_fill(model, 0, AREA);
	/* In this order and in the other, while the top is being written. */
	for (unsigned int round = 0; round < 4 && !test_failed(); round++) {
		struct writer writer = { .model = model, .count = AREA, .limit = 512,
					 .stream = round, .writes = 60 };
		struct dev *devices[4];
		uint32_t *seq;
		snap_id id;

		for (unsigned int i = 0; i < count; i++)
			devices[i] = layers[round % 2 ? count - 1 - i : i].dev;
		snap_begin(&id, devices, count, storage, 0, count * STORAGE);
		seq = model_freeze(model);
		worker_start(writer_run, &writer);
		workers_join();
		for (unsigned int i = 0; i < count; i++)
			check_layer(&layers[i], &id, model, seq);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
	}
	check_live(model, 0, AREA);
	model_free(model);
}

static void linear_volume(void)
{
	struct dev *disk = dev_disk(0), *volume;

	volume = mapper_new("0 %u linear %s 0", 2 * AREA, disk->path);
	snapshot_layers(volume, (struct layer[]){ { disk, 0 }, { volume, 0 } }, 2,
			dev_storage_disk());
}

/* A volume of two pieces on two disks, all three in one snapshot. */
static void volume_over_two_disks(void)
{
	struct dev *disks[] = { dev_disk(0), dev_disk(1) }, *volume;

	volume = mapper_new("0 3000 linear %s 0\n3000 %u linear %s 0", disks[0]->path, AREA,
			    disks[1]->path);
	snapshot_layers(volume, (struct layer[]){ { volume, 0 }, { disks[1], 3000 } }, 2,
			dev_storage_disk());
}

/* The disk, a partition of it, and a volume on that partition. */
static void disk_partition_volume(void)
{
	struct dev *disk = dev_disk(0), *part, *volume;

	part = dev_partition(disk, 1, 2048, 4 * AREA);
	volume = mapper_new("0 %u linear %s 8", 2 * AREA, part->path);
	snapshot_layers(volume, (struct layer[]){ { volume, 0 } }, 1, dev_storage_disk());
	snapshot_layers(volume, (struct layer[]){ { part, -8 } }, 1, dev_storage_disk());
	snapshot_layers(volume, (struct layer[]){ { part, -8 }, { disk, -2056 }, { volume, 0 } },
			3, dev_storage_disk());
}

#define CRYPT_TABLE "0 %u crypt aes-xts-plain64 " \
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 0 %s 0"

/* Encrypted: what is above and what is below are snapshotted together. */
static void encrypted(void)
{
	struct dev *disk = dev_disk(0), *copy = dev_disk(1), *storage = dev_storage_disk();
	struct dev *volume, *clear;

	mapper_needs("crypt");
	volume = mapper_new(CRYPT_TABLE, 2 * AREA, disk->path);
	clear = mapper_new(CRYPT_TABLE, 2 * AREA, copy->path);
	snapshot_layers(volume, (struct layer[]){ { volume, 0 } }, 1, storage);
	/* The image of the disk, decrypted, is the image of the volume. */
	for (unsigned int round = 0; round < 2; round++) {
		struct dev *devices[2] = { round ? disk : volume, round ? volume : disk };
		struct dev *image;
		struct model *model = model_new(volume);
		uint32_t *seq;
		snap_id id;

		model_fill(model, 0, AREA);
		snap_begin(&id, devices, 2, storage, 0, 2 * STORAGE);
		seq = model_freeze(model);
		REQUIRE(model_write(model, 77, 3000));
		image = dev_image(&id, disk);
		REQUIRE_EQ(command("dd if=%s of=%s bs=1M count=8 oflag=direct status=none",
				   image->path, copy->path), 0);
		check_image(clear, model, seq, 0, AREA);
		dev_close(image);
		check_layer(&(struct layer){ volume, 0 }, &id, model, seq);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
		model_free(model);
	}
}

/* A mirror of two disks: no tool, and no metadata on them. */
static void mirror_release(struct dev *dev)
{
	if (ioctl(dev->fd, STOP_ARRAY, NULL)) {
		/* Only its last user may. */
		int fd = open(dev->path, O_RDWR | O_CLOEXEC);

		close(dev->fd);
		dev->fd = -1;
		for (unsigned int tries = 0; tries < 50 && ioctl(fd, STOP_ARRAY, NULL); tries++)
			sleep_ms(100);
		close(fd);
	}
}

static struct dev *mirror_of(struct dev *const *legs)
{
	mdu_array_info_t array = {
		.major_version = 0, .level = 1, .size = 64 * 1024, .nr_disks = 2,
		.raid_disks = 2, .md_minor = 77, .not_persistent = 1,
		.state = 1 << MD_SB_CLEAN, .active_disks = 2, .working_disks = 2,
	};
	const char *node = MOUNTS "-md77";
	struct dev *mirror;
	int fd;

	if (system("modprobe -q md-mod && modprobe -q raid1"))
		test_skip("no RAID1");
	unlink(node);
	REQUIRE_EQ(mknod(node, S_IFBLK | 0600, makedev(MD_MAJOR, 77)), 0);
	command("[ -e /sys/block/md77 ] || echo md77 > /sys/module/md_mod/parameters/new_array; "
		"true");
	fd = open(node, O_RDWR | O_CLOEXEC);
	unlink(node);
	REQUIRE(fd >= 0);
	REQUIRE_EQ(ioctl(fd, SET_ARRAY_INFO, &array), 0);
	for (int i = 0; i < 2; i++) {
		mdu_disk_info_t disk = {
			.number = i, .raid_disk = i, .major = legs[i]->id.mj,
			.minor = legs[i]->id.mn, .state = 1 << MD_DISK_SYNC | 1 << MD_DISK_ACTIVE,
		};

		REQUIRE_EQ(ioctl(fd, ADD_NEW_DISK, &disk), 0);
	}
	REQUIRE_EQ(ioctl(fd, RUN_ARRAY, NULL), 0);
	mirror = dev_open((dev_id){ MD_MAJOR, 77 }, O_RDWR | O_DIRECT);
	mirror->release = mirror_release;
	close(fd);
	return mirror;
}

static void mirror(void)
{
	struct dev *legs[] = { dev_disk(0), dev_disk(1) }, *md = mirror_of(legs);

	snapshot_layers(md, (struct layer[]){ { md, 0 } }, 1, dev_storage_disk());
	/* Both legs are the same at the instant, too. */
	snapshot_layers(md, (struct layer[]){ { legs[0], 0 }, { md, 0 }, { legs[1], 0 } }, 3,
			dev_storage_disk());
}

static void loop_over_volume(void)
{
	struct dev *disk = dev_disk(0), *volume, *loop;

	volume = mapper_new("0 %u linear %s 0", 2 * AREA, disk->path);
	loop = dev_loop_over(volume->path, 4096, false);
	snapshot_layers(loop, (struct layer[]){ { loop, 0 } }, 1, dev_storage_disk());
}

static const struct kind {
	const char *name;
	unsigned int mib;
	const char *image_options;	/* without writing to it, beside its original */
	const char *check;
	const char *replay_options;	/* the check wants the journal replayed first, in a copy */
} kinds[] = {
	{ "ext4", 48, "ro,noload", "e2fsck -f -n %s", NULL },
	/* It leaves a record in its journal when it is frozen. */
	{ "xfs", 64, "ro,nouuid,norecovery", "xfs_repair -n %s", "nouuid" },
	/* Two with one id cannot be mounted at once: it is checked only. */
	{ "btrfs", 120, NULL, "btrfs check --readonly %s", NULL },
	/* It is marked as in use as long as it is mounted; nothing else may be found. */
	{ "vfat", 48, "ro", "out=$(fsck.vfat -n %s); echo \"$out\"; echo \"$out\" | "
			    "grep -q ' files, ' && ! echo \"$out\" | "
			    "grep -v -e irty -e Leaving -e ^fsck -e ' files, ' -e ^$", NULL },
	{ "f2fs", 100, "ro,norecovery", "fsck.f2fs --dry-run %s", NULL },
};

static void check_damage(const struct kind *kind, const struct dev *dev, const char *where)
{
	struct dev *copy = NULL;

	if (kind->replay_options) {
		copy = dev_disk(1);
		REQUIRE_EQ(command("dd if=%s of=%s bs=1M count=%u conv=fsync status=none",
				   dev->path, copy->path, kind->mib), 0);
		mount_at(copy->path, "copy", kind->replay_options);
		unmount_last();
	}
	if (!CHECK_EQ(command(kind->check, copy ? copy->path : dev->path), 0))
		note("this was %s on %s", kind->name, where);
	if (copy)
		dev_close(copy);
}

/* A frozen file system of this kind needs no repair in the image and holds what it held. */
static void file_system_on(const struct kind *kind, struct dev *dev, const char *where)
{
	struct dev *storage = dev_storage_disk(), *image;
	snap_id id;

	make_file_system(kind->name, dev, kind->mib);
	mount_at(dev->path, "live", "defaults");
	for (unsigned int round = 0; round < 2 && !test_failed(); round++) {
		write_file(MOUNTS "/live/old", round ? "second" : "first");
		snap_begin_one(&id, dev, storage, 0, 2 * STORAGE);
		write_file(MOUNTS "/live/old", "afterwards");
		write_file(MOUNTS "/live/new", "afterwards");
		sync();
		image = dev_image(&id, dev);
		check_damage(kind, image, where);
		if (kind->image_options) {
			mount_at(image->path, "image", kind->image_options);
			expect_file(MOUNTS "/image/old", round ? "second" : "first");
			expect_file(MOUNTS "/image/new", NULL);
			unmount_last();
		}
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		CHECK_EQ(unlink(MOUNTS "/live/new"), 0);
	}
	unmount_last();
	check_damage(kind, dev, where);
	dev_close(storage);
}

static void file_system(unsigned int number)
{
	struct dev *disk = dev_disk(0), *volume;

	file_system_on(&kinds[number], disk, "a disk");
	volume = mapper_linear(disk);
	file_system_on(&kinds[number], volume, "a volume");
	dev_close(volume);
	file_system_on(&kinds[number], dev_loop(128 * MIB, 4096), "blocks of 4 KiB");
}

static void ext4(void)
{
	file_system(0);
}

static void xfs(void)
{
	file_system(1);
}

static void btrfs(void)
{
	file_system(2);
}

static void vfat(void)
{
	file_system(3);
}

static void f2fs(void)
{
	file_system(4);
}

/* Places around every power of two that a type might be too small for. */
static void large_device(void)
{
	static const uint64_t borders[] = { 1ULL << 22, 1ULL << 31, 1ULL << 32, 1ULL << 33,
					    1ULL << 35 };
	struct dev *dev = dev_loop(20ULL << 40, 512), *storage = dev_storage_disk(), *image = NULL;
	uint64_t places[ARRAY_SIZE(borders) + 1];
	struct blk_snap_cbt_info info;
	char *buffer = page_alloc(64 * SECTOR);
	unsigned char byte;
	snap_id id;

	for (unsigned int i = 0; i < ARRAY_SIZE(borders); i++)
		places[i] = borders[i] - 32;
	places[ARRAY_SIZE(borders)] = dev->sectors - 64;
	for (unsigned int round = 0; round < 3; round++) {
		if (round) {
			snap_begin_one(&id, dev, storage, 0, 2 * STORAGE);
			image = dev_image(&id, dev);
			CHECK_EQ(image->sectors, dev->sectors);
			REQUIRE_OK(tracker_find(dev->id, &info));
			CHECK(info.blk_count * (uint64_t)info.blk_size >= dev->sectors * SECTOR);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
			for (unsigned int s = 0; s < 64; s++)
				sector_encode(buffer + s * SECTOR, 7, places[i] + s, round + 1);
			REQUIRE_EQ(pwrite(dev->fd, buffer, 64 * SECTOR, places[i] * SECTOR),
				   64 * SECTOR);
			if (!round)
				continue;
			REQUIRE_EQ(pread(image->fd, buffer, 64 * SECTOR, places[i] * SECTOR),
				   64 * SECTOR);
			for (unsigned int s = 0; s < 64; s++)
				CHECK(sector_matches(buffer + s * SECTOR, 7, places[i] + s, round));
			/* What was written before this take is in its map, and little else. */
			CHECK_EQ(tracker_read_map(dev->id, places[i] * SECTOR / info.blk_size, 1,
						  &byte), 1);
			CHECK(round < 2 || byte == 2);
			CHECK_EQ(tracker_read_map(dev->id, places[i] * SECTOR / info.blk_size - 2,
						  1, &byte), 1);
			CHECK_EQ(byte, 0);
		}
		if (round) {
			dev_close(image);
			REQUIRE_OK(snap_destroy(&id));
		}
	}
	free(buffer);
}

/* Blocks are larger than the parameters say rather than more than the map can have. */
static void large_device_small_blocks(void)
{
	module_require("tracking_block_minimum_shift=12 tracking_block_maximum_shift=12");
	large_device();
}

static void too_large_a_device(void)
{
	struct dev *dev = dev_loop(1ULL << 60, 512);
	struct blk_snap_cbt_info info;
	snap_id id;

	CHECK_RESULT(snap_create(&dev->id, 1, &id), -EOPNOTSUPP);
	CHECK_RESULT(tracker_find(dev->id, &info), -ENODATA);
}

static void stacks_cleanup(void)
{
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "linear_volume", linear_volume, 120 },
		{ "volume_over_two_disks", volume_over_two_disks, 120 },
		{ "disk_partition_volume", disk_partition_volume, 120 },
		{ "encrypted", encrypted, 120 },
		{ "mirror", mirror, 120 },
		{ "loop_over_volume", loop_over_volume, 120 },
		{ "ext4", ext4, 180 },
		{ "xfs", xfs, 180 },
		{ "btrfs", btrfs, 180 },
		{ "vfat", vfat, 180 },
		{ "f2fs", f2fs, 180 },
		{ "large_device", large_device, 120 },
		{ "large_device_small_blocks", large_device_small_blocks, 180 },
		{ "too_large_a_device", too_large_a_device, 60 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = stacks_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
