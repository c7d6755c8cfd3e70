// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "ctrl.h"
#include "requests.h"

static int ctrl_major;
static struct class *ctrl_class;

/* struct request - what a number stands for. */
struct request {
	unsigned int code;
	bool changes;			/* needs CAP_SYS_ADMIN */
	long (*handle)(void __user *argument);
};

#define REQUEST(name, handler, changes_state) \
	[_IOC_NR(IOCTL_BLK_SNAP_##name)] = \
		{ .code = IOCTL_BLK_SNAP_##name, .handle = handler, .changes = changes_state }

static const struct request requests[blk_snap_ioctl_end_extensions] = {
	REQUEST(VERSION, request_version, false),
	REQUEST(TRACKER_REMOVE, request_tracker_remove, true),
	REQUEST(TRACKER_COLLECT, request_tracker_collect, false),
	REQUEST(TRACKER_READ_CBT_MAP, request_tracker_read_cbt_map, false),
	REQUEST(TRACKER_MARK_DIRTY_BLOCKS, request_tracker_mark_dirty_blocks, true),
	REQUEST(SNAPSHOT_CREATE, request_snapshot_create, true),
	REQUEST(SNAPSHOT_DESTROY, request_snapshot_destroy, true),
	REQUEST(SNAPSHOT_APPEND_STORAGE, request_snapshot_append_storage, true),
	REQUEST(SNAPSHOT_TAKE, request_snapshot_take, true),
	REQUEST(SNAPSHOT_COLLECT, request_snapshot_collect, false),
	REQUEST(SNAPSHOT_COLLECT_IMAGES, request_snapshot_collect_images, false),
	/* An event goes to one reader: reading it takes it away from others. */
	REQUEST(SNAPSHOT_WAIT_EVENT, request_snapshot_wait_event, true),
	REQUEST(MOD, request_mod, false),
	REQUEST(SNAPSHOT_STATUS, request_snapshot_status, false),
	REQUEST(SNAPSHOT_COLLECT_DEVICES, request_snapshot_collect_devices, false),
	REQUEST(SNAPSHOT_COLLECT_STORAGE, request_snapshot_collect_storage, false),
	REQUEST(SNAPSHOT_HOLD_FILE, request_snapshot_hold_file, true),
	REQUEST(SNAPSHOT_SET_LOW_SPACE, request_snapshot_set_low_space, true),
};

/*
 * Clients exist that send a code with other direction bits, and they have always
 * been served. The size has to be right: the same number with another size belongs
 * to another generation of the interface, where it means something else.
 */
static long ctrl_ioctl(struct file *file, unsigned int code, unsigned long argument)
{
	const struct request *request;

	if (_IOC_TYPE(code) != BLK_SNAP || _IOC_NR(code) >= ARRAY_SIZE(requests))
		return -ENOTTY;
	request = &requests[array_index_nospec(_IOC_NR(code), ARRAY_SIZE(requests))];
	if (!request->handle || _IOC_SIZE(code) != _IOC_SIZE(request->code))
		return -ENOTTY;
	if (request->changes && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return request->handle((void __user *)argument);
}

/* Not for 32 bit callers: their structures are laid out differently. */
static const struct file_operations ctrl_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = ctrl_ioctl,
	.llseek = noop_llseek,
};

/* Without a newline, as clients have always got it. */
static ssize_t major_show(CLASS_ATTR_ARGS, char *buffer)
{
	return sysfs_emit(buffer, "%d", ctrl_major);
}

static struct class_attribute major_attribute = __ATTR_RO(major);

/** ctrl_module_init() - open for requests. */
int __init ctrl_module_init(void)
{
	struct device *device;
	int ret;

	ctrl_major = register_chrdev(0, BLK_SNAP_MODULE_NAME, &ctrl_fops);
	if (ctrl_major < 0)
		return ctrl_major;
	ctrl_class = blksnap_class_create(BLK_SNAP_MODULE_NAME);
	if (IS_ERR(ctrl_class)) {
		ret = PTR_ERR(ctrl_class);
		goto out_chrdev;
	}
	ret = class_create_file(ctrl_class, &major_attribute);
	if (ret)
		goto out_class;
	device = device_create(ctrl_class, NULL, MKDEV(ctrl_major, 0), NULL, BLK_SNAP_MODULE_NAME);
	if (IS_ERR(device)) {
		ret = PTR_ERR(device);
		goto out_attribute;
	}
	return 0;

out_attribute:
	class_remove_file(ctrl_class, &major_attribute);
out_class:
	class_destroy(ctrl_class);
out_chrdev:
	unregister_chrdev(ctrl_major, BLK_SNAP_MODULE_NAME);
	return ret;
}

void ctrl_module_exit(void)
{
	device_destroy(ctrl_class, MKDEV(ctrl_major, 0));
	class_remove_file(ctrl_class, &major_attribute);
	class_destroy(ctrl_class);
	unregister_chrdev(ctrl_major, BLK_SNAP_MODULE_NAME);
}
