/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The control interface of blksnap: ioctl requests on /dev/blksnap.
 *
 * Numbers 0 to 11 and 32 are generation 1 of the interface and never change
 * their meaning. What generation 1 cannot express is an extension: a request
 * from 64 up, announced by a bit from 32 up in the compatibility flags of
 * IOCTL_BLK_SNAP_MOD.
 *
 * The direction bits of the generation 1 requests do not always tell which
 * way the data go; the codes are what they are, and are reproduced exactly.
 *
 * A sector has 512 bytes everywhere in this file.
 */
#ifndef _UAPI_LINUX_BLKSNAP_H
#define _UAPI_LINUX_BLKSNAP_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BLK_SNAP_MODULE_NAME	"blksnap"
#define BLK_SNAP_IMAGE_NAME	"blksnap-image"
#define BLK_SNAP_CTL		"/dev/" BLK_SNAP_MODULE_NAME
#define BLK_SNAP		'V'

enum blk_snap_ioctl {
	blk_snap_ioctl_version,
	blk_snap_ioctl_tracker_remove,
	blk_snap_ioctl_tracker_collect,
	blk_snap_ioctl_tracker_read_cbt_map,
	blk_snap_ioctl_tracker_mark_dirty_blocks,
	blk_snap_ioctl_snapshot_create,
	blk_snap_ioctl_snapshot_destroy,
	blk_snap_ioctl_snapshot_append_storage,
	blk_snap_ioctl_snapshot_take,
	blk_snap_ioctl_snapshot_collect,
	blk_snap_ioctl_snapshot_collect_images,
	blk_snap_ioctl_snapshot_wait_event,
	blk_snap_ioctl_end,

	blk_snap_ioctl_mod = 32,
	blk_snap_ioctl_setlog,
	blk_snap_ioctl_get_sector_state,
	blk_snap_ioctl_end_mod,

	blk_snap_ioctl_snapshot_status = 64,
	blk_snap_ioctl_snapshot_collect_devices,
	blk_snap_ioctl_snapshot_collect_storage,
	blk_snap_ioctl_snapshot_hold_file,
	blk_snap_ioctl_snapshot_set_low_space,
	blk_snap_ioctl_end_extensions,
};

/** struct blk_snap_version - version of the interface, 1.0.0.0 for generation 1. */
struct blk_snap_version {
	__u16 major;
	__u16 minor;
	__u16 revision;
	__u16 build;
};
#define IOCTL_BLK_SNAP_VERSION \
	_IOW(BLK_SNAP, blk_snap_ioctl_version, struct blk_snap_version)

/** struct blk_snap_dev - a block device by its major and minor number. */
struct blk_snap_dev {
	__u32 mj;
	__u32 mn;
};
#define blk_snap_dev_t blk_snap_dev

/** struct blk_snap_uuid - 16 bytes in text order (big endian). */
struct blk_snap_uuid {
	__u8 b[16];
};

/** struct blk_snap_tracker_remove - stop tracking @dev_id, forget its map. */
struct blk_snap_tracker_remove {
	struct blk_snap_dev dev_id;
};
#define IOCTL_BLK_SNAP_TRACKER_REMOVE \
	_IOW(BLK_SNAP, blk_snap_ioctl_tracker_remove, \
	     struct blk_snap_tracker_remove)

/**
 * struct blk_snap_cbt_info - the change map of one tracked device.
 * @dev_id: the device.
 * @blk_size: bytes that one byte of the map stands for.
 * @device_capacity: bytes.
 * @blk_count: length of the map in bytes.
 * @generation_id: a new one means that nothing known before is valid any more.
 * @snap_number: number of the last snapshot taken, 0 if there was none.
 *
 * A device that is gone has all fields zero but @dev_id.
 */
struct blk_snap_cbt_info {
	struct blk_snap_dev dev_id;
	__u32 blk_size;
	__u64 device_capacity;
	__u32 blk_count;
	struct blk_snap_uuid generation_id;
	__u8 snap_number;
};

/**
 * struct blk_snap_tracker_collect - list the tracked devices.
 * @count: in: elements in the array; out: tracked devices.
 * @cbt_info_array: NULL asks for @count only.
 */
struct blk_snap_tracker_collect {
	__u32 count;
	struct blk_snap_cbt_info *cbt_info_array;
};
#define IOCTL_BLK_SNAP_TRACKER_COLLECT \
	_IOW(BLK_SNAP, blk_snap_ioctl_tracker_collect, \
	     struct blk_snap_tracker_collect)

/**
 * struct blk_snap_tracker_read_cbt_bitmap - read the map as of the last take.
 * @dev_id: the device; a taken snapshot has to hold it.
 * @offset: first byte of the map.
 * @length: bytes wanted.
 * @buff: where they go.
 *
 * The request returns the number of bytes read.
 */
struct blk_snap_tracker_read_cbt_bitmap {
	struct blk_snap_dev dev_id;
	__u32 offset;
	__u32 length;
	__u8 *buff;
};
#define IOCTL_BLK_SNAP_TRACKER_READ_CBT_MAP \
	_IOR(BLK_SNAP, blk_snap_ioctl_tracker_read_cbt_map, \
	     struct blk_snap_tracker_read_cbt_bitmap)

/** struct blk_snap_block_range - a range of sectors. */
struct blk_snap_block_range {
	__u64 sector_offset;
	__u64 sector_count;
};

/**
 * struct blk_snap_tracker_mark_dirty_blocks - mark ranges as changed.
 * @dev_id: a tracked device, or an image device.
 * @count: ranges in the array.
 * @dirty_blocks_array: the ranges.
 */
struct blk_snap_tracker_mark_dirty_blocks {
	struct blk_snap_dev dev_id;
	__u32 count;
	struct blk_snap_block_range *dirty_blocks_array;
};
#define IOCTL_BLK_SNAP_TRACKER_MARK_DIRTY_BLOCKS \
	_IOR(BLK_SNAP, blk_snap_ioctl_tracker_mark_dirty_blocks, \
	     struct blk_snap_tracker_mark_dirty_blocks)

/**
 * struct blk_snap_snapshot_create - make a snapshot object, take nothing yet.
 * @count: devices in the array.
 * @dev_id_array: the devices.
 * @id: out.
 */
struct blk_snap_snapshot_create {
	__u32 count;
	struct blk_snap_dev *dev_id_array;
	struct blk_snap_uuid id;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_CREATE \
	_IOW(BLK_SNAP, blk_snap_ioctl_snapshot_create, \
	     struct blk_snap_snapshot_create)

/** struct blk_snap_snapshot_destroy - end a snapshot, its images vanish. */
struct blk_snap_snapshot_destroy {
	struct blk_snap_uuid id;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_DESTROY \
	_IOR(BLK_SNAP, blk_snap_ioctl_snapshot_destroy, \
	     struct blk_snap_snapshot_destroy)

/**
 * struct blk_snap_snapshot_append_storage - give ranges of a device to the
 * difference storage of a snapshot.
 * @id: the snapshot.
 * @dev_id: the device that the ranges lie on.
 * @count: ranges in the array.
 * @ranges: the ranges.
 */
struct blk_snap_snapshot_append_storage {
	struct blk_snap_uuid id;
	struct blk_snap_dev dev_id;
	__u32 count;
	struct blk_snap_block_range *ranges;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_APPEND_STORAGE \
	_IOW(BLK_SNAP, blk_snap_ioctl_snapshot_append_storage, \
	     struct blk_snap_snapshot_append_storage)

/** struct blk_snap_snapshot_take - the instant that the images show. */
struct blk_snap_snapshot_take {
	struct blk_snap_uuid id;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_TAKE \
	_IOR(BLK_SNAP, blk_snap_ioctl_snapshot_take, \
	     struct blk_snap_snapshot_take)

/**
 * struct blk_snap_snapshot_collect - list the snapshots.
 * @count: in: elements in the array; out: ids written, or their number if
 *	   @ids is NULL.
 * @ids: NULL asks for @count only.
 */
struct blk_snap_snapshot_collect {
	__u32 count;
	struct blk_snap_uuid *ids;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_COLLECT \
	_IOW(BLK_SNAP, blk_snap_ioctl_snapshot_collect, \
	     struct blk_snap_snapshot_collect)

/** struct blk_snap_image_info - a device and its image. */
struct blk_snap_image_info {
	struct blk_snap_dev orig_dev_id;
	struct blk_snap_dev image_dev_id;
};

/**
 * struct blk_snap_snapshot_collect_images - list the images of a snapshot.
 * @id: the snapshot.
 * @count: in: elements in the array; out: devices of the snapshot.
 * @image_info_array: NULL asks for @count only.
 */
struct blk_snap_snapshot_collect_images {
	struct blk_snap_uuid id;
	__u32 count;
	struct blk_snap_image_info *image_info_array;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_IMAGES \
	_IOW(BLK_SNAP, blk_snap_ioctl_snapshot_collect_images, \
	     struct blk_snap_snapshot_collect_images)

enum blk_snap_event_codes {
	blk_snap_event_code_low_free_space,
	blk_snap_event_code_corrupted,
};

/**
 * struct blk_snap_snapshot_event - wait for the next event of a snapshot.
 * @id: the snapshot.
 * @timeout_ms: 0 polls.
 * @code: out: one of enum blk_snap_event_codes.
 * @time_label: out: CLOCK_MONOTONIC of the event in nanoseconds.
 * @data: out: payload, by @code.
 */
struct blk_snap_snapshot_event {
	struct blk_snap_uuid id;
	__u32 timeout_ms;
	__u32 code;
	__s64 time_label;
	__u8 data[4096 - 32];
};
#define IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT \
	_IOW(BLK_SNAP, blk_snap_ioctl_snapshot_wait_event, \
	     struct blk_snap_snapshot_event)

/** struct blk_snap_event_low_free_space - append so many more sectors. */
struct blk_snap_event_low_free_space {
	__u64 requested_nr_sect;
};

/** struct blk_snap_event_corrupted - the image of a device is lost. */
struct blk_snap_event_corrupted {
	struct blk_snap_dev orig_dev_id;
	__s32 err_code;
};

/*
 * Bits of the compatibility flags. Those from 32 up stand for the extension
 * requests of this module.
 */
enum blk_snap_compat_flags {
	blk_snap_compat_flag_debug_sector_state,
	blk_snap_compat_flag_setlog,

	blk_snap_compat_flag_snapshot_status = 32,
	blk_snap_compat_flag_collect_devices,
	blk_snap_compat_flag_collect_storage,
	blk_snap_compat_flag_hold_file,
	blk_snap_compat_flag_set_low_space,
	blk_snap_compat_flags_end,
};

#define BLK_SNAP_MOD_NAME_LIMIT 32

/** struct blk_snap_mod - which module this is and what it can do. */
struct blk_snap_mod {
	__u64 compatibility_flags;
	__u8 name[BLK_SNAP_MOD_NAME_LIMIT];
};
#define IOCTL_BLK_SNAP_MOD \
	_IOW(BLK_SNAP, blk_snap_ioctl_mod, struct blk_snap_mod)

/*
 * Requests 33 and 34 belong to other modules of generation 1. They are
 * declared so that their clients compile; this module answers ENOTTY.
 */
struct blk_snap_setlog {
	__s32 tz_minuteswest;
	__u32 level;
	__u32 filepath_size;
	__u8 *filepath;
};
#define IOCTL_BLK_SNAP_SETLOG \
	_IOW(BLK_SNAP, blk_snap_ioctl_setlog, struct blk_snap_setlog)

struct blk_snap_sector_state {
	__u8 snap_number_prev;
	__u8 snap_number_curr;
	__u32 chunk_state;
};

struct blk_snap_get_sector_state {
	struct blk_snap_dev image_dev_id;
	__u64 sector;
	struct blk_snap_sector_state state;
};
#define IOCTL_BLK_SNAP_GET_SECTOR_STATE \
	_IOW(BLK_SNAP, blk_snap_ioctl_get_sector_state, \
	     struct blk_snap_get_sector_state)

/* Extensions. Pointers are 64 bits wide, so that the layout is the same for all callers. */

enum blk_snap_state {
	blk_snap_state_created,		/* not taken yet */
	blk_snap_state_taken,
	blk_snap_state_corrupted,	/* at least one image is lost */
};

/**
 * struct blk_snap_snapshot_status - state of one snapshot.
 * @id: in: the snapshot.
 * @state: enum blk_snap_state.
 * @error: errno (positive) that lost the first image, else 0.
 * @create_time: CLOCK_REALTIME of the creation, nanoseconds.
 * @take_time: CLOCK_REALTIME of the instant, nanoseconds, 0 if not taken.
 * @frozen_ns: how long the take kept file systems frozen.
 * @storage_capacity: sectors given to the difference storage.
 * @storage_filled: sectors of it in use.
 * @storage_requested: sectors asked for by low space events so far.
 * @low_space_mark: the next event comes when so few sectors are free.
 * @device_count: devices of the snapshot.
 * @range_count: ranges of the difference storage.
 */
struct blk_snap_snapshot_status {
	struct blk_snap_uuid id;
	__u32 state;
	__s32 error;
	__s64 create_time;
	__s64 take_time;
	__u64 frozen_ns;
	__u64 storage_capacity;
	__u64 storage_filled;
	__u64 storage_requested;
	__u64 low_space_mark;
	__u32 device_count;
	__u32 range_count;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_STATUS \
	_IOWR(BLK_SNAP, blk_snap_ioctl_snapshot_status, \
	      struct blk_snap_snapshot_status)

enum blk_snap_freeze {
	blk_snap_freeze_none,		/* not taken yet */
	blk_snap_freeze_frozen,		/* the file system was frozen */
	blk_snap_freeze_no_fs,		/* no file system is mounted on it */
	blk_snap_freeze_refused,	/* the file system refused */
	blk_snap_freeze_timeout,	/* it took too long, and was undone */
};

/**
 * struct blk_snap_device_status - state of one device of a snapshot.
 * @orig_dev_id: the device.
 * @image_dev_id: its image, 0:0 if there is none.
 * @freeze: enum blk_snap_freeze, what happened to its file system at take.
 * @freeze_error: errno (positive) with which freezing was refused.
 * @error: errno (positive) that lost the image, else 0.
 * @unit_size: bytes, the smallest piece that is copied.
 * @copied: sectors kept in the difference storage for this device.
 * @image_read: sectors read from the image.
 */
struct blk_snap_device_status {
	struct blk_snap_dev orig_dev_id;
	struct blk_snap_dev image_dev_id;
	__u32 freeze;
	__s32 freeze_error;
	__s32 error;
	__u32 unit_size;
	__u64 copied;
	__u64 image_read;
};

/**
 * struct blk_snap_snapshot_collect_devices - the state of each device.
 * @id: in: the snapshot.
 * @count: in: elements in the array; out: devices of the snapshot.
 * @reserved: 0.
 * @devices: array of struct blk_snap_device_status, 0 asks for @count only.
 *
 * ENOBUFS if the array is too small; @count then says what is needed.
 */
struct blk_snap_snapshot_collect_devices {
	struct blk_snap_uuid id;
	__u32 count;
	__u32 reserved;
	__u64 devices;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_DEVICES \
	_IOWR(BLK_SNAP, blk_snap_ioctl_snapshot_collect_devices, \
	      struct blk_snap_snapshot_collect_devices)

/**
 * struct blk_snap_storage_range - one range of the difference storage.
 * @dev_id: the device that it lies on.
 * @sector_offset: first sector.
 * @sector_count: length.
 * @sector_filled: sectors of it in use.
 */
struct blk_snap_storage_range {
	struct blk_snap_dev dev_id;
	__u64 sector_offset;
	__u64 sector_count;
	__u64 sector_filled;
};

/**
 * struct blk_snap_snapshot_collect_storage - the difference storage.
 * @id: in: the snapshot.
 * @count: in: elements in the array; out: ranges of the snapshot.
 * @reserved: 0.
 * @ranges: array of struct blk_snap_storage_range in the order of their use,
 *	    0 asks for @count only.
 *
 * ENOBUFS if the array is too small; @count then says what is needed.
 */
struct blk_snap_snapshot_collect_storage {
	struct blk_snap_uuid id;
	__u32 count;
	__u32 reserved;
	__u64 ranges;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_STORAGE \
	_IOWR(BLK_SNAP, blk_snap_ioctl_snapshot_collect_storage, \
	      struct blk_snap_snapshot_collect_storage)

/**
 * struct blk_snap_snapshot_hold_file - keep a storage file as it is.
 * @id: in: the snapshot.
 * @fd: in: the file, regular, open for reading only.
 * @reserved: 0.
 *
 * Until the snapshot ends the file stays open in the kernel and can neither
 * be written, truncated, renamed, removed nor opened for writing. A file
 * without a name is freed when the snapshot ends. Hold first, map the extents
 * second, append them third.
 *
 * ETXTBSY if somebody has the file open for writing, EBUSY if it is held
 * already or used for swap, EINVAL if it is not a regular file, EBADF if @fd
 * is not open.
 */
struct blk_snap_snapshot_hold_file {
	struct blk_snap_uuid id;
	__s32 fd;
	__u32 reserved;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_HOLD_FILE \
	_IOW(BLK_SNAP, blk_snap_ioctl_snapshot_hold_file, \
	     struct blk_snap_snapshot_hold_file)

/**
 * struct blk_snap_snapshot_set_low_space - when to ask for more storage.
 * @id: in: the snapshot.
 * @sectors: in: the event comes when so few sectors are free, 0 brings the usual
 *	     mark back, which depends on what is free after each append.
 *
 * From now on, for this snapshot, across all appends. If no more are free already,
 * and it has not been asked for more since the last append, the event comes at once.
 */
struct blk_snap_snapshot_set_low_space {
	struct blk_snap_uuid id;
	__u64 sectors;
};
#define IOCTL_BLK_SNAP_SNAPSHOT_SET_LOW_SPACE \
	_IOW(BLK_SNAP, blk_snap_ioctl_snapshot_set_low_space, \
	     struct blk_snap_snapshot_set_low_space)

#endif /* _UAPI_LINUX_BLKSNAP_H */
