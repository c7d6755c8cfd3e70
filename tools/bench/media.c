// SPDX-License-Identifier: MIT
#include "media.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"

#define NULL_CONFIG "/sys/kernel/config/nullb"

struct disk disk_at(const char *path)
{
	struct disk disk = { 0 };
	uint64_t bytes;
	struct stat stat;
	int fd = open_device(path, O_RDONLY);

	if (fstat(fd, &stat) || ioctl(fd, BLKGETSIZE64, &bytes))
		die("%s: %s", path, strerror(errno));
	close(fd);
	snprintf(disk.path, sizeof(disk.path), "%s", path);
	disk.id.mj = major(stat.st_rdev);
	disk.id.mn = minor(stat.st_rdev);
	disk.sectors = bytes / 512;
	return disk;
}

static void set_attribute(const char *name, const char *attribute, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), NULL_CONFIG "/%s/%s", name, attribute);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s=%s: %s", path, value, strerror(errno));
	close(fd);
}

struct disk null_disk(const char *name, unsigned int mib, const char *attributes)
{
	char path[128], text[32] = "", *copy, *rest, *pair;
	FILE *file;

	snprintf(path, sizeof(path), NULL_CONFIG "/%s", name);
	if (mkdir(path, 0755))
		die("%s: %s", path, strerror(errno));
	snprintf(text, sizeof(text), "%u", mib);
	set_attribute(name, "size", text);
	copy = rest = strdup(attributes);
	while ((pair = strsep(&rest, " "))) {
		char *value = strchr(pair, '=');

		*value++ = 0;
		set_attribute(name, pair, value);
	}
	free(copy);
	/* Done when submitted: nothing of the device is in the way. */
	set_attribute(name, "irqmode", "0");
	set_attribute(name, "power", "1");
	snprintf(path, sizeof(path), NULL_CONFIG "/%s/index", name);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		die("%s: %s", path, strerror(errno));
	fclose(file);
	snprintf(path, sizeof(path), "/dev/nullb%d", atoi(text));
	if (access(path, F_OK)) /* most kernels name the disk after its directory */
		snprintf(path, sizeof(path), "/dev/%s", name);
	return disk_at(path);
}

void null_remove(const char *name)
{
	char path[128];

	set_attribute(name, "power", "0");
	snprintf(path, sizeof(path), NULL_CONFIG "/%s", name);
	if (rmdir(path))
		die("%s: %s", path, strerror(errno));
}

void media_open(struct media *media, const char *name, bool small)
{
	memset(media, 0, sizeof(*media));
	media->name = name;
	if (!strcmp(name, "memory")) {
		media->origin = null_disk("bench-origin", small ? 128 : 512, "memory_backed=1 discard=1");
		media->storage = null_disk("bench-storage", small ? 192 : 768, "memory_backed=1");
		media->meta = null_disk("bench-meta", small ? 16 : 64, "memory_backed=1");
	} else {
		media->origin = disk_at("/dev/vda");
		media->storage = disk_at("/dev/vdb");
		media->meta = disk_at("/dev/vdc");
	}
	media->other = null_disk("bench-other", 64, "memory_backed=1");
	engine_fill(media->origin.path, media->origin.sectors * 512);
	engine_fill(media->storage.path, media->storage.sectors * 512);
	engine_fill(media->meta.path, media->meta.sectors * 512);
}

void media_close(struct media *media)
{
	null_remove("bench-other");
	if (!strcmp(media->name, "memory")) {
		null_remove("bench-meta");
		null_remove("bench-storage");
		null_remove("bench-origin");
	}
}
