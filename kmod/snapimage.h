/* SPDX-License-Identifier: GPL-2.0 */
/* Image: the block device that shows a device as it was at the take. */
#ifndef BLKSNAP_SNAPIMAGE_H
#define BLKSNAP_SNAPIMAGE_H

#include <linux/types.h>

struct block_device;
struct cbt_map;
struct diff_area;
struct snapimage;

int snapimage_module_init(void);
void snapimage_module_exit(void);
int snapimage_original(dev_t image, dev_t *original);

struct snapimage *snapimage_create(struct diff_area *area, struct cbt_map *cbt);
void snapimage_destroy(struct snapimage *image);
dev_t snapimage_dev(const struct snapimage *image);
bool snapimage_is(const struct block_device *bdev);
bool snapimage_is_dev(dev_t dev);

#endif
