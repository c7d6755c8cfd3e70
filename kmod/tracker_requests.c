// SPDX-License-Identifier: GPL-2.0
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "requests.h"
#include "snapimage.h"
#include "tracker.h"

/* Copied in pieces, so that nothing is locked while the user's memory is written. */
#define MAP_PIECE 65536

long request_tracker_remove(void __user *argument)
{
	struct blk_snap_tracker_remove karg;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	return tracker_remove(user_dev(&karg.dev_id));
}

long request_tracker_collect(void __user *argument)
{
	struct blk_snap_tracker_collect karg;
	struct blk_snap_cbt_info *infos = NULL;
	long ret = 0;
	u32 room = 0;
	int count;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	/* There are no more of them than there are, whatever the caller has room for. */
	if (karg.cbt_info_array)
		room = min_t(u32, karg.count, trackers_list(NULL, 0));
	if (room) {
		infos = kvcalloc(room, sizeof(*infos), GFP_KERNEL);
		if (!infos)
			return -ENOMEM;
	}
	count = trackers_list(infos, room);
	if (count < 0) {
		ret = count;
		goto out;
	}
	if (karg.cbt_info_array) {
		if (count > karg.count) {
			ret = -ENOBUFS;
			goto out;
		}
		count = min_t(u32, count, room);
		if (copy_to_user(user_pointer(karg.cbt_info_array), infos, count * sizeof(*infos))) {
			ret = -ENODATA;
			goto out;
		}
	}
	karg.count = count;
	if (copy_to_user(argument, &karg, sizeof(karg)))
		ret = -ENODATA;
out:
	kvfree(infos);
	return ret;
}

long request_tracker_read_cbt_map(void __user *argument)
{
	struct blk_snap_tracker_read_cbt_bitmap karg;
	u32 done = 0;
	void *piece;
	long ret;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	piece = kvmalloc(MAP_PIECE, GFP_KERNEL);
	if (!piece)
		return -ENOMEM;
	/* The return value is a signed number. */
	karg.length = min_t(u32, karg.length, INT_MAX);
	do {
		unsigned long missed;

		ret = tracker_read_map(user_dev(&karg.dev_id), karg.offset + done,
				       piece, min_t(u32, karg.length - done, MAP_PIECE));
		if (ret <= 0)
			break;
		missed = copy_to_user(user_pointer(karg.buff + done), piece, ret);
		done += ret - missed;
		if (missed) {
			ret = -ENODATA;
			break;
		}
	} while (done < karg.length);
	kvfree(piece);
	/* What has been read counts, the reason for less comes with the next call. */
	return done ?: ret;
}

long request_tracker_mark_dirty_blocks(void __user *argument)
{
	struct blk_snap_tracker_mark_dirty_blocks karg;
	struct blk_snap_block_range *ranges;
	dev_t dev;
	long ret;

	if (copy_from_user(&karg, argument, sizeof(karg)))
		return -ENODATA;
	dev = user_dev(&karg.dev_id);
	if (snapimage_is_dev(dev)) {
		ret = snapimage_original(dev, &dev);
		if (ret)
			return ret;
	}
	if (karg.count > KMALLOC_MAX_SIZE / sizeof(*ranges))
		return -ENOMEM;
	ranges = kvmalloc_array(max(karg.count, 1U), sizeof(*ranges), GFP_KERNEL);
	if (!ranges)
		return -ENOMEM;
	if (copy_from_user(ranges, user_pointer(karg.dirty_blocks_array),
			   karg.count * sizeof(*ranges)))
		ret = -ENODATA;
	else
		ret = tracker_mark_dirty(dev, ranges, karg.count);
	kvfree(ranges);
	return ret;
}
