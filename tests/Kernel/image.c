// SPDX-License-Identifier: MIT
/* The image is what the device was at the take, whatever is written since. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define AREA_SECTORS (20 * MIB / SECTOR)
#define STORAGE_SECTORS (64 * MIB / SECTOR)
#define WRITE_LIMIT (4 * MIB / SECTOR)

/*
 * The parts of a device that a test uses: one at the front and one that ends
 * with the last sector, where the last chunk is a short one.
 */
struct area {
	uint64_t front;
	uint64_t tail_first;
	uint64_t tail;
};

static struct area area_of(const struct dev *dev)
{
	struct area area = { .tail = 1200 * (dev->block / SECTOR) };

	area.tail_first = dev->sectors - area.tail;
	area.front = AREA_SECTORS;
	if (area.front > area.tail_first)
		area.front = area.tail_first;
	return area;
}

static void fill_area(struct model *model, const struct area *area)
{
	model_fill(model, 0, area->front);
	model_fill(model, area->tail_first, area->tail);
}

static void check_area(struct dev *image, const struct model *model, const uint32_t *seq,
		       const struct area *area)
{
	check_image(image, model, seq, 0, area->front);
	check_image(image, model, seq, area->tail_first, area->tail);
	check_live(model, 0, area->front);
	check_live(model, area->tail_first, area->tail);
}

/*
 * Writers of all kinds side by side. Their areas meet inside units and chunks
 * where they write directly; the buffered one has pages of its own.
 */
#define WRITERS 8

static void start_writers(struct writer *writers, struct model *model,
				  const struct area *area, unsigned int stream)
{
	uint64_t grain = model->dev->block / SECTOR;
	uint64_t part = (area->front - 4096) / 4 / grain * grain + grain;
	uint64_t hot = area->front - 4096;
	unsigned int count = 0;

	writers[count++] = (struct writer){ .mode = write_direct, .first = 0, .count = part,
					    .writes = 40 };
	writers[count++] = (struct writer){ .mode = write_aio, .first = part, .count = part,
					    .writes = 48 };
	writers[count++] = (struct writer){ .mode = write_nowait, .first = 2 * part,
					    .count = part - part % 8, .writes = 40 };
	writers[count++] = (struct writer){ .mode = write_direct, .first = area->tail_first,
					    .count = area->tail, .writes = 20 };
	/* From a page border on, and to one. */
	writers[count++] = (struct writer){ .mode = write_buffered,
					    .first = (3 * part + 7) / 8 * 8,
					    .count = (hot - (3 * part + 7) / 8 * 8) / 8 * 8,
					    .writes = 30 };
	for (unsigned int phase = 0; phase < 3; phase++)
		writers[count++] = (struct writer){ .mode = write_single, .first = hot,
						    .count = 4096, .stride = 3, .phase = phase,
						    .writes = 150 };
	REQUIRE_EQ(count, WRITERS);
	for (unsigned int i = 0; i < count; i++) {
		writers[i].model = model;
		writers[i].limit = WRITE_LIMIT / (writers[i].mode == write_aio ? 8 : 1);
		writers[i].stream = stream * 100 + i;
		worker_start(writer_run, &writers[i]);
	}
}

#define READERS 3

static void start_readers(struct reader *readers, struct dev *image, const struct model *model,
			  const uint32_t *seq, const struct area *area, unsigned int stream)
{
	for (unsigned int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){
			.image = image, .model = model, .seq = seq, .count = area->front,
			.sequential = i == 0, .buffered = i == 2, .stream = stream * 100 + 50 + i,
		};
		worker_start(reader_run, &readers[i]);
	}
}

/* One snapshot: write and read, then compare all of the image and of the device. */
static void one_round(struct model *model, const struct area *area, const snap_id *id,
		      unsigned int stream)
{
	struct dev *image = dev_image(id, model->dev);
	uint32_t *seq = model_freeze(model);
	struct writer writers[WRITERS];
	struct reader readers[READERS];
	struct blk_snap_snapshot_status status;

	CHECK_EQ(image->sectors, model->dev->sectors);
	CHECK_EQ(image->block, model->dev->block);
	start_readers(readers, image, model, seq, area, stream);
	start_writers(writers, model, area, stream);
	writers_wait(writers, WRITERS);
	workers_stop();
	for (unsigned int i = 0; i < READERS; i++)
		CHECK(readers[i].sectors_read > 0);
	check_area(image, model, seq, area);
	REQUIRE_OK(snap_status(id, &status));
	CHECK_EQ(status.state, blk_snap_state_taken);
	CHECK(status.storage_filled > 0);
	dev_close(image);
	free(seq);
}

static void rounds_on(struct dev *dev, const struct dev *storage, uint64_t storage_first,
		      unsigned int rounds)
{
	struct model *model = model_new(dev);
	struct area area = area_of(dev);
	snap_id id;

	fill_area(model, &area);
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		snap_begin_one(&id, dev, storage, storage_first, STORAGE_SECTORS);
		one_round(model, &area, &id, round);
		REQUIRE_OK(snap_destroy(&id));
	}
	model_free(model);
}

static void disk(void)
{
	rounds_on(dev_disk(0), dev_storage_disk(), 0, 3);
}

/* The device ends with three sectors of a unit. */
static void odd_size(void)
{
	rounds_on(dev_loop(24 * MIB + 3 * SECTOR, 512), dev_storage_disk(), 0, 1);
}

static void blocks_of_4k(void)
{
	rounds_on(dev_loop(24 * MIB + 4096, 4096), dev_storage_disk(), 0, 2);
}

static void scsi_4k(void)
{
	rounds_on(dev_scsi("dev_size_mb=32 sector_size=4096 delay=0"), dev_storage_disk(), 0, 1);
}

static void null_multiqueue(void)
{
	rounds_on(dev_null("size=32 submit_queues=2 irqmode=1"), dev_storage_disk(), 0, 1);
}

/* Blocks of the storage larger than those of the image, whose last sectors are no whole block. */
static void storage_on_4k(void)
{
	struct dev *storage = dev_loop(STORAGE_SECTORS * SECTOR, 4096);

	rounds_on(dev_disk(0), storage, 0, 1);
	rounds_on(dev_loop(24 * MIB + 5 * SECTOR, 512), storage, 0, 1);
}

static void storage_on_same_device(void)
{
	struct dev *dev = dev_disk(0);
	struct area area = area_of(dev);

	/* From an odd sector on, behind the front and before the tail. */
	REQUIRE(area.front + 8 + STORAGE_SECTORS < area.tail_first);
	rounds_on(dev, dev, area.front + 5, 2);
}

/* The module's own writes must stay inside the ranges that it was given. */
static void fragmented_storage(void)
{
	enum { pieces = 700, spacing = 160 };
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev), *gaps = model_new(storage);
	struct area area = area_of(dev);
	range *ranges = xcalloc(pieces, sizeof(*ranges));
	struct rng rng;
	snap_id id;

	fill_area(model, &area);
	model_fill(gaps, 0, pieces * spacing);
	rng_init(&rng, 7);
	for (unsigned int i = 0; i < pieces; i++) {
		ranges[i].sector_count = 60 + rng_below(&rng, spacing - 60);
		ranges[i].sector_offset = i * spacing +
			rng_below(&rng, spacing - ranges[i].sector_count + 1);
		for (uint64_t s = 0; s < ranges[i].sector_count; s++)
			gaps->seq[ranges[i].sector_offset + s] = SEQ_UNKNOWN;
	}
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_append(&id, storage->id, ranges, pieces / 2));
	REQUIRE_OK(snap_take(&id));
	REQUIRE_OK(snap_append(&id, storage->id, ranges + pieces / 2, pieces - pieces / 2));
	one_round(model, &area, &id, 40);
	REQUIRE_OK(snap_destroy(&id));
	check_live(gaps, 0, pieces * spacing);
	free(ranges);
	model_free(model);
	model_free(gaps);
}

static void one_disk_round_with(const char *parameters)
{
	module_require(parameters);
	rounds_on(dev_disk(0), dev_storage_disk(), 0, 1);
}

static void smallest_chunks(void)
{
	one_disk_round_with("chunk_minimum_shift=12");
}

static void large_chunks(void)
{
	one_disk_round_with("chunk_minimum_shift=20");
}

/* Far more old data on their way than the module may hold in memory. */
static void little_copy_memory(void)
{
	one_disk_round_with("copy_memory_limit=4");
}

static void writing_child(const struct dev *dev, const struct area *area, bool buffered,
			  uint64_t stream)
{
	char *buffer = page_alloc(MIB);
	int fd = open(dev->path, O_WRONLY | (buffered ? 0 : O_DIRECT));
	struct rng rng;

	rng_init(&rng, stream);
	while (fd >= 0) {
		uint64_t sector, sectors;

		pick_extent(&rng, 0, area->front, MIB / SECTOR, 4096, &sector, &sectors);
		if (pwrite(fd, buffer, sectors * SECTOR, sector * SECTOR) < 0)
			_exit(1);
	}
	_exit(1);
}

/* A write of a process that is killed must still not reach the device uncopied. */
static void killed_writers(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct area area = area_of(dev);
	struct reader reader;
	uint32_t *seq;
	snap_id id;
	struct rng rng;

	rng_init(&rng, 99);
	fill_area(model, &area);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	for (unsigned int i = 0; i < 25; i++) {
		pid_t child = fork();
		int status;

		REQUIRE(child >= 0);
		if (!child)
			writing_child(dev, &area, i % 3 == 2, i);
		sleep_ms(1 + rng_below(&rng, 30));
		REQUIRE_EQ(kill(child, SIGKILL), 0);
		REQUIRE_EQ(waitpid(child, &status, 0), child);
		CHECK(WIFSIGNALED(status));
	}
	reader = (struct reader){ .image = image, .model = model, .seq = seq,
				  .count = area.front, .stream = 98 };
	worker_start(reader_run, &reader);
	check_image(image, model, seq, 0, area.front);
	check_image(image, model, seq, area.tail_first, area.tail);
	workers_stop();
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	free(seq);
	model_free(model);
}

/* Pages that the image cached must not outlive it: the next image has the same number. */
static void cached_pages_end_with_the_image(void)
{
	struct dev *dev = dev_loop(2 * MIB, 512), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	snap_id id;

	for (unsigned int round = 0; round < 5; round++) {
		struct dev *image;
		int fd;

		model_fill(model, 0, dev->sectors);
		snap_begin_one(&id, dev, storage, 0, 8 * MIB / SECTOR);
		image = dev_image(&id, dev);
		fd = dev_reopen(image, O_RDONLY);
		REQUIRE(fd >= 0);
		check_sectors(fd, image->path, model->tag, model->seq, 0, dev->sectors,
			      read_error_fails);
		close(fd);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
	}
	model_free(model);
}

static void read_only_by_default(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	void *buffer = page_alloc(4096);
	int read_only = 0, fd;
	snap_id id;

	CHECK_EQ(module_parameter("images_writable"), 0);
	model_fill(model, 0, 64);
	snap_begin_one(&id, dev, storage, 0, STORAGE_SECTORS);
	image = dev_image(&id, dev);
	CHECK_EQ(ioctl(image->fd, BLKROGET, &read_only), 0);
	CHECK_EQ(read_only, 1);
	fd = open(image->path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd >= 0) {
		CHECK_RESULT_IN(pwrite(fd, buffer, 4096, 0) < 0 ? -errno : 0, -EPERM, -EACCES,
				-EROFS);
		/* Nor may anybody make it writable. */
		read_only = 0;
		if (!ioctl(fd, BLKROSET, &read_only))
			CHECK(pwrite(fd, buffer, 4096, 0) < 0);
		close(fd);
	}
	check_image(image, model, model->seq, 0, 64);
	check_live(model, 0, 64);
	free(buffer);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "disk", disk, 180 },
		{ "odd_size", odd_size, 120 },
		{ "blocks_of_4k", blocks_of_4k, 120 },
		{ "scsi_4k", scsi_4k, 120 },
		{ "null_multiqueue", null_multiqueue, 120 },
		{ "storage_on_4k", storage_on_4k, 120 },
		{ "storage_on_same_device", storage_on_same_device, 120 },
		{ "fragmented_storage", fragmented_storage, 120 },
		{ "smallest_chunks", smallest_chunks, 120 },
		{ "large_chunks", large_chunks, 120 },
		{ "little_copy_memory", little_copy_memory, 120 },
		{ "killed_writers", killed_writers, 120 },
		{ "cached_pages_end_with_the_image", cached_pages_end_with_the_image, 60 },
		{ "read_only_by_default", read_only_by_default, 60 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
