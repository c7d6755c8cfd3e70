/* SPDX-License-Identifier: MIT */
/*
 * The block devices of the tests: scratch disks, loop devices in memory,
 * partitions, emulated SCSI disks, and the images. What a test makes is gone
 * after devices_release(), which the cleanup of every suite calls.
 */
#ifndef KERNEL_TESTS_DEVICES_H
#define KERNEL_TESTS_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct dev {
	char path[64];
	dev_id id;
	uint64_t sectors;
	unsigned int block;	/* logical block size in bytes */
	int fd;			/* read-write (images: read-only), O_DIRECT */
	void (*release)(struct dev *dev);
	int backing_fd;
	int partition_of_fd;
	int number;
};

/* One of the disks in BLKSNAP_TEST_DISKS; skips the test if there are too few. */
struct dev *dev_disk(unsigned int index);

/* The last of the disks, by custom the one for difference storage. */
struct dev *dev_storage_disk(void);

struct dev *dev_loop(uint64_t bytes, unsigned int block); /* over memory */
struct dev *dev_loop_over(const char *path, uint64_t offset, bool read_only);
struct dev *dev_loop_read_only(uint64_t bytes);
void dev_loop_resize(struct dev *dev, uint64_t bytes);
void dev_loop_detach(struct dev *dev);

struct dev *dev_partition(struct dev *disk, int number, uint64_t first, uint64_t count);

/* An emulated SCSI disk with these parameters of scsi_debug; skips without it. */
struct dev *dev_scsi(const char *parameters);
/* A null_blk device with memory behind it; its configfs attributes as text "a=1 b=2". */
struct dev *dev_null(const char *attributes);
/* Sectors of a null_blk device that fail from now on, or work again. */
void dev_null_break(struct dev *dev, uint64_t first, uint64_t count);
void dev_null_mend(struct dev *dev, uint64_t first, uint64_t count);
struct dev *dev_zram(uint64_t bytes);

/* Opens any block device by its number, waiting a little for its node. */
struct dev *dev_open(dev_id id, int flags);
void dev_close(struct dev *dev);
/* Another descriptor of the device. */
int dev_reopen(const struct dev *dev, int flags);

/* The image of one device of a taken snapshot. */
struct dev *dev_image(const snap_id *id, const struct dev *original);

void devices_release(void);

/* Create, append, take; leaves the test when one of them fails. */
void snap_begin(snap_id *id, struct dev *const *devices, unsigned int count,
		const struct dev *storage, uint64_t first, uint64_t sectors);
void snap_begin_one(snap_id *id, struct dev *device, const struct dev *storage, uint64_t first,
		    uint64_t sectors);

#endif
