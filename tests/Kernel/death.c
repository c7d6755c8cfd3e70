// SPDX-License-Identifier: MIT
/*
 * Devices that die while they are tracked, while a snapshot holds them, while
 * their image is read, while they hold difference storage, and mounted ones.
 * Their own I/O fails, an image shows an error or the right data and is lost at
 * most once, nothing hangs, and all can be cleared away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "mounts.h"
#include "workload.h"

#define AREA 8192
#define STORAGE 65536
#define EVENT_MS 30000

/* So many events "corrupted" come; there may be others. */
static void expect_lost(const snap_id *id, unsigned int least, unsigned int most)
{
	struct blk_snap_snapshot_event event;
	unsigned int count = 0;

	while (!wait_for_event(id, blk_snap_event_code_corrupted,
			       count < least ? EVENT_MS : 300, &event))
		count++;
	CHECK_BETWEEN(count, least, most);
}

static void start_writers(struct writer *writers, struct model *model, bool may_fail)
{
	static const enum write_mode modes[] = { write_direct, write_nowait };

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		writers[i] = (struct writer){ .model = model, .mode = modes[i],
					      .first = i * AREA / 2, .count = AREA / 2,
					      .limit = 256, .stream = i, .may_fail = may_fail };
		worker_start(writer_run, &writers[i]);
	}
}

static void start_readers(struct reader *readers, struct dev *image, const struct model *model,
			  const uint32_t *seq)
{
	for (unsigned int i = 0; i < 2; i++) {
		readers[i] = (struct reader){ .image = image, .model = model, .seq = seq,
					      .count = AREA, .sequential = i, .buffered = i,
					      .errors = read_error_allowed, .stream = 10 + i };
		worker_start(reader_run, &readers[i]);
	}
}

/* A device that lives can be snapshotted, and what is written is marked and copied. */
static void expect_healthy(struct dev *dev)
{
	struct dev *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 3 * STORAGE, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	REQUIRE(model_write(model, 100, 1000));
	check_image(image, model, seq, 0, AREA);
	check_live(model, 0, AREA);
	dev_close(image);
	dev_close(storage);
	REQUIRE_OK(snap_destroy(&id));
	free(seq);
	model_free(model);
}

/* The device is only tracked: it fails, and later works again. */
static void table_while_tracked(void)
{
	struct dev *below = dev_disk(0), *dev = mapper_linear(below);
	struct model *model = model_new(dev);
	struct writer writers[2];
	snap_id id;

	expect_healthy(dev);
	model_fill(model, 0, AREA);
	start_writers(writers, model, true);
	sleep_ms(100);
	mapper_break(dev);
	sleep_ms(200);
	/* A take of a dead device: it has no file system, and its map needs no I/O. */
	if (!CHECK_RESULT(snap_create(&dev->id, 1, &id), 0))
		test_abandon();
	REQUIRE_OK(snap_append_one(&id, dev_storage_disk()->id, 0, STORAGE));
	CHECK_RESULT(snap_take(&id), 0);
	REQUIRE_OK(snap_destroy(&id));
	workers_stop();
	CHECK(writers[0].failed && writers[1].failed);
	mapper_mend(dev, below);
	check_live(model, 0, AREA);
	expect_healthy(dev);
	model_free(model);
}

/* The same under a snapshot, with its image being read. */
static void table_while_held(void)
{
	struct dev *below = dev_disk(0), *dev = mapper_linear(below), *storage, *image;
	struct model *model = model_new(dev);
	struct writer writers[2];
	struct reader readers[2];
	uint32_t *seq;
	snap_id id;

	storage = dev_storage_disk();
	model_fill(model, 0, AREA);
	for (unsigned int round = 0; round < 3; round++) {
		snap_begin_one(&id, dev, storage, 0, STORAGE);
		seq = model_freeze(model);
		image = dev_image(&id, dev);
		start_writers(writers, model, true);
		start_readers(readers, image, model, seq);
		sleep_ms(20 + 60 * round);
		mapper_break(dev);
		sleep_ms(150);
		mapper_mend(dev, below);
		sleep_ms(50);
		workers_stop();
		/* If a unit had to be copied meanwhile, the image is lost, and stays so. */
		expect_lost(&id, 0, 1);
		check_sectors(image->fd, image->path, model->tag, seq, 0, AREA,
			      read_error_allowed);
		check_live(model, 0, AREA);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
		model_fill(model, 0, AREA);
	}
	expect_healthy(dev);
	model_free(model);
}

/* Dead for good under a snapshot: a copy that cannot be made loses the image once. */
static void table_for_good(void)
{
	struct dev *below = dev_disk(0), *dev = mapper_linear(below), *storage, *image;
	struct model *model = model_new(dev);
	struct blk_snap_snapshot_status status;
	void *buffer = page_alloc(4096);
	uint32_t *seq;
	snap_id id;

	storage = dev_storage_disk();
	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	REQUIRE(model_write(model, 0, 512));
	mapper_break(dev);
	/* What was kept is still there. */
	check_sectors(image->fd, image->path, model->tag, seq, 0, 512, read_error_fails);
	CHECK_RESULT(pread(image->fd, buffer, 4096, 2048 * SECTOR) < 0 ? -errno : 0, -EIO);
	/* The device's own answer, not one of the snapshot's. */
	for (uint64_t s = 1024; s < 1152; s += 8)
		CHECK_RESULT(pwrite(dev->fd, buffer, 4096, s * SECTOR) < 0 ? -errno : 0, -EIO);
	expect_lost(&id, 1, 1);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK_EQ(status.state, blk_snap_state_corrupted);
	CHECK_EQ(status.error, EIO);
	CHECK_RESULT(pread(image->fd, buffer, 4096, 0) < 0 ? -errno : 0, -EIO);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	free(seq);
	free(buffer);
	model_free(model);
}

/* The storage dies, in the middle of copies: no write of the original notices. */
static void storage_table(void)
{
	struct dev *dev = dev_disk(0), *below = dev_storage_disk(), *storage, *image;
	struct model *model = model_new(dev);
	struct writer writers[2];
	struct reader readers[2];
	uint32_t *seq;
	snap_id id;

	storage = mapper_linear(below);
	model_fill(model, 0, AREA);
	for (unsigned int round = 0; round < 3; round++) {
		snap_begin_one(&id, dev, storage, 0, STORAGE);
		seq = model_freeze(model);
		image = dev_image(&id, dev);
		start_readers(readers, image, model, seq);
		start_writers(writers, model, false);
		sleep_ms(20 * round);
		mapper_break(storage);
		sleep_ms(300);
		workers_stop();
		/* Also when all had been kept before, nothing but the right data comes back. */
		REQUIRE(model_write(model, 0, AREA));
		expect_lost(&id, 0, 1);
		check_sectors(image->fd, image->path, model->tag, seq, 0, AREA,
			      read_error_allowed);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		mapper_mend(storage, below);
		check_live(model, 0, AREA);
		free(seq);
	}
	model_free(model);
}

static void scsi_delete(const struct dev *dev)
{
	REQUIRE_EQ(command("echo 1 > /sys/block/%s/device/delete", strrchr(dev->path, '/') + 1), 0);
}

/* Removed under writers and readers of its image. */
static void scsi_under_load(void)
{
	struct dev *dev = dev_scsi("dev_size_mb=16 delay=0"), *image;
	struct model *model = model_new(dev);
	struct writer writers[2];
	struct reader readers[2];
	struct blk_snap_cbt_info info;
	dev_id number = dev->id;
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, dev_storage_disk(), 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	start_readers(readers, image, model, seq);
	start_writers(writers, model, true);
	sleep_ms(100);
	scsi_delete(dev);
	sleep_ms(200);
	workers_stop();
	CHECK(writers[0].failed && writers[1].failed);
	expect_lost(&id, 0, 1);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	CHECK_RESULT_IN(tracker_find(number, &info), 0, -ENODATA);
	free(seq);
	model_free(model);
}

/* Storage on a device that is pulled out, with the image being read. */
static void scsi_storage_under_load(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_scsi("dev_size_mb=16 delay=0"), *image;
	struct model *model = model_new(dev);
	struct writer writers[2];
	struct reader readers[2];
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, 32768);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	start_readers(readers, image, model, seq);
	start_writers(writers, model, false);
	sleep_ms(30);
	scsi_delete(storage);
	sleep_ms(300);
	workers_stop();
	REQUIRE(model_write(model, 0, AREA));
	expect_lost(&id, 0, 1);
	check_live(model, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	expect_healthy(dev);
	free(seq);
	model_free(model);
}

/* A loop device is detached when its last user is gone: the snapshot is one. */
static void loop_while_held(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *image;
	struct model *model = model_new(dev);
	dev_id number = dev->id;
	uint32_t *seq;
	char path[64];
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, dev_storage_disk(), 0, STORAGE);
	seq = model_freeze(model);
	REQUIRE(model_write(model, 10, 3000));
	image = dev_image(&id, dev);
	dev_loop_detach(dev);
	snprintf(path, sizeof(path), "%s", dev->path);
	check_image(image, model, seq, 0, AREA);
	dev_close(dev);
	check_image(image, model, seq, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	/* Free again. */
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/loop", number.mj, number.mn);
	for (unsigned int tries = 0; tries < 200 && !access(path, F_OK); tries++)
		sleep_ms(50);
	CHECK(access(path, F_OK) != 0);
	free(seq);
	model_free(model);
}

static void *write_files(void *argument)
{
	atomic_uint *written = argument;

	while (!workers_stopping()) {
		char path[80];
		int fd;

		snprintf(path, sizeof(path), MOUNTS "/live/file%u",
			 atomic_fetch_add(written, 1) % 40);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			break; /* dead, or read-only since it is dying */
		if (write(fd, path, sizeof(path)) < 0 || fsync(fd)) {
			close(fd);
			break;
		}
		close(fd);
	}
	return NULL;
}

/* With a mounted file system on it that is being written. */
static void mounted_device(void)
{
	struct dev *dev = dev_scsi("dev_size_mb=64 delay=0"), *image;
	atomic_uint written = 0;
	void *buffer = page_alloc(MIB);
	dev_id number = dev->id;
	snap_id id, other;

	make_file_system("ext4", dev, 48);
	mount_at(dev->path, "live", "errors=continue");
	worker_start(write_files, &written);
	snap_begin_one(&id, dev, dev_storage_disk(), 0, STORAGE);
	image = dev_image(&id, dev);
	sleep_ms(200);
	scsi_delete(dev);
	for (unsigned int i = 0; i < 16; i++) {
		ssize_t got = pread(image->fd, buffer, MIB, i * MIB);

		CHECK(got == (ssize_t)MIB || got < 0);
	}
	workers_join();
	CHECK(atomic_load(&written) > 0);
	expect_lost(&id, 0, 1);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	/* It is gone, also for a new snapshot, while the file system still holds it. */
	CHECK_RESULT_IN(snap_create(&number, 1, &other), -ENXIO, -ENODEV);
	unmount_last();
	free(buffer);
}

static void death_cleanup(void)
{
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "table_while_tracked", table_while_tracked, 120 },
		{ "table_while_held", table_while_held, 120 },
		{ "table_for_good", table_for_good, 120 },
		{ "storage_table", storage_table, 120 },
		{ "scsi_under_load", scsi_under_load, 120 },
		{ "scsi_storage_under_load", scsi_storage_under_load, 120 },
		{ "loop_while_held", loop_while_held, 120 },
		{ "mounted_device", mounted_device, 120 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = death_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
