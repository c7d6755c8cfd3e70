// SPDX-License-Identifier: MIT
/* Difference storage: which ranges are taken, and files that are held for it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

static void expect_storage(const snap_id *id, uint64_t capacity, uint32_t ranges)
{
	struct blk_snap_snapshot_status status;

	REQUIRE_OK(snap_status(id, &status));
	CHECK_EQ(status.storage_capacity, capacity);
	CHECK_EQ(status.range_count, ranges);
}

static void bounds(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	uint64_t end = storage->sectors;
	const struct { range range; int result; } cases[] = {
		{ { 0, 0 }, -EINVAL },
		{ { end - 8, 0 }, -EINVAL },
		{ { end, 1 }, -ERANGE },
		{ { end - 1, 2 }, -ERANGE },
		{ { 0, end + 1 }, -ERANGE },
		{ { end + 1000, 8 }, -ERANGE },
		{ { 8, UINT64_MAX }, -ERANGE },
		{ { 8, UINT64_MAX - 7 }, -ERANGE },
		{ { UINT64_MAX, 1 }, -ERANGE },
		{ { UINT64_MAX - 7, 16 }, -ERANGE },
		{ { 1ULL << 55, 8 }, -ERANGE },
		{ { end - 1, 1 }, 0 },
		{ { 3, 9 }, 0 },
	};
	uint64_t capacity = 0;
	uint32_t ranges = 0;
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int result = snap_append(&id, storage->id, &cases[i].range, 1);

		if (result != cases[i].result)
			FAIL("%llu+%llu: got %d, want %d",
			     (unsigned long long)cases[i].range.sector_offset,
			     (unsigned long long)cases[i].range.sector_count, result,
			     cases[i].result);
		if (!cases[i].result) {
			capacity += cases[i].range.sector_count;
			ranges++;
		}
		expect_storage(&id, capacity, ranges);
	}
	CHECK_RESULT_IN(snap_append(&id, storage->id, NULL, 0), 0, -EINVAL);
	expect_storage(&id, capacity, ranges);
	CHECK_RESULT_IN(snap_append_one(&id, (dev_id){ 4000, 7 }, 0, 8), -ENXIO, -ENODEV);
}

static void alignment(void)
{
	struct dev *dev = dev_loop(8 * MIB, 4096), *storage = dev_loop(8 * MIB, 4096);
	struct dev *small = dev_disk(0);
	snap_id id, other;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	CHECK_RESULT(snap_append_one(&id, storage->id, 1, 8), -EINVAL);
	CHECK_RESULT(snap_append_one(&id, storage->id, 8, 7), -EINVAL);
	CHECK_RESULT(snap_append_one(&id, storage->id, 12, 8), -EINVAL);
	expect_storage(&id, 0, 0);
	CHECK_RESULT(snap_append_one(&id, storage->id, 8, 16), 0);
	expect_storage(&id, 16, 1);
	/* The blocks of the storage count, not those of the original. */
	REQUIRE_OK(snap_create(&small->id, 1, &other));
	CHECK_RESULT(snap_append_one(&other, storage->id, 1025, 1024), -EINVAL);
	CHECK_RESULT(snap_append_one(&other, storage->id, 1024, 1024), 0);
	expect_storage(&other, 1024, 1);
}

/* Sectors that are somebody's storage are nobody else's. */
static void overlaps(void)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) }, *storage = dev_storage_disk(), *part;
	const range self[] = { { 5000, 100 }, { 5050, 10 } };
	static const range hits[] = { { 1000, 1000 }, { 1000, 1 }, { 1999, 1 }, { 900, 101 },
				      { 1999, 100 }, { 0, 4000 } };
	snap_id id[2];

	part = dev_partition(storage, 1, 500, 8000);
	for (unsigned int i = 0; i < 2; i++)
		REQUIRE_OK(snap_create(&dev[i]->id, 1, &id[i]));
	REQUIRE_OK(snap_append_one(&id[0], storage->id, 1000, 1000));
	for (size_t i = 0; i < ARRAY_SIZE(hits); i++) {
		/* Of its own, of another snapshot, and by way of a partition. */
		CHECK_RESULT(snap_append(&id[0], storage->id, &hits[i], 1), -EBUSY);
		CHECK_RESULT(snap_append(&id[1], storage->id, &hits[i], 1), -EBUSY);
		if (hits[i].sector_offset >= 500)
			CHECK_RESULT(snap_append_one(&id[1], part->id, hits[i].sector_offset - 500,
						     hits[i].sector_count), -EBUSY);
	}
	CHECK_RESULT(snap_append(&id[1], storage->id, self, 2), -EBUSY);
	expect_storage(&id[0], 1000, 1);
	expect_storage(&id[1], 0, 0);
	/* Neighbours are not overlaps, and what was refused is free. */
	CHECK_RESULT(snap_append_one(&id[1], part->id, 400, 100), 0);
	CHECK_RESULT(snap_append_one(&id[1], storage->id, 2000, 100), 0);
	CHECK_RESULT(snap_append(&id[1], storage->id, self, 1), 0);
	CHECK_RESULT(snap_append_one(&id[0], storage->id, 950, 10), -EBUSY);
	expect_storage(&id[1], 300, 3);
	/* All is free again when its snapshot ends. */
	REQUIRE_OK(snap_destroy(&id[0]));
	CHECK_RESULT(snap_append_one(&id[1], storage->id, 1000, 1000), 0);
	REQUIRE_OK(snap_destroy(&id[1]));
}

static void all_or_nothing(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	range bad[] = { { 0, 100 }, { 200, 100 }, { 400, 0 }, { 600, 100 } };
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	CHECK_RESULT(snap_append(&id, storage->id, bad, ARRAY_SIZE(bad)), -EINVAL);
	expect_storage(&id, 0, 0);
	bad[2] = (range){ storage->sectors, 8 };
	CHECK_RESULT(snap_append(&id, storage->id, bad, ARRAY_SIZE(bad)), -ERANGE);
	expect_storage(&id, 0, 0);
	bad[2] = (range){ 250, 8 };
	CHECK_RESULT(snap_append(&id, storage->id, bad, ARRAY_SIZE(bad)), -EBUSY);
	expect_storage(&id, 0, 0);
	bad[2] = (range){ 400, 8 };
	CHECK_RESULT(snap_append(&id, storage->id, bad, ARRAY_SIZE(bad)), 0);
	expect_storage(&id, 308, 4);
}

static void read_only_storage(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *loop;
	int read_only = 1;
	snap_id id;

	loop = dev_loop_read_only(8 * MIB);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	CHECK_RESULT(snap_append_one(&id, loop->id, 0, 1024), -EROFS);
	REQUIRE_EQ(ioctl(storage->fd, BLKROSET, &read_only), 0);
	CHECK_RESULT(snap_append_one(&id, storage->id, 0, 1024), -EROFS);
	read_only = 0;
	REQUIRE_EQ(ioctl(storage->fd, BLKROSET, &read_only), 0);
	CHECK_RESULT(snap_append_one(&id, storage->id, 0, 1024), 0);
}

/* As many as a badly fragmented file has. */
static void many_ranges(void)
{
	enum { count = 20000 };
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	range *ranges = xcalloc(count, sizeof(*ranges));
	struct blk_snap_storage_range *listed = xcalloc(count, sizeof(*listed));
	uint32_t got = count, *seq;
	snap_id id;

	for (unsigned int i = 0; i < count; i++)
		ranges[i] = (range){ (count - 1 - i) * 16, 8 };
	model_fill(model, 0, 4096);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_append(&id, storage->id, ranges, count));
	expect_storage(&id, count * 8, count);
	REQUIRE_OK(snap_take(&id));
	seq = model_freeze(model);
	REQUIRE(model_write(model, 1, 4000));
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, 4096);
	REQUIRE_OK(snap_storage(&id, listed, &got));
	CHECK_EQ(got, count);
	for (unsigned int i = 0; i < count; i++) {
		if (listed[i].sector_offset != ranges[i].sector_offset ||
		    listed[i].sector_count != 8) {
			FAIL("range %u is another one", i);
			break;
		}
	}
	free(seq);
	free(listed);
	free(ranges);
	model_free(model);
}

/* Partitions count as devices. The places in all of them are told apart. */
static void many_devices(void)
{
	enum { limit = 256, each = 64 };
	struct dev *dev = dev_disk(0), *disks[] = { dev_disk(1), dev_disk(2) }, *image;
	struct dev *parts[limit + 1];
	struct model *model = model_new(dev);
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, limit * each);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	for (int i = 0; i <= limit; i++) {
		parts[i] = dev_partition(disks[i % 2], i / 2 + 1, (i / 2 + 1) * 2 * each, 2 * each);
		if (i < limit)
			REQUIRE_OK(snap_append_one(&id, parts[i]->id, 0, each));
	}
	CHECK_RESULT(snap_append_one(&id, parts[limit]->id, 0, each), -EFBIG);
	expect_storage(&id, limit * each, limit);
	/* One of those that it has may get larger. */
	REQUIRE_OK(snap_append_one(&id, parts[3]->id, each, 8));
	REQUIRE_OK(snap_take(&id));
	seq = model_freeze(model);
	/* As much as all devices hold. */
	for (unsigned int i = 0; i < limit; i++)
		REQUIRE(model_write(model, i * each, each));
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, limit * each);
	check_live(model, 0, limit * each);
	/* Refused was the number, not the device. */
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_append_one(&id, parts[limit]->id, 0, each));
	free(seq);
	model_free(model);
}

/* A file system on a scratch disk, with a file of so many bytes in it. */
#define MOUNT_POINT "/tmp/blksnap-test-storage"
#define FILE_PATH MOUNT_POINT "/storage"
#define FILE_BYTES (16 * MIB)

static struct dev *mounted;

static void mount_storage(void)
{
	mounted = dev_storage_disk();
	if (system("command -v mkfs.ext4 >/dev/null"))
		test_skip("no mkfs.ext4");
	REQUIRE_EQ(command("mkfs.ext4 -q -F -E nodiscard %s 128M", mounted->path), 0);
	mkdir(MOUNT_POINT, 0700);
	REQUIRE_EQ(command("mount -t ext4 %s %s", mounted->path, MOUNT_POINT), 0);
}

static int make_file(int flags, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(posix_fallocate(fd, 0, FILE_BYTES), 0);
	REQUIRE_EQ(fsync(fd), 0);
	return fd;
}

/* Gives the extents of a file to a snapshot. */
static void append_file(const snap_id *id, int fd)
{
	enum { extents = 64 };
	struct fiemap *map = xcalloc(1, sizeof(*map) + extents * sizeof(struct fiemap_extent));
	uint64_t total = 0;

	map->fm_length = FILE_BYTES;
	map->fm_flags = FIEMAP_FLAG_SYNC;
	map->fm_extent_count = extents;
	REQUIRE_EQ(ioctl(fd, FS_IOC_FIEMAP, map), 0);
	REQUIRE(map->fm_mapped_extents > 0 && map->fm_mapped_extents < extents);
	for (unsigned int i = 0; i < map->fm_mapped_extents; i++) {
		REQUIRE_OK(snap_append_one(id, mounted->id,
					   map->fm_extents[i].fe_physical / SECTOR,
					   map->fm_extents[i].fe_length / SECTOR));
		total += map->fm_extents[i].fe_length;
	}
	REQUIRE_EQ(total, FILE_BYTES);
	free(map);
}

static uint64_t free_blocks(void)
{
	struct statvfs status;

	sync();
	REQUIRE_EQ(statvfs(MOUNT_POINT, &status), 0);
	return status.f_bfree;
}

static bool refused(int result)
{
	return result < 0 && (errno == EPERM || errno == ETXTBSY || errno == EBUSY);
}

static void held_file_stays(void)
{
	struct dev *dev = dev_disk(0);
	int fd, other;
	snap_id id;

	mount_storage();
	close(make_file(O_CREAT, FILE_PATH));
	fd = open(FILE_PATH, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_hold_file(&id, fd));
	append_file(&id, fd);
	close(fd);
	for (unsigned int taken = 0; taken < 2; taken++) {
		CHECK(refused(open(FILE_PATH, O_WRONLY | O_CLOEXEC)));
		CHECK(refused(open(FILE_PATH, O_RDWR | O_CLOEXEC)));
		CHECK(refused(open(FILE_PATH, O_RDONLY | O_TRUNC | O_CLOEXEC)));
		CHECK(refused(truncate(FILE_PATH, 4096)));
		CHECK(refused(truncate(FILE_PATH, 2 * FILE_BYTES)));
		CHECK(refused(unlink(FILE_PATH)));
		CHECK(refused(rename(FILE_PATH, FILE_PATH "2")));
		/* Nor may another file take its place. */
		close(open(FILE_PATH "3", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
		CHECK(refused(rename(FILE_PATH "3", FILE_PATH)));
		/* To look is allowed. */
		other = open(FILE_PATH, O_RDONLY | O_CLOEXEC);
		CHECK(other >= 0);
		CHECK_RESULT(snap_hold_file(&id, other), -EBUSY);
		close(other);
		if (!taken)
			REQUIRE_OK(snap_take(&id));
	}
	REQUIRE_OK(snap_destroy(&id));
	/* And all of it works again. */
	CHECK_EQ(truncate(FILE_PATH, FILE_BYTES / 2), 0);
	CHECK_EQ(rename(FILE_PATH, FILE_PATH "2"), 0);
	other = open(FILE_PATH "2", O_RDWR | O_CLOEXEC);
	CHECK(other >= 0);
	CHECK_EQ(write(other, "abc", 3), 3);
	CHECK_EQ(close(other), 0);
	CHECK_EQ(unlink(FILE_PATH "2"), 0);
}

/* A file without a name lives as long as the snapshot, also when nobody has it open. */
static void unnamed_file_lives_with_the_snapshot(void)
{
	struct dev *dev = dev_disk(0), *image;
	struct model *model = model_new(dev);
	uint64_t before, tries;
	char path[64];
	uint32_t *seq;
	int writer, fd;
	snap_id id;

	mount_storage();
	model_fill(model, 0, 16384);
	before = free_blocks();
	writer = make_file(O_TMPFILE, MOUNT_POINT);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	CHECK_RESULT(snap_hold_file(&id, fd), -ETXTBSY);
	close(writer);
	REQUIRE_OK(snap_hold_file(&id, fd));
	append_file(&id, fd);
	close(fd);
	REQUIRE_OK(snap_take(&id));
	seq = model_freeze(model);
	CHECK(before - free_blocks() >= FILE_BYTES / 4096 / 2);
	/* Fill the file system: the blocks of the file must not be given to others. */
	fd = open(MOUNT_POINT "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	for (;;) {
		static char junk[MIB];

		if (write(fd, junk, sizeof(junk)) <= 0)
			break;
	}
	fsync(fd);
	close(fd);
	REQUIRE(model_write(model, 5, 16000));
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, 16384);
	dev_close(image);
	REQUIRE_EQ(unlink(MOUNT_POINT "/filler"), 0);
	REQUIRE_OK(snap_destroy(&id));
	for (tries = 0; tries < 100 && free_blocks() < before - 64; tries++)
		sleep_ms(50);
	CHECK_BETWEEN(free_blocks(), before - 64, before + 64);
	free(seq);
	model_free(model);
}

static void files_that_cannot_be_held(void)
{
	struct dev *dev = dev_disk(0);
	int fd, ends[2];
	snap_id id;

	mount_storage();
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	CHECK_RESULT(snap_hold_file(&id, -1), -EBADF);
	CHECK_RESULT(snap_hold_file(&id, 9999), -EBADF);
	fd = open(MOUNT_POINT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_RESULT(snap_hold_file(&id, fd), -EINVAL);
	close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK_RESULT(snap_hold_file(&id, fd), -EINVAL);
	close(fd);
	CHECK_RESULT(snap_hold_file(&id, dev->fd), -EINVAL);
	REQUIRE_EQ(pipe(ends), 0);
	CHECK_RESULT(snap_hold_file(&id, ends[0]), -EINVAL);
	close(ends[0]);
	close(ends[1]);
	/* Open for writing by the caller, or by somebody. */
	fd = make_file(O_CREAT, FILE_PATH);
	CHECK_RESULT_IN(snap_hold_file(&id, fd), -EINVAL, -ETXTBSY);
	ends[0] = open(FILE_PATH, O_RDONLY | O_CLOEXEC);
	CHECK_RESULT(snap_hold_file(&id, ends[0]), -ETXTBSY);
	/* A refused hold leaves nothing behind. */
	CHECK_EQ(pwrite(fd, "abc", 3, 0), 3);
	close(fd);
	CHECK_RESULT(snap_hold_file(&id, ends[0]), 0);
	close(ends[0]);
	REQUIRE_OK(snap_destroy(&id));
	CHECK_EQ(unlink(FILE_PATH), 0);
}

/* A snapshot whose owner dies, and one that is never taken, let go of the file too. */
static void file_outlives_its_owner(void)
{
	struct dev *dev = dev_disk(0);
	snap_id id;
	int status;
	pid_t child;

	mount_storage();
	close(make_file(O_CREAT, FILE_PATH));
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	child = fork();
	REQUIRE(child >= 0);
	if (!child)
		_exit(snap_hold_file(&id, open(FILE_PATH, O_RDONLY)) ? 1 : 0);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	REQUIRE_EQ(status, 0);
	CHECK(refused(unlink(FILE_PATH)));
	/* The file system cannot go away under the storage. */
	CHECK(system("umount " MOUNT_POINT " 2>/dev/null") != 0);
	REQUIRE_OK(snap_destroy(&id));
	CHECK_EQ(unlink(FILE_PATH), 0);
}

static void storage_cleanup(void)
{
	control_reset();
	if (mounted && !access(MOUNT_POINT "/lost+found", F_OK))
		CHECK_EQ(command("umount %s", MOUNT_POINT), 0);
	mounted = NULL;
	devices_release();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "bounds", bounds, 60 },
		{ "alignment", alignment, 60 },
		{ "overlaps", overlaps, 60 },
		{ "all_or_nothing", all_or_nothing, 60 },
		{ "read_only_storage", read_only_storage, 60 },
		{ "many_ranges", many_ranges, 60 },
		{ "many_devices", many_devices, 60 },
		{ "held_file_stays", held_file_stays, 60 },
		{ "unnamed_file_lives_with_the_snapshot", unnamed_file_lives_with_the_snapshot, 90 },
		{ "files_that_cannot_be_held", files_that_cannot_be_held, 60 },
		{ "file_outlives_its_owner", file_outlives_its_owner, 60 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = storage_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
