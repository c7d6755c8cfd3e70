// SPDX-License-Identifier: GPL-2.0
/* Drivers may write a page without a bio (until 6.2). */
#include <linux/blkdev.h>

bool probe(struct block_device_operations *ops);
bool probe(struct block_device_operations *ops)
{
	return ops->rw_page != NULL;
}
