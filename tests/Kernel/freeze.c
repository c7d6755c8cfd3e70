// SPDX-License-Identifier: MIT
/*
 * File systems at the take: frozen, so that the image is clean, and always thawed
 * again, but never for somebody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module.h"
#include "mounts.h"
#include "workload.h"

#define STORAGE 131072

static struct blk_snap_device_status verdict(const snap_id *id, const struct dev *dev)
{
	struct blk_snap_device_status list[4];
	uint32_t count = ARRAY_SIZE(list);

	REQUIRE_OK(snap_devices(id, list, &count));
	for (uint32_t i = 0; i < count; i++)
		if (same_device(list[i].orig_dev_id, dev->id))
			return list[i];
	FAIL("%s is not in the snapshot", dev->path);
	test_abandon();
}

static void expect_frozen(const snap_id *id, const struct dev *dev)
{
	CHECK_EQ(verdict(id, dev).freeze, blk_snap_freeze_frozen);
	CHECK_EQ(verdict(id, dev).freeze_error, 0);
}

/* What is written and not synchronised is in the image all the same. */
static void clean_image(const char *image_options)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct blk_snap_snapshot_status status;
	snap_id id;

	write_file(MOUNTS "/live/old", "before");
	REQUIRE_EQ(mkdir(MOUNTS "/live/directory", 0700), 0);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	expect_frozen(&id, dev);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK(status.frozen_ns > 0);
	/* Thawed, or these would not return. */
	write_file(MOUNTS "/live/old", "afterwards");
	write_file(MOUNTS "/live/new", "afterwards");
	sync();
	image = dev_image(&id, dev);
	mount_at(image->path, "image", image_options);
	expect_file(MOUNTS "/image/old", "before");
	expect_file(MOUNTS "/image/new", NULL);
	CHECK(!access(MOUNTS "/image/directory", F_OK));
	expect_file(MOUNTS "/live/old", "afterwards");
	unmount_last();
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	expect_file(MOUNTS "/live/new", "afterwards");
}

static void ext4(void)
{
	struct dev *dev = dev_disk(0);

	make_file_system("ext4", dev, 48);
	mount_at(dev->path, "live", "defaults");
	/* Without a replay of the journal, which a frozen file system does not need. */
	clean_image("ro,noload");
}

static void xfs(void)
{
	struct dev *dev = dev_disk(0);

	make_file_system("xfs", dev, 64);
	mount_at(dev->path, "live", "defaults");
	clean_image("ro,nouuid,norecovery");
}

static void *write_files(void *argument)
{
	atomic_uint *written = argument;

	while (!workers_stopping()) {
		char path[80];
		unsigned int number = atomic_fetch_add(written, 1);

		snprintf(path, sizeof(path), MOUNTS "/live/file%u", number % 50);
		if (number % 7 == 6)
			unlink(path);
		else
			write_file(path, "something that is written again and again");
		if (number % 5 == 0)
			sync();
	}
	return NULL;
}

/* Whatever the file system is doing, its image needs no repair. */
static void busy_file_system(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	atomic_uint written = 0;
	snap_id id;

	make_file_system("ext4", dev, 48);
	mount_at(dev->path, "live", "defaults");
	worker_start(write_files, &written);
	for (unsigned int round = 0; round < 4; round++) {
		sleep_ms(100);
		snap_begin_one(&id, dev, storage, 0, STORAGE);
		expect_frozen(&id, dev);
		image = dev_image(&id, dev);
		CHECK_EQ(command("e2fsck -f -n %s", image->path), 0);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
	}
	workers_stop();
	CHECK(atomic_load(&written) > 20);
	unmount_last();
	CHECK_EQ(command("e2fsck -f -n %s", dev->path), 0);
}

static void *write_one_file(void *argument)
{
	write_file(MOUNTS "/live/blocked", "through");
	atomic_store((atomic_bool *)argument, true);
	return NULL;
}

/* Frozen by somebody else before: it stays so until he thaws it. */
static void frozen_by_another(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct blk_snap_device_status status;
	atomic_bool through = false;
	snap_id id;

	make_file_system("ext4", dev, 48);
	mount_at(dev->path, "live", "defaults");
	write_file(MOUNTS "/live/old", "before");
	REQUIRE_EQ(command("fsfreeze -f %s", MOUNTS "/live"), 0);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	status = verdict(&id, dev);
	/* Newer kernels freeze twice, older ones refuse, and then the verdict says it. */
	if (status.freeze == blk_snap_freeze_refused)
		CHECK_EQ(status.freeze_error, EBUSY);
	else
		CHECK_EQ(status.freeze, blk_snap_freeze_frozen);
	worker_start(write_one_file, &through);
	sleep_ms(700);
	CHECK(!atomic_load(&through));
	CHECK_EQ(command("fsfreeze -u %s", MOUNTS "/live"), 0);
	workers_join();
	CHECK(atomic_load(&through));
	image = dev_image(&id, dev);
	mount_at(image->path, "image", "ro,noload");
	expect_file(MOUNTS "/image/old", "before");
	expect_file(MOUNTS "/image/blocked", NULL);
}

/* The file systems of a whole disk are those on its partitions. */
static void partition_of_a_disk(void)
{
	struct dev *disk = dev_disk(0), *storage = dev_storage_disk(), *part, *image, *inside;
	snap_id id;

	part = dev_partition(disk, 1, 2048, 56 * MIB / SECTOR);
	make_file_system("ext4", part, 48);
	mount_at(part->path, "live", "defaults");
	write_file(MOUNTS "/live/old", "before");
	snap_begin_one(&id, disk, storage, 0, STORAGE);
	expect_frozen(&id, disk);
	write_file(MOUNTS "/live/old", "afterwards");
	write_file(MOUNTS "/live/new", "afterwards");
	sync();
	image = dev_image(&id, disk);
	inside = dev_loop_over(image->path, 2048 * SECTOR, true);
	mount_at(inside->path, "image", "ro,noload");
	expect_file(MOUNTS "/image/old", "before");
	expect_file(MOUNTS "/image/new", NULL);
	unmount_last();
	dev_close(inside);
}

/* A file system in a file of another one, both in one snapshot, in either order. */
static void stacked(void)
{
	struct dev *disk = dev_disk(0), *storage = dev_storage_disk(), *upper, *list[2];
	struct blk_snap_snapshot_status status;
	snap_id id;

	make_file_system("ext4", disk, 48);
	mount_at(disk->path, "live", "defaults");
	REQUIRE_EQ(command("truncate -s 16M %s/file && mkfs.ext4 -q -F %s/file", MOUNTS "/live",
			   MOUNTS "/live"), 0);
	upper = dev_loop_over(MOUNTS "/live/file", 0, false);
	mount_at(upper->path, "upper", "defaults");
	for (unsigned int round = 0; round < 2; round++) {
		struct dev *image;

		write_file(MOUNTS "/upper/old", round ? "second" : "first");
		list[round] = disk;
		list[1 - round] = upper;
		snap_begin(&id, list, 2, storage, 0, STORAGE);
		expect_frozen(&id, disk);
		expect_frozen(&id, upper);
		REQUIRE_OK(snap_status(&id, &status));
		note("frozen for %llu ms", (unsigned long long)status.frozen_ns / 1000000);
		write_file(MOUNTS "/upper/old", "afterwards");
		sync();
		image = dev_image(&id, upper);
		mount_at(image->path, "image", "ro,noload");
		expect_file(MOUNTS "/image/old", round ? "second" : "first");
		unmount_last();
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
	}
	unmount_last();
	dev_close(upper);
}

/*
 * Writes to a loop device wait for the frozen file system that its file lies on, and the take waits for them: the file system
 * is let go, and its verdict says so. It does not stay frozen, and the take does not fail.
 */
static void writes_behind_a_frozen_file_system(void)
{
	struct dev *disk = dev_disk(0), *storage = dev_storage_disk(), *upper, *list[2], *image;
	struct writer writer = { .mode = write_aio, .limit = 64 };
	struct blk_snap_device_status status;
	struct model *model;
	uint32_t *seq;
	snap_id id;

	module_require("freeze_timeout_ms=4000");
	make_file_system("ext4", disk, 48);
	mount_at(disk->path, "live", "defaults");
	REQUIRE_EQ(command("truncate -s 16M %s/file", MOUNTS "/live"), 0);
	upper = dev_loop_over(MOUNTS "/live/file", 0, false);
	model = model_new(upper);
	model_fill(model, 0, upper->sectors);
	writer.model = model;
	writer.count = upper->sectors / 2;
	worker_start(writer_run, &writer);
	sleep_ms(300);
	list[0] = disk;
	list[1] = upper;
	seq = model_freeze(model);
	snap_begin(&id, list, 2, storage, 0, STORAGE);
	status = verdict(&id, disk);
	/* On a fast machine no write is under way in that moment. */
	if (status.freeze == blk_snap_freeze_timeout)
		CHECK_EQ(status.freeze_error, ETIMEDOUT);
	else
		CHECK_EQ(status.freeze, blk_snap_freeze_frozen);
	note("the file system was %sfrozen", status.freeze == blk_snap_freeze_frozen ? "" : "not ");
	write_file(MOUNTS "/live/new", "afterwards");
	workers_stop();
	image = dev_image(&id, upper);
	check_image(image, model, seq, upper->sectors / 2, upper->sectors / 2);
	check_live(model, 0, upper->sectors);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	free(seq);
	model_free(model);
	dev_close(upper);
}

static void freeze_cleanup(void)
{
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "ext4", ext4, 90 },
		{ "xfs", xfs, 90 },
		{ "busy_file_system", busy_file_system, 90 },
		{ "frozen_by_another", frozen_by_another, 90 },
		{ "partition_of_a_disk", partition_of_a_disk, 90 },
		{ "stacked", stacked, 120 },
		{ "writes_behind_a_frozen_file_system", writes_behind_a_frozen_file_system, 120 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = freeze_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
