// SPDX-License-Identifier: MIT
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static char mounts[8][96];
static unsigned int mount_count;

static const struct {
	const char *kind;
	const char *make;	/* with the size in MiB and the device */
} makers[] = {
	{ "ext4", "mkfs.ext4 -q -F -E nodiscard -b 4096 $dev $(($mib))M" },
	/* Its tools think that nobody has less than 300 MB. */
	{ "xfs", "mkfs.xfs --unsupported -q -f -K -d size=$(($mib))m $dev" },
	{ "btrfs", "mkfs.btrfs -q -f -K -b $(($mib << 20)) $dev" },
	/* The kind without a second boot sector, which differs while the file system is mounted. */
	{ "vfat", "mkfs.vfat -I -F 16 -s $((4096 / $(blockdev --getss $dev))) $dev "
		  "$(($mib << 10))" },
	{ "f2fs", "mkfs.f2fs -q -f -t 0 $dev "
		  "$((($mib << 20) / $(blockdev --getss $dev)))" },
};

void make_file_system(const char *kind, const struct dev *dev, unsigned int mib)
{
	char line[80];

	snprintf(line, sizeof(line), "command -v mkfs.%s >/dev/null && modprobe -q %s", kind, kind);
	if (system(line))
		test_skip("no mkfs.%s, or no such file system in the kernel", kind);
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		if (strcmp(makers[i].kind, kind))
			continue;
		REQUIRE_EQ(command("dev=%s mib=%u; %s", dev->path, mib, makers[i].make), 0);
		return;
	}
	FAIL("nobody knows how to make %s", kind);
	test_abandon();
}

void mount_at(const char *device, const char *name, const char *options)
{
	char *point = mounts[mount_count];

	REQUIRE(mount_count < ARRAY_SIZE(mounts));
	snprintf(point, sizeof(mounts[0]), MOUNTS "/%s", name);
	mkdir(MOUNTS, 0700);
	mkdir(point, 0700);
	REQUIRE_EQ(command("mount -o %s %s %s", options, device, point), 0);
	mount_count++;
}

void unmount_last(void)
{
	mount_count--;
	CHECK_EQ(command("umount %s", mounts[mount_count]), 0);
}

void unmount_all(void)
{
	while (mount_count)
		unmount_last();
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(close(fd), 0);
}

void expect_file(const char *path, const char *text)
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
