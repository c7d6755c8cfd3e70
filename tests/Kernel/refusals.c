// SPDX-License-Identifier: MIT
/* Devices that cannot be snapshotted are refused with a clear errno; what only looks as if it could not is right. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "module.h"
#include "mounts.h"
#include "workload.h"

#define STORAGE_SECTORS (256 * MIB / SECTOR)
#define SWAPPED (48 * MIB)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static void expect_refused(const struct dev *dev)
{
	struct dev *disk = dev_disk(0);
	uint32_t count = 0;
	snap_id id;

	CHECK_RESULT(snap_create(&dev->id, 1, &id), -EOPNOTSUPP);
	/* Nothing stays of it, nor of the others that were named with it. */
	CHECK_RESULT(snap_create((dev_id[]){ disk->id, dev->id }, 2, &id), -EOPNOTSUPP);
	CHECK_RESULT(tracker_list(NULL, &count), 0);
	CHECK_EQ(count, 0);
	CHECK_RESULT(snap_list(NULL, &count), 0);
	CHECK_EQ(count, 0);
	REQUIRE_OK(snap_create(&disk->id, 1, &id));
	REQUIRE_OK(snap_destroy(&id));
}

static void zoned_device(void)
{
	struct dev *dev = dev_null("zoned=1 zone_size=4 size=64"), *disk = dev_disk(0);
	snap_id id;

	expect_refused(dev);
	REQUIRE_OK(snap_create(&disk->id, 1, &id));
	CHECK_RESULT(snap_append_one(&id, dev->id, 0, 1024), -EOPNOTSUPP);
}

/* Checksums beside the data would not be copied. */
static void device_with_integrity(void)
{
	struct dev *dev = dev_scsi("dev_size_mb=8 dif=1 dix=1");
	char path[128], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/integrity/format", dev->id.mj, dev->id.mn);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || !strncmp(text, "none", 4))
		test_skip("the disk has no integrity data here");
	close(fd);
	expect_refused(dev);
}

static void image_device(void)
{
	struct dev *disk = dev_disk(0), *storage = dev_storage_disk(), *image;
	snap_id id, other;

	snap_begin_one(&id, disk, storage, 0, 32768);
	image = dev_image(&id, disk);
	CHECK_RESULT(snap_create(&image->id, 1, &other), -EOPNOTSUPP);
	dev_close(image);
}

static void fill(uint32_t *words, uint32_t round)
{
	for (uint32_t i = 0; i < SWAPPED / sizeof(*words); i++)
		words[i] = i * 2654435761u + round;
}

static unsigned long wrong_words(const uint32_t *words, uint32_t round)
{
	unsigned long wrong = 0;

	for (uint32_t i = 0; i < SWAPPED / sizeof(*words); i++)
		wrong += words[i] != i * 2654435761u + round;
	return wrong;
}

static uint64_t checksum_of(struct dev *image, uint64_t bytes)
{
	uint64_t *buffer = page_alloc(MIB), sum = 0;

	for (uint64_t at = 0; at < bytes; at += MIB) {
		REQUIRE_EQ(pread(image->fd, buffer, MIB, at), MIB);
		for (size_t i = 0; i < MIB / sizeof(*buffer); i++)
			sum = sum * 31 + buffer[i];
	}
	free(buffer);
	return sum;
}

static uint64_t swap_used(void)
{
	unsigned long long total = 0, left = 0;
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "SwapTotal: %llu", &total);
		sscanf(line, "SwapFree: %llu", &left);
	}
	if (file)
		fclose(file);
	return (total - left) * KIB;
}

/* Pages go out and come back while a snapshot holds the device below; the image stands still. */
static void swap_to(const char *path, struct dev *dev)
{
	struct dev *storage = dev_storage_disk(), *image;
	uint32_t *words = mmap(NULL, SWAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t before, used = 0;
	snap_id id;

	REQUIRE(words != MAP_FAILED);
	fill(words, 0);
	REQUIRE_EQ(command("mkswap %s >/dev/null", path), 0);
	REQUIRE_EQ(swapon(path, 0), 0);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	image = dev_image(&id, dev);
	before = checksum_of(image, 128 * MIB);
	for (uint32_t round = 1; round <= 3 && !test_failed(); round++) {
		fill(words, round);
		if (madvise(words, SWAPPED, MADV_PAGEOUT))
			break;
		if (swap_used() > used)
			used = swap_used();
		CHECK_EQ(wrong_words(words, round), 0);
		CHECK(checksum_of(image, 128 * MIB) == before);
	}
	note("%llu MiB were swapped out", (unsigned long long)(used / MIB));
	CHECK(used > SWAPPED / 4);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	CHECK_EQ(wrong_words(words, 3), 0);
	REQUIRE_EQ(swapoff(path), 0);
	munmap(words, SWAPPED);
}

static void swap_on_device(void)
{
	struct dev *dev = dev_disk(0);

	swap_to(dev->path, dev);
}

static void swap_in_file(void)
{
	struct dev *dev = dev_disk(0);

	make_file_system("ext4", dev, 400);
	mount_at(dev->path, "swap", "rw");
	REQUIRE_EQ(command("dd if=/dev/zero of=" MOUNTS "/swap/file bs=1M count=128 status=none && "
			   "chmod 600 " MOUNTS "/swap/file && sync"), 0);
	swap_to(MOUNTS "/swap/file", dev);
}

static void refusals_cleanup(void)
{
	command("swapoff -a 2>/dev/null; true");
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "zoned_device", zoned_device, 60 },
		{ "device_with_integrity", device_with_integrity, 60 },
		{ "image_device", image_device, 60 },
		{ "swap_on_device", swap_on_device, 180 },
		{ "swap_in_file", swap_in_file, 180 },
	};
	struct suite suite = { .tests = tests, .count = ARRAY_SIZE(tests), .setup = module_setup,
			       .cleanup = refusals_cleanup };

	return suite_main(&suite, argc, argv);
}
