/* SPDX-License-Identifier: GPL-2.0 */
/* One face for what differs between kernels; probes.h says which it is. */
#ifndef BLKSNAP_COMPAT_H
#define BLKSNAP_COMPAT_H

#ifdef CONFIG_PREEMPT_RT
#error "blksnap is not for PREEMPT_RT kernels: it ends bios of others with preemption disabled"
#endif

/* Nothing that a user could switch on: whatever needs the trees brings them, as all distributions' kernels have it. */
#ifndef CONFIG_INTERVAL_TREE
#error "blksnap needs a kernel with CONFIG_INTERVAL_TREE: one with KVM or InfiniBand, for example, has it"
#endif

#include <linux/blkdev.h>
#include <linux/device/class.h>
#include <linux/file.h>
#include <linux/ftrace.h>

#include "probes.h"

/** struct bdev_ref - a block device held open, for reading, not exclusively. */
struct bdev_ref {
	struct block_device *bdev;
#ifdef HAVE_BDEV_FILE
	struct file *file;
#endif
};

/**
 * bdev_ref_open() - open a block device.
 * @ref: filled in on success.
 * @dev: which one.
 *
 * It is opened for reading even where it is going to be written, since a
 * kernel may refuse writers of a device that is mounted. May sleep.
 *
 * Return: 0 or the error of the open.
 */
static inline int bdev_ref_open(struct bdev_ref *ref, dev_t dev)
{
#ifdef HAVE_BDEV_FILE
	struct file *file = bdev_file_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);

	if (IS_ERR(file))
		return PTR_ERR(file);
	ref->file = file;
	ref->bdev = file_bdev(file);
#else
	struct block_device *bdev = blkdev_get_by_dev(dev, FMODE_READ, NULL);

	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	ref->bdev = bdev;
#endif
	return 0;
}

/** bdev_ref_close() - undo bdev_ref_open(); nothing if it is not open. May sleep. */
static inline void bdev_ref_close(struct bdev_ref *ref)
{
	if (!ref->bdev)
		return;
#ifdef HAVE_BDEV_FILE
	fput(ref->file);
#else
	blkdev_put(ref->bdev, FMODE_READ);
#endif
	ref->bdev = NULL;
}

#ifndef HAVE_BDEV_FREEZE
#define bdev_freeze freeze_bdev
#define bdev_thaw thaw_bdev
#endif

/** bdev_has_frozen_fs() - did bdev_freeze() find a file system to freeze? */
static inline bool bdev_has_frozen_fs(struct block_device *bdev)
{
#ifdef HAVE_FS_HOLDER_OPS
	return bdev->bd_holder && bdev->bd_holder_ops == &fs_holder_ops;
#else
	return bdev->bd_fsfreeze_sb;
#endif
}

/** bdev_encrypts() - does the device encrypt with keys that come with the bios? */
static inline bool bdev_encrypts(struct block_device *bdev)
{
#ifdef HAVE_CRYPTO_PROFILE
	return bdev_get_queue(bdev)->crypto_profile;
#else
	return false;
#endif
}

/** blksnap_class_create() - class_create(), which lost its first argument. */
static inline struct class *blksnap_class_create(const char *name)
{
#ifdef HAVE_CLASS_CREATE_NAME
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

#ifdef HAVE_CLASS_CREATE_NAME
#define CLASS_ATTR_ARGS const struct class *class, const struct class_attribute *attr
#else
#define CLASS_ATTR_ARGS struct class *class, struct class_attribute *attr
#endif

/** fregs_argument() - first argument of the function that ftrace stopped at. */
static __always_inline unsigned long fregs_argument(struct ftrace_regs *fregs)
{
#if defined(HAVE_FTRACE_REGS_ARGUMENT) && defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
	return ftrace_regs_get_argument(fregs, 0);
#else
	return regs_get_kernel_argument(&fregs->regs, 0);
#endif
}

/** fregs_redirect() - let the traced call go to another function. */
static __always_inline void fregs_redirect(struct ftrace_regs *fregs, void *function)
{
#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS)
	/* All registers are saved, and the setters of ftrace do nothing. */
	instruction_pointer_set(&fregs->regs, (unsigned long)function);
#elif defined(HAVE_FTRACE_REGS_SET_IP)
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)function);
#else
	ftrace_instruction_pointer_set(fregs, (unsigned long)function);
#endif
}

/**
 * blksnap_disk_alloc_like() - a disk for bios with the block sizes and the best sizes of
 * transfers and read-ahead of another, or NULL.
 */
static inline struct gendisk *blksnap_disk_alloc_like(struct block_device *bdev)
{
	unsigned int max_sectors = queue_max_hw_sectors(bdev_get_queue(bdev));
#ifdef HAVE_DISK_LIMITS
	struct queue_limits limits = {
		.logical_block_size = bdev_logical_block_size(bdev),
		.physical_block_size = bdev_physical_block_size(bdev),
		.io_min = bdev_io_min(bdev),
		.io_opt = bdev_io_opt(bdev),
		.max_hw_sectors = max_sectors,
	};
	struct gendisk *disk = blk_alloc_disk(&limits, NUMA_NO_NODE);

	return IS_ERR(disk) ? NULL : disk;
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	if (disk) {
		blk_queue_logical_block_size(disk->queue, bdev_logical_block_size(bdev));
		blk_queue_physical_block_size(disk->queue, bdev_physical_block_size(bdev));
		blk_queue_io_min(disk->queue, bdev_io_min(bdev));
		blk_queue_io_opt(disk->queue, bdev_io_opt(bdev));
		blk_queue_max_hw_sectors(disk->queue, max_sectors);
	}
	return disk;
#endif
}

#endif
