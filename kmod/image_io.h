/* SPDX-License-Identifier: GPL-2.0 */
/* Reads and writes of an image. */
#ifndef BLKSNAP_IMAGE_IO_H
#define BLKSNAP_IMAGE_IO_H

#include <linux/bio.h>

struct cbt_map;
struct diff_area;

int image_io_module_init(void);
void image_io_module_exit(void);

extern struct bio_set image_piece_bios;

/** image_io_is_own_bio() - is this a piece of an image bio? */
static inline bool image_io_is_own_bio(const struct bio *bio)
{
	return bio->bi_pool == &image_piece_bios;
}

bool image_io_start(struct diff_area *area, struct cbt_map *cbt, struct bio *bio, gfp_t gfp);

#endif
