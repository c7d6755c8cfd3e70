// SPDX-License-Identifier: MIT
/* What the requests of a snapshot take: create, take and destroy, with the largest maps. */
#include "bench.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "modules.h"

#define DEVICES 16
#define MOUNT_POINT "/run/bench-%u"

/* Just large enough for a map of the greatest length that the defaults of the module allow. */
#define DEVICE_MIB (128 * 1024)

static struct disk disks[DEVICES];

static void open_devices(void)
{
	for (unsigned int i = 0; i < DEVICES; i++) {
		char name[32], path[32];

		snprintf(name, sizeof(name), "bench-fs%u", i);
		snprintf(path, sizeof(path), MOUNT_POINT, i);
		disks[i] = null_disk(name, DEVICE_MIB, "memory_backed=1");
		mkdir(path, 0755);
		if (command("mkfs.ext4 -q -F -N 1024 -J size=4 -E nodiscard %s && mount %s %s", disks[i].path,
			    disks[i].path, path))
			die("no file system on %s", disks[i].path);
	}
}

static void close_devices(void)
{
	for (unsigned int i = 0; i < DEVICES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "bench-fs%u", i);
		if (command("umount " MOUNT_POINT, i))
			die("%s cannot be unmounted", disks[i].path);
		null_remove(name);
	}
}

/* What the file system itself takes, at rest: the part of the time in a take that is not ours. */
static void measure_freeze(struct bench *bench)
{
	char path[32];
	int64_t start;
	int fd;

	snprintf(path, sizeof(path), MOUNT_POINT, 0);
	fd = open_device(path, O_RDONLY | O_DIRECTORY);
	if (command("sync"))
		die("sync");
	start = now_ns();
	must(ioctl(fd, FIFREEZE, 0), "freezing");
	must(ioctl(fd, FITHAW, 0), "thawing");
	record_value(bench, "control", "ext4 frozen and thawed, no take", "ms", (now_ns() - start) / 1e6);
	close(fd);
}

static void measure(struct bench *bench, unsigned int count)
{
	const struct disk *storage = &bench->media.storage;
	struct blk_snap_snapshot_status status;
	dev_id ids[DEVICES];
	char subject[64];
	int64_t start;
	snap_id id;

	for (unsigned int i = 0; i < count; i++)
		ids[i] = disks[i].id;
	/* What a file system has to write before it is at rest is its own affair. */
	if (command("sync"))
		die("sync");

	start = now_ns();
	must(snap_create(ids, count, &id), "creation of a snapshot");
	snprintf(subject, sizeof(subject), "create, %u of 128 GiB", count);
	record_value(bench, "control", subject, "ms", (now_ns() - start) / 1e6);
	must(snap_append_one(&id, storage->id, 0, storage->sectors), "adding of storage");

	start = now_ns();
	must(snap_take(&id), "take");
	snprintf(subject, sizeof(subject), "take, %u of 128 GiB", count);
	record_value(bench, "control", subject, "ms", (now_ns() - start) / 1e6);
	if (!snap_status(&id, &status)) {
		snprintf(subject, sizeof(subject), "take, %u of 128 GiB, ext4 frozen", count);
		record_value(bench, "control", subject, "ms", status.frozen_ns / 1e6);
	}

	start = now_ns();
	must(snap_destroy(&id), "destruction of a snapshot");
	snprintf(subject, sizeof(subject), "destroy, %u of 128 GiB", count);
	record_value(bench, "control", subject, "ms", (now_ns() - start) / 1e6);
	for (unsigned int i = 0; i < count; i++)
		modules_untrack(&disks[i]);
}

static void measure_large(struct bench *bench)
{
	struct disk large = null_disk("bench-large", 16 * 1024 * 1024, "memory_backed=0");
	int64_t start = now_ns();
	snap_id id;

	must(snap_create(&large.id, 1, &id), "creation of a snapshot");
	record_value(bench, "control", "create, one of 16 TiB", "ms", (now_ns() - start) / 1e6);
	modules_release(&id);
	modules_untrack(&large);
	null_remove("bench-large");
}

void control_run(struct bench *bench)
{
	static const unsigned int counts[] = { 1, 4, 16 };

	if (!wanted(bench->patterns, "control"))
		return;
	modules_load(bench->module);
	open_devices();
	for (bench->round = 1; bench->round <= bench->rounds; bench->round++) {
		for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
			measure(bench, counts[i]);
		measure_freeze(bench);
		measure_large(bench);
	}
	close_devices();
	modules_unload();
	printf("%s, control\n", bench->media.name);
}
