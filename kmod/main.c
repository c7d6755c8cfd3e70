// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "chunk.h"
#include "copy_memory.h"
#include "copy_pool.h"
#include "ctrl.h"
#include "filter.h"
#include "freeze.h"
#include "image_io.h"
#include "params.h"
#include "snapimage.h"
#include "store_queue.h"
#include "tracked_bio.h"
#include "tracker.h"

static int __init blksnap_init(void)
{
	int ret;

	params_sanitise();
	ret = chunk_module_init();
	if (ret)
		return ret;
	ret = copy_pool_module_init();
	if (ret)
		goto out_chunk;
	ret = copy_memory_module_init();
	if (ret)
		goto out_copy_pool;
	ret = store_queue_module_init();
	if (ret)
		goto out_copy_memory;
	ret = image_io_module_init();
	if (ret)
		goto out_store_queue;
	ret = snapimage_module_init();
	if (ret)
		goto out_image_io;
	ret = tracked_bio_module_init();
	if (ret)
		goto out_snapimage;
	ret = tracker_module_init();
	if (ret)
		goto out_tracked_bio;
	ret = freeze_module_init();
	if (ret)
		goto out_tracker;
	ret = filter_module_init();
	if (ret)
		goto out_freeze;
	ret = ctrl_module_init();
	if (ret)
		goto out_filter;
	pr_info("loaded\n");
	return 0;

out_filter:
	filter_module_exit();
out_freeze:
	freeze_module_exit();
out_tracker:
	tracker_module_exit();
out_tracked_bio:
	tracked_bio_module_exit();
out_snapimage:
	snapimage_module_exit();
out_image_io:
	image_io_module_exit();
out_store_queue:
	store_queue_module_exit();
out_copy_memory:
	copy_memory_module_exit();
out_copy_pool:
	copy_pool_module_exit();
out_chunk:
	chunk_module_exit();
	return ret;
}

/* Snapshots hold the module, so none is left here. */
static void __exit blksnap_exit(void)
{
	ctrl_module_exit();
	snapimage_module_exit();
	trackers_remove_all();
	filter_module_exit();
	freeze_module_exit();
	tracker_module_exit();
	tracked_bio_module_exit();
	image_io_module_exit();
	store_queue_module_exit();
	copy_memory_module_exit();
	copy_pool_module_exit();
	chunk_module_exit();
	pr_info("unloaded\n");
}

module_init(blksnap_init);
module_exit(blksnap_exit);

MODULE_DESCRIPTION("Snapshots of block devices");
MODULE_AUTHOR("The BlksnapPS authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
