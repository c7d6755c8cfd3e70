// SPDX-License-Identifier: MIT
#include "devices.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "harness.h"
#include "sectors.h"

#define DEVICES_MAX 320

static struct dev *devices[DEVICES_MAX];

static struct dev *dev_new(void)
{
	for (unsigned int i = 0; i < DEVICES_MAX; i++) {
		if (!devices[i]) {
			devices[i] = xcalloc(1, sizeof(struct dev));
			devices[i]->fd = -1;
			devices[i]->backing_fd = -1;
			return devices[i];
		}
	}
	FAIL("too many devices in one test");
	test_abandon();
}

static void dev_measure(struct dev *dev)
{
	uint64_t bytes;
	int block;

	REQUIRE_EQ(ioctl(dev->fd, BLKGETSIZE64, &bytes), 0);
	REQUIRE_EQ(ioctl(dev->fd, BLKSSZGET, &block), 0);
	dev->sectors = bytes / SECTOR;
	dev->block = block;
}

static void dev_attach(struct dev *dev, const char *path, int flags)
{
	struct stat status;

	snprintf(dev->path, sizeof(dev->path), "%s", path);
	/* A node may follow its device by a moment. */
	for (int tries = 0; tries < 100; tries++) {
		dev->fd = open(path, flags | O_CLOEXEC);
		if (dev->fd >= 0 || (errno != ENOENT && errno != ENXIO))
			break;
		sleep_ms(20);
	}
	if (dev->fd < 0) {
		FAIL("cannot open %s: %s", path, strerror(errno));
		test_abandon();
	}
	REQUIRE_EQ(fstat(dev->fd, &status), 0);
	dev->id.mj = major(status.st_rdev);
	dev->id.mn = minor(status.st_rdev);
	dev_measure(dev);
}

void dev_close(struct dev *dev)
{
	for (unsigned int i = 0; i < DEVICES_MAX; i++)
		if (devices[i] == dev)
			devices[i] = NULL;
	if (dev->release)
		dev->release(dev);
	if (dev->fd >= 0)
		close(dev->fd);
	if (dev->backing_fd >= 0)
		close(dev->backing_fd);
	free(dev);
}

void devices_release(void)
{
	/* The last first: a partition goes before its disk. */
	for (int i = DEVICES_MAX - 1; i >= 0; i--)
		if (devices[i])
			dev_close(devices[i]);
}

int dev_reopen(const struct dev *dev, int flags)
{
	int fd = open(dev->path, flags | O_CLOEXEC);

	if (fd < 0)
		FAIL("cannot open %s: %s", dev->path, strerror(errno));
	return fd;
}

static unsigned int disk_names(char names[][64], unsigned int limit)
{
	const char *list = getenv("BLKSNAP_TEST_DISKS");
	char *copy = strdup(list ? list : ""), *rest = copy, *name;
	unsigned int count = 0;

	while ((name = strsep(&rest, " ")))
		if (*name && count < limit)
			snprintf(names[count++], 64, "%s", name);
	free(copy);
	return count;
}

struct dev *dev_disk(unsigned int index)
{
	char names[8][64];
	unsigned int count = disk_names(names, ARRAY_SIZE(names));
	struct dev *dev;

	if (index >= count)
		test_skip("needs %u scratch disks in BLKSNAP_TEST_DISKS, there are %u", index + 1,
			  count);
	dev = dev_new();
	dev_attach(dev, names[index], O_RDWR | O_DIRECT);
	return dev;
}

struct dev *dev_storage_disk(void)
{
	char names[8][64];
	unsigned int count = disk_names(names, ARRAY_SIZE(names));

	if (count < 2)
		test_skip("needs two scratch disks in BLKSNAP_TEST_DISKS");
	return dev_disk(count - 1);
}

void dev_loop_detach(struct dev *dev)
{
	dev->release = NULL;
	if (ioctl(dev->fd, LOOP_CLR_FD, 0))
		FAIL("%s: LOOP_CLR_FD: %s", dev->path, strerror(errno));
}

static struct dev *loop_make(int backing_fd, uint64_t offset, unsigned int block,
			     unsigned int flags)
{
	struct loop_config config = {
		.fd = backing_fd,
		.block_size = block,
		.info = { .lo_flags = flags, .lo_offset = offset },
	};
	struct dev *dev = dev_new();
	int loop_control, number = -1, fd = -1;
	char path[32];

	if (access("/dev/loop-control", F_OK))
		command("modprobe loop");
	loop_control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (loop_control < 0)
		test_skip("no loop devices");
	dev->backing_fd = backing_fd;
	for (int tries = 0; tries < 20; tries++) {
		number = ioctl(loop_control, LOOP_CTL_GET_FREE);
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		fd = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && !ioctl(fd, LOOP_CONFIGURE, &config))
			break;
		if (fd >= 0)
			close(fd);
		fd = -1;
		sleep_ms(20);
	}
	close(loop_control);
	if (fd < 0) {
		FAIL("no loop device can be configured: %s", strerror(errno));
		test_abandon();
	}
	dev_attach(dev, path, (flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR) | O_DIRECT);
	close(fd);
	dev->release = dev_loop_detach;
	REQUIRE_EQ(dev->block, block);
	return dev;
}

static int memory_file(uint64_t bytes)
{
	int fd = memfd_create("blksnap-test", MFD_CLOEXEC);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(ftruncate(fd, bytes), 0);
	return fd;
}

struct dev *dev_loop(uint64_t bytes, unsigned int block)
{
	return loop_make(memory_file(bytes), 0, block, 0);
}

struct dev *dev_loop_read_only(uint64_t bytes)
{
	return loop_make(memory_file(bytes), 0, SECTOR, LO_FLAGS_READ_ONLY);
}

struct dev *dev_loop_over(const char *path, uint64_t offset, bool read_only)
{
	int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	REQUIRE(fd >= 0);
	return loop_make(fd, offset, SECTOR, read_only ? LO_FLAGS_READ_ONLY : 0);
}

void dev_loop_resize(struct dev *dev, uint64_t bytes)
{
	REQUIRE_EQ(ftruncate(dev->backing_fd, bytes), 0);
	REQUIRE_EQ(ioctl(dev->fd, LOOP_SET_CAPACITY, 0), 0);
	dev_measure(dev);
	REQUIRE_EQ(dev->sectors, bytes / SECTOR);
}

static void partition_release(struct dev *dev)
{
	struct blkpg_partition partition = { .pno = dev->number };
	struct blkpg_ioctl_arg argument = {
		.op = BLKPG_DEL_PARTITION,
		.datalen = sizeof(partition),
		.data = &partition,
	};

	close(dev->fd);
	dev->fd = -1;
	if (ioctl(dev->partition_of_fd, BLKPG, &argument))
		FAIL("%s: cannot delete the partition: %s", dev->path, strerror(errno));
	close(dev->partition_of_fd);
}

struct dev *dev_partition(struct dev *disk, int number, uint64_t first, uint64_t count)
{
	struct blkpg_partition partition = {
		.start = first * SECTOR,
		.length = count * SECTOR,
		.pno = number,
	};
	struct blkpg_ioctl_arg argument = {
		.op = BLKPG_ADD_PARTITION,
		.datalen = sizeof(partition),
		.data = &partition,
	};
	bool digit = disk->path[strlen(disk->path) - 1] <= '9';
	struct dev *dev = dev_new();
	char path[80];

	if (ioctl(disk->fd, BLKPG, &argument))
		test_skip("%s takes no partitions: %s", disk->path, strerror(errno));
	dev->number = number;
	dev->partition_of_fd = dup(disk->fd);
	dev->release = partition_release;
	snprintf(path, sizeof(path), "%s%s%d", disk->path, digit ? "p" : "", number);
	dev_attach(dev, path, O_RDWR | O_DIRECT);
	REQUIRE_EQ(dev->sectors, count);
	return dev;
}

static void scsi_release(struct dev *dev)
{
	close(dev->fd);
	dev->fd = -1;
	for (int tries = 0; tries < 20; tries++) {
		if (!system("modprobe -r scsi_debug 2>/dev/null"))
			return;
		sleep_ms(100);
	}
	FAIL("scsi_debug cannot be unloaded");
}

struct dev *dev_scsi(const char *parameters)
{
	struct dev *dev;
	glob_t found;
	char path[64] = "";

	if (system("modprobe -n scsi_debug 2>/dev/null"))
		test_skip("no scsi_debug");
	/* The driver of its disks comes with udev, which a small machine may not have. */
	REQUIRE_EQ(command("modprobe -a sd_mod && modprobe scsi_debug %s", parameters), 0);
	dev = dev_new();
	dev->release = scsi_release;
	for (int tries = 0; tries < 100 && !path[0]; tries++) {
		if (!glob("/sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/sd*",
			  0, NULL, &found)) {
			snprintf(path, sizeof(path), "/dev/%s",
				 strrchr(found.gl_pathv[0], '/') + 1);
			globfree(&found);
		} else {
			sleep_ms(100);
		}
	}
	REQUIRE(path[0]);
	dev_attach(dev, path, O_RDWR | O_DIRECT);
	return dev;
}

#define NULL_CONFIG "/sys/kernel/config/nullb"

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

static void dev_null_set(struct dev *dev, const char *attribute, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), NULL_CONFIG "/test%d/%s", dev->number, attribute);
	if (!write_text(path, value)) {
		FAIL("%s: cannot write '%s': %s", path, value, strerror(errno));
		test_abandon();
	}
}

/* In pieces: older kernels take no more than 512 sectors at once. */
static void set_bad(struct dev *dev, char sign, uint64_t first, uint64_t count)
{
	while (count) {
		uint64_t piece = count < 512 ? count : 512;
		char text[64];

		snprintf(text, sizeof(text), "%c%llu-%llu", sign, (unsigned long long)first,
			 (unsigned long long)(first + piece - 1));
		dev_null_set(dev, "badblocks", text);
		first += piece;
		count -= piece;
	}
}

void dev_null_break(struct dev *dev, uint64_t first, uint64_t count)
{
	set_bad(dev, '+', first, count);
}

void dev_null_mend(struct dev *dev, uint64_t first, uint64_t count)
{
	set_bad(dev, '-', first, count);
}

static void null_release(struct dev *dev)
{
	char path[64];

	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
	snprintf(path, sizeof(path), NULL_CONFIG "/test%d/power", dev->number);
	write_text(path, "0");
	snprintf(path, sizeof(path), NULL_CONFIG "/test%d", dev->number);
	if (rmdir(path))
		FAIL("%s: %s", path, strerror(errno));
}

struct dev *dev_null(const char *attributes)
{
	char path[80], text[32] = "", *copy, *rest, *pair;
	static int next_number;
	struct dev *dev;
	int fd;

	if (access(NULL_CONFIG, F_OK)) {
		if (system("modprobe null_blk nr_devices=0 2>/dev/null"))
			test_skip("no null_blk");
		if (access(NULL_CONFIG, F_OK))
			command("mount -t configfs configfs /sys/kernel/config");
	}
	dev = dev_new();
	dev->number = next_number++;
	snprintf(path, sizeof(path), NULL_CONFIG "/test%d", dev->number);
	REQUIRE_EQ(mkdir(path, 0755), 0);
	dev->release = null_release;
	copy = rest = strdup(attributes);
	while ((pair = strsep(&rest, " "))) {
		char *value = strchr(pair, '=');

		*value++ = 0;
		dev_null_set(dev, pair, value);
	}
	free(copy);
	dev_null_set(dev, "memory_backed", "1");
	dev_null_set(dev, "power", "1");
	snprintf(path, sizeof(path), NULL_CONFIG "/test%d/index", dev->number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	snprintf(path, sizeof(path), "/dev/nullb%d", atoi(text));
	if (access(path, F_OK)) /* most kernels name the disk after its directory */
		snprintf(path, sizeof(path), "/dev/test%d", dev->number);
	dev_attach(dev, path, O_RDWR | O_DIRECT);
	return dev;
}

static void zram_release(struct dev *dev)
{
	char text[16];

	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
	snprintf(text, sizeof(text), "%d", dev->number);
	if (!write_text("/sys/class/zram-control/hot_remove", text))
		FAIL("%s: cannot be removed: %s", dev->path, strerror(errno));
}

struct dev *dev_zram(uint64_t bytes)
{
	char path[64], text[32] = "";
	struct dev *dev;
	int fd;

	if (access("/sys/class/zram-control", F_OK) &&
	    system("modprobe zram num_devices=0 2>/dev/null"))
		test_skip("no zram");
	fd = open("/sys/class/zram-control/hot_add", O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	dev = dev_new();
	dev->number = atoi(text);
	dev->release = zram_release;
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", dev->number);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)bytes);
	REQUIRE(write_text(path, text));
	snprintf(path, sizeof(path), "/dev/zram%d", dev->number);
	dev_attach(dev, path, O_RDWR | O_DIRECT);
	return dev;
}

struct dev *dev_open(dev_id id, int flags)
{
	struct dev *dev = dev_new();
	char link[64], target[256], path[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", id.mj, id.mn);
	length = readlink(link, target, sizeof(target) - 1);
	if (length <= 0) {
		FAIL("%s: there is no such device", link);
		test_abandon();
	}
	target[length] = 0;
	snprintf(path, sizeof(path), "/dev/%.50s", strrchr(target, '/') + 1);
	dev_attach(dev, path, flags);
	REQUIRE(same_device(dev->id, id));
	return dev;
}

struct dev *dev_image(const snap_id *id, const struct dev *original)
{
	struct blk_snap_image_info images[IMAGES_MAX];
	uint32_t count = ARRAY_SIZE(images);

	REQUIRE_OK(snap_images(id, images, &count));
	for (uint32_t i = 0; i < count; i++)
		if (same_device(images[i].orig_dev_id, original->id))
			return dev_open(images[i].image_dev_id, O_RDONLY | O_DIRECT);
	FAIL("the snapshot has no image of %s", original->path);
	test_abandon();
}

void snap_begin(snap_id *id, struct dev *const *list, unsigned int count,
		const struct dev *storage, uint64_t first, uint64_t sectors)
{
	dev_id ids[IMAGES_MAX];

	REQUIRE(count <= IMAGES_MAX);
	for (unsigned int i = 0; i < count; i++)
		ids[i] = list[i]->id;
	REQUIRE_OK(snap_create(ids, count, id));
	REQUIRE_OK(snap_append_one(id, storage->id, first, sectors));
	REQUIRE_OK(snap_take(id));
}

void snap_begin_one(snap_id *id, struct dev *device, const struct dev *storage, uint64_t first,
		    uint64_t sectors)
{
	snap_begin(id, &device, 1, storage, first, sectors);
}
