/* SPDX-License-Identifier: MIT */
/* The disks that are measured: in memory, or the scratch disks of the machine. */
#ifndef BENCH_MEDIA_H
#define BENCH_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct disk {
	char path[64];
	dev_id id;
	uint64_t sectors;
};

struct media {
	const char *name;
	struct disk origin;	/* is snapshotted */
	struct disk storage;	/* takes the old data */
	struct disk meta;	/* metadata of dm-thin */
	struct disk other;	/* tracked in place of the origin */
};

/* "memory", which may be small, or "virtio"; every block of the disks is written once, so that none is allocated later. */
void media_open(struct media *media, const char *name, bool small);
void media_close(struct media *media);

/* A null_blk device; "a=1 b=2" are attributes of its configuration. */
struct disk null_disk(const char *name, unsigned int mib, const char *attributes);
void null_remove(const char *name);

struct disk disk_at(const char *path);

#endif
