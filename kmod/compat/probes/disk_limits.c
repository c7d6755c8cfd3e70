// SPDX-License-Identifier: GPL-2.0
/* A disk is allocated with its queue limits (6.9). */
#include <linux/blkdev.h>

struct gendisk *probe(struct queue_limits *limits);
struct gendisk *probe(struct queue_limits *limits)
{
	return blk_alloc_disk(limits, NUMA_NO_NODE);
}
