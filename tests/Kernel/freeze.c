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
#include "workload.h"

#define STORAGE 131072
#define BASE "/tmp/blksnap-test-freeze"

/* What the cleanup has to unmount, the last first. */
static char mounts[8][96];
static unsigned int mount_count;

static void mount_at(const char *device, const char *name, const char *options)
{
	char *point = mounts[mount_count];

	REQUIRE(mount_count < ARRAY_SIZE(mounts));
	snprintf(point, sizeof(mounts[0]), BASE "/%s", name);
	mkdir(BASE, 0700);
	mkdir(point, 0700);
	REQUIRE_EQ(command("mount -o %s %s %s", options, device, point), 0);
	mount_count++;
}

static void unmount_last(void)
{
	mount_count--;
	CHECK_EQ(command("umount %s", mounts[mount_count]), 0);
}

static void make_ext4(const struct dev *dev, const char *name)
{
	if (system("command -v mkfs.ext4 >/dev/null"))
		test_skip("no mkfs.ext4");
	REQUIRE_EQ(command("mkfs.ext4 -q -F -E nodiscard %s 48M", dev->path), 0);
	mount_at(dev->path, name, "defaults");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(close(fd), 0);
}

static void expect_file(const char *path, const char *text)
{
	char found[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (!text) {
		CHECK(fd < 0 && errno == ENOENT);
	} else if (CHECK(fd >= 0)) {
		CHECK(read(fd, found, sizeof(found) - 1) >= 0);
		if (strcmp(found, text))
			FAIL("%s: '%s', want '%s'", path, found, text);
	}
	if (fd >= 0)
		close(fd);
}

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

	write_file(BASE "/live/old", "before");
	REQUIRE_EQ(mkdir(BASE "/live/directory", 0700), 0);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	expect_frozen(&id, dev);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK(status.frozen_ns > 0);
	/* Thawed, or these would not return. */
	write_file(BASE "/live/old", "afterwards");
	write_file(BASE "/live/new", "afterwards");
	sync();
	image = dev_image(&id, dev);
	mount_at(image->path, "image", image_options);
	expect_file(BASE "/image/old", "before");
	expect_file(BASE "/image/new", NULL);
	CHECK(!access(BASE "/image/directory", F_OK));
	expect_file(BASE "/live/old", "afterwards");
	unmount_last();
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	expect_file(BASE "/live/new", "afterwards");
}

static void ext4(void)
{
	make_ext4(dev_disk(0), "live");
	/* Without a replay of the journal, which a frozen file system does not need. */
	clean_image("ro,noload");
}

static void xfs(void)
{
	struct dev *dev = dev_disk(0);

	if (system("command -v mkfs.xfs >/dev/null"))
		test_skip("no mkfs.xfs");
	/* The tools think that nobody has less than 300 MB. */
	REQUIRE_EQ(command("mkfs.xfs --unsupported -q -f -K -d size=64m %s", dev->path), 0);
	mount_at(dev->path, "live", "defaults");
	clean_image("ro,nouuid,norecovery");
}

static void *write_files(void *argument)
{
	atomic_uint *written = argument;

	while (!workers_stopping()) {
		char path[80];
		unsigned int number = atomic_fetch_add(written, 1);

		snprintf(path, sizeof(path), BASE "/live/file%u", number % 50);
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

	make_ext4(dev, "live");
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
	write_file(BASE "/live/blocked", "through");
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

	make_ext4(dev, "live");
	write_file(BASE "/live/old", "before");
	REQUIRE_EQ(command("fsfreeze -f %s", BASE "/live"), 0);
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
	CHECK_EQ(command("fsfreeze -u %s", BASE "/live"), 0);
	workers_join();
	CHECK(atomic_load(&through));
	image = dev_image(&id, dev);
	mount_at(image->path, "image", "ro,noload");
	expect_file(BASE "/image/old", "before");
	expect_file(BASE "/image/blocked", NULL);
}

/* The file systems of a whole disk are those on its partitions. */
static void partition_of_a_disk(void)
{
	struct dev *disk = dev_disk(0), *storage = dev_storage_disk(), *part, *image, *inside;
	snap_id id;

	part = dev_partition(disk, 1, 2048, 56 * MIB / SECTOR);
	make_ext4(part, "live");
	write_file(BASE "/live/old", "before");
	snap_begin_one(&id, disk, storage, 0, STORAGE);
	expect_frozen(&id, disk);
	write_file(BASE "/live/old", "afterwards");
	write_file(BASE "/live/new", "afterwards");
	sync();
	image = dev_image(&id, disk);
	inside = dev_loop_over(image->path, 2048 * SECTOR, true);
	mount_at(inside->path, "image", "ro,noload");
	expect_file(BASE "/image/old", "before");
	expect_file(BASE "/image/new", NULL);
	unmount_last();
	dev_close(inside);
}

/* A file system in a file of another one, both in one snapshot, in either order. */
static void stacked(void)
{
	struct dev *disk = dev_disk(0), *storage = dev_storage_disk(), *upper, *list[2];
	struct blk_snap_snapshot_status status;
	snap_id id;

	make_ext4(disk, "live");
	REQUIRE_EQ(command("truncate -s 16M %s/file && mkfs.ext4 -q -F %s/file", BASE "/live",
			   BASE "/live"), 0);
	upper = dev_loop_over(BASE "/live/file", 0, false);
	mount_at(upper->path, "upper", "defaults");
	for (unsigned int round = 0; round < 2; round++) {
		struct dev *image;

		write_file(BASE "/upper/old", round ? "second" : "first");
		list[round] = disk;
		list[1 - round] = upper;
		snap_begin(&id, list, 2, storage, 0, STORAGE);
		expect_frozen(&id, disk);
		expect_frozen(&id, upper);
		REQUIRE_OK(snap_status(&id, &status));
		note("frozen for %llu ms", (unsigned long long)status.frozen_ns / 1000000);
		write_file(BASE "/upper/old", "afterwards");
		sync();
		image = dev_image(&id, upper);
		mount_at(image->path, "image", "ro,noload");
		expect_file(BASE "/image/old", round ? "second" : "first");
		unmount_last();
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
	}
	unmount_last();
	dev_close(upper);
}

static void freeze_cleanup(void)
{
	while (mount_count)
		unmount_last();
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
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = freeze_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
