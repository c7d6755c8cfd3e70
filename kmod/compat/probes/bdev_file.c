// SPDX-License-Identifier: GPL-2.0
/* A block device is opened as a file (6.9). */
#include <linux/blkdev.h>
#include <linux/file.h>

struct block_device *probe(dev_t dev);
struct block_device *probe(dev_t dev)
{
	struct file *file = bdev_file_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);

	return IS_ERR(file) ? NULL : file_bdev(file);
}
