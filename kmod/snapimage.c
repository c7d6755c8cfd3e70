// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include "blksnap.h"
#include "compat.h"
#include "diff_area.h"
#include "image_io.h"
#include "params.h"
#include "snapimage.h"

/*
 * struct snapimage - an image.
 *
 * Lives until its disk is released, which may be long after the snapshot: somebody
 * may have it open. From then on it answers with errors.
 */
struct snapimage {
	struct gendisk *disk;
	struct diff_area __rcu *area;	/* RCU; NULL when the snapshot is gone */
	struct cbt_map *cbt;		/* valid as long as @area */
	dev_t original;
	bool writable;

	spinlock_t lock;
	struct bio_list deferred;	/* lock: for lack of memory */
	struct work_struct work;
};

static int image_major;
static DEFINE_IDA(image_minors);
static atomic_t image_count;
static struct workqueue_struct *deferred_queue;

static struct diff_area *get_area(struct snapimage *image)
{
	struct diff_area *area;

	rcu_read_lock();
	area = rcu_dereference(image->area);
	if (area && !diff_area_tryget(area))
		area = NULL;
	rcu_read_unlock();
	return area;
}

/* Return: false if there is no memory. */
static bool image_handle(struct snapimage *image, struct bio *bio, gfp_t gfp)
{
	struct diff_area *area;

	if (op_is_write(bio_op(bio)) && bio_sectors(bio) && !image->writable) {
		bio_io_error(bio);
		return true;
	}
	/* Nothing is ever waiting to be flushed. */
	if (!bio_sectors(bio)) {
		bio_endio(bio);
		return true;
	}
	area = get_area(image);
	if (!area) {
		bio_io_error(bio);
		return true;
	}
	if (image_io_start(area, image->cbt, bio, gfp))
		return true;
	diff_area_put(area);
	return false;
}

static void image_deferred(struct work_struct *work)
{
	struct snapimage *image = container_of(work, struct snapimage, work);
	struct bio_list bios;
	struct bio *bio;

	spin_lock_irq(&image->lock);
	bios = image->deferred;
	bio_list_init(&image->deferred);
	spin_unlock_irq(&image->lock);

	while ((bio = bio_list_pop(&bios)))
		image_handle(image, bio, GFP_NOIO);
}

/*
 * What is submitted below here is issued only after this function has returned,
 * so it must not wait for memory that such bios hold.
 */
static void image_submit_bio(struct bio *bio)
{
	struct snapimage *image = bio->bi_bdev->bd_disk->private_data;

	if (image_handle(image, bio, GFP_NOWAIT | __GFP_NOWARN))
		return;
	spin_lock_irq(&image->lock);
	bio_list_add(&image->deferred, bio);
	spin_unlock_irq(&image->lock);
	queue_work(deferred_queue, &image->work);
}

static void image_free_disk(struct gendisk *disk)
{
	struct snapimage *image = disk->private_data;

	ida_free(&image_minors, disk->first_minor);
	kfree(image);
	if (atomic_dec_and_test(&image_count))
		wake_up_var(&image_count);
}

static const struct block_device_operations image_ops = {
	.owner = THIS_MODULE,
	.submit_bio = image_submit_bio,
	.free_disk = image_free_disk,
};

/**
 * snapimage_create() - make the image device of an area.
 * @area: outlives the image: see snapimage_destroy().
 * @cbt: the map of the original, the same.
 *
 * Return: the image or ERR_PTR. May sleep.
 */
struct snapimage *snapimage_create(struct diff_area *area, struct cbt_map *cbt)
{
	struct snapimage *image;
	struct gendisk *disk;
	int minor, ret;

	image = kzalloc(sizeof(*image), GFP_KERNEL);
	if (!image)
		return ERR_PTR(-ENOMEM);
	minor = ida_alloc_max(&image_minors, MINORMASK, GFP_KERNEL);
	if (minor < 0) {
		ret = minor;
		goto out_free;
	}
	disk = blksnap_disk_alloc_like(area->bdev);
	if (!disk) {
		ret = -ENOMEM;
		goto out_minor;
	}

	RCU_INIT_POINTER(image->area, area);
	image->disk = disk;
	image->cbt = cbt;
	image->original = area->bdev->bd_dev;
	image->writable = READ_ONCE(images_writable);
	spin_lock_init(&image->lock);
	bio_list_init(&image->deferred);
	INIT_WORK(&image->work, image_deferred);

	disk->major = image_major;
	disk->first_minor = minor;
	disk->minors = 1;
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &image_ops;
	disk->private_data = image;
	snprintf(disk->disk_name, sizeof(disk->disk_name), BLK_SNAP_IMAGE_NAME "%d", minor);
	set_capacity(disk, area->capacity);
	set_disk_ro(disk, !image->writable);

	atomic_inc(&image_count);
	ret = add_disk(disk);
	if (ret) {
		/* The disk was not added, so it does not call image_free_disk(). */
		atomic_dec(&image_count);
		put_disk(disk);
		goto out_minor;
	}
	return image;

out_minor:
	ida_free(&image_minors, minor);
out_free:
	kfree(image);
	return ERR_PTR(ret);
}

/**
 * snapimage_destroy() - remove an image, under its users if there are any.
 * @image: the image.
 *
 * When this returns, nobody starts to use the area any more. May sleep.
 */
void snapimage_destroy(struct snapimage *image)
{
	del_gendisk(image->disk);
	rcu_assign_pointer(image->area, NULL);
	synchronize_rcu();
	flush_work(&image->work);
	put_disk(image->disk);
}

/** snapimage_dev() - device number of an image. */
dev_t snapimage_dev(const struct snapimage *image)
{
	return disk_devt(image->disk);
}

/** snapimage_is() - is this block device an image? */
bool snapimage_is(const struct block_device *bdev)
{
	return bdev->bd_disk->fops == &image_ops;
}

/** snapimage_is_dev() - is this the number of an image, or of one that is gone? */
bool snapimage_is_dev(dev_t dev)
{
	return MAJOR(dev) == image_major;
}

/**
 * snapimage_original() - the device that an image shows.
 * @image: number of the image.
 * @original: set to the number of the device.
 *
 * Return: 0 or -ENODEV if there is no such image. May sleep.
 */
int snapimage_original(dev_t image, dev_t *original)
{
	struct bdev_ref ref = {};
	const struct snapimage *found;

	if (bdev_ref_open(&ref, image))
		return -ENODEV;
	found = ref.bdev->bd_disk->private_data;
	*original = found->original;
	bdev_ref_close(&ref);
	return 0;
}

int __init snapimage_module_init(void)
{
	deferred_queue = alloc_workqueue("blksnap_deferred", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!deferred_queue)
		return -ENOMEM;
	image_major = register_blkdev(0, BLK_SNAP_IMAGE_NAME);
	if (image_major < 0) {
		destroy_workqueue(deferred_queue);
		return image_major;
	}
	return 0;
}

/** snapimage_module_exit() - no snapshot is left. Waits for disks that somebody still looks at. */
void snapimage_module_exit(void)
{
	wait_var_event(&image_count, !atomic_read(&image_count));
	unregister_blkdev(image_major, BLK_SNAP_IMAGE_NAME);
	destroy_workqueue(deferred_queue);
}
