// SPDX-License-Identifier: GPL-2.0
/* freeze_bdev() is called bdev_freeze() (6.8). */
#include <linux/blkdev.h>

int probe(struct block_device *bdev);
int probe(struct block_device *bdev)
{
	return bdev_freeze(bdev) ?: bdev_thaw(bdev);
}
