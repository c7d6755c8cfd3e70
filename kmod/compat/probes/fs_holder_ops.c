// SPDX-License-Identifier: GPL-2.0
/* A mounted device is told by its holder operations (6.5). */
#include <linux/blkdev.h>

bool probe(struct block_device *bdev);
bool probe(struct block_device *bdev)
{
	return bdev->bd_holder_ops == &fs_holder_ops;
}
