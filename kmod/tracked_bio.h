/* SPDX-License-Identifier: GPL-2.0 */
/* A write that is followed until it is done, and held back while old data are copied. */
#ifndef BLKSNAP_TRACKED_BIO_H
#define BLKSNAP_TRACKED_BIO_H

#include <linux/bio.h>

struct tracker;

int tracked_bio_module_init(void);
void tracked_bio_module_exit(void);

bool tracked_bio_taken_by(const struct bio *bio, const struct tracker *tracker);
bool tracked_bio_pass(struct bio *bio);
bool tracked_bio_start(struct tracker *tracker, struct bio *bio, sector_t sector,
		       sector_t count, gfp_t gfp);

#endif
