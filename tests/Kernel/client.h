/* SPDX-License-Identifier: MIT */
/*
 * The control interface, one function a request. Every function returns 0 or
 * a positive result, or a negative errno.
 */
#ifndef KERNEL_TESTS_CLIENT_H
#define KERNEL_TESTS_CLIENT_H

#include <blksnap.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct blk_snap_uuid snap_id;
typedef struct blk_snap_dev dev_id;
typedef struct blk_snap_block_range range;

#define CORRUPTED_ERROR_NO_SPACE 28
#define IMAGES_MAX 16

/* Opens and closes the control device. */
int control_open(void);
void control_close(void);
int control_fd(void);
int control(unsigned long request, void *argument);

int snap_create(const dev_id *devices, uint32_t count, snap_id *id);
int snap_append(const snap_id *id, dev_id device, const range *ranges, uint32_t count);
int snap_append_one(const snap_id *id, dev_id device, uint64_t offset, uint64_t count);
int snap_take(const snap_id *id);
int snap_destroy(const snap_id *id);
int snap_list(snap_id *ids, uint32_t *count);
int snap_images(const snap_id *id, struct blk_snap_image_info *images, uint32_t *count);
int snap_wait(const snap_id *id, uint32_t timeout_ms, struct blk_snap_snapshot_event *event);
int snap_status(const snap_id *id, struct blk_snap_snapshot_status *status);
int snap_devices(const snap_id *id, struct blk_snap_device_status *devices, uint32_t *count);
int snap_storage(const snap_id *id, struct blk_snap_storage_range *ranges, uint32_t *count);
int snap_hold_file(const snap_id *id, int fd);
int snap_set_low_space(const snap_id *id, uint64_t sectors);

int tracker_list(struct blk_snap_cbt_info *infos, uint32_t *count);
int tracker_find(dev_id device, struct blk_snap_cbt_info *info); /* -ENODATA: not tracked */
int tracker_read_map(dev_id device, uint32_t offset, uint32_t length, void *buffer);
int tracker_mark(dev_id device, const range *ranges, uint32_t count);
int tracker_remove(dev_id device);

bool same_device(dev_id a, dev_id b);
bool same_id(const snap_id *a, const snap_id *b);

/* Destroys every snapshot and removes every tracker; a failure fails the test. */
void control_reset(void);

/* The next event of a code, others are dropped. -ENOENT when none comes in time. */
int wait_for_event(const snap_id *id, uint32_t code, uint32_t timeout_ms,
		   struct blk_snap_snapshot_event *event);
struct blk_snap_event_corrupted event_corrupted(const struct blk_snap_snapshot_event *event);
uint64_t event_requested(const struct blk_snap_snapshot_event *event);

#endif
