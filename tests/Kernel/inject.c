// SPDX-License-Identifier: MIT
/*
 * Errors and delays under the original and under its storage. The result of a
 * write is the device's own, as it is without a snapshot; an image shows the
 * right data or an error and is lost once; nobody waits for ever.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "workload.h"

#define AREA 8192
#define STORAGE 65536
#define EVENT_MS 30000

static unsigned int events_lost(const snap_id *id, unsigned int timeout_ms)
{
	struct blk_snap_snapshot_event event;
	unsigned int count = 0;

	while (!wait_for_event(id, blk_snap_event_code_corrupted, count ? 300 : timeout_ms,
			       &event)) {
		CHECK_EQ(event_corrupted(&event).err_code, EIO);
		count++;
	}
	return count;
}

static bool snapshot_lost(const snap_id *id)
{
	struct blk_snap_snapshot_status status;

	REQUIRE_OK(snap_status(id, &status));
	return status.state == blk_snap_state_corrupted;
}

/* Two places that fail in an area, over a disk, and what is good. */
static const range good[] = { { 0, 1000 }, { 1003, 3000 }, { 4004, AREA - 4004 } };

static struct dev *with_bad_sectors(const struct dev *disk)
{
	return mapper_new("0 1000 linear %s 0\n1000 3 error\n1003 3000 linear %s 1003\n"
			  "4003 1 error\n4004 %u linear %s 4004", disk->path, disk->path,
			  AREA - 4004, disk->path);
}

/*
 * The same writes to two devices with the same bad sectors, one of them in a
 * snapshot: each has the same result on both, and both hold the same afterwards.
 */
static void results_are_the_devices(void)
{
	struct dev *dev[] = { with_bad_sectors(dev_disk(0)), with_bad_sectors(dev_disk(1)) };
	struct dev *storage = dev_storage_disk();
	char *buffer = page_alloc(AREA * SECTOR), *other = page_alloc(AREA * SECTOR);
	unsigned int failed = 0;
	struct rng rng;
	snap_id id;

	rng_init(&rng, 61);
	memset(buffer, 0, AREA * SECTOR);
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int k = 0; k < ARRAY_SIZE(good); k++)
			REQUIRE_EQ(pwrite(dev[i]->fd, buffer, good[k].sector_count * SECTOR,
					  good[k].sector_offset * SECTOR),
				   good[k].sector_count * SECTOR);
	snap_begin_one(&id, dev[0], storage, 0, STORAGE);
	for (unsigned int n = 0; n < 200 && !test_failed(); n++) {
		uint64_t first, count;
		ssize_t result[2];

		/* Every other one is near a bad sector. */
		pick_extent(&rng, n % 2 ? 0 : 992, n % 2 ? AREA : 20, 256, SECTOR, &first, &count);
		memset(buffer, n, count * SECTOR);
		for (unsigned int i = 0; i < 2; i++) {
			result[i] = pwrite(dev[i]->fd, buffer, count * SECTOR, first * SECTOR);
			if (result[i] < 0)
				result[i] = -errno;
		}
		if (result[0] != result[1])
			FAIL("write %u of %llu sectors at %llu: %zd, without a snapshot %zd", n,
			     (unsigned long long)count, (unsigned long long)first, result[0],
			     result[1]);
		failed += result[0] < 0;
	}
	CHECK_BETWEEN(failed, 10, 190);
	CHECK_EQ(events_lost(&id, EVENT_MS), 1);
	CHECK(snapshot_lost(&id));
	REQUIRE_OK(snap_destroy(&id));
	for (unsigned int k = 0; k < ARRAY_SIZE(good); k++) {
		size_t size = good[k].sector_count * SECTOR;

		REQUIRE_EQ(pread(dev[0]->fd, buffer, size, good[k].sector_offset * SECTOR), size);
		REQUIRE_EQ(pread(dev[1]->fd, other, size, good[k].sector_offset * SECTOR), size);
		CHECK(!memcmp(buffer, other, size));
	}
	free(buffer);
	free(other);
}

static void start(struct writer *writers, struct reader *readers, struct model *model,
		  struct dev *image, const uint32_t *seq, bool writes_fail, bool reads_fail)
{
	for (unsigned int i = 0; i < 2; i++) {
		writers[i] = (struct writer){ .model = model, .first = i * AREA / 2,
					      .count = AREA / 2, .limit = 256, .stream = i,
					      .may_fail = writes_fail };
		readers[i] = (struct reader){ .image = image, .model = model, .seq = seq,
					      .count = AREA, .sequential = i, .buffered = i,
					      .errors = reads_fail ? read_error_allowed
								   : read_error_fails,
					      .stream = 10 + i };
		worker_start(writer_run, &writers[i]);
		worker_start(reader_run, &readers[i]);
	}
}

/* A device that fails for a second, works for a second, and so on. */
static void flaky(bool is_original)
{
	struct dev *disk = dev_disk(0), *last = dev_storage_disk(), *dev, *storage, *flaky, *image;
	struct writer writers[2];
	struct reader readers[2];
	struct model *model;
	uint32_t *seq;
	snap_id id;

	mapper_needs("flakey");
	flaky = mapper_linear(is_original ? disk : last);
	dev = is_original ? flaky : disk;
	storage = is_original ? last : flaky;
	model = model_new(dev);
	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	mapper_swap(flaky, "0 %llu flakey %s 0 1 1", (unsigned long long)flaky->sectors,
		    is_original ? disk->path : last->path);
	/* The first writes copy nearly everything: storage has to fail from the beginning. */
	if (!is_original)
		sleep_ms(1050);
	start(writers, readers, model, image, seq, is_original, true);
	sleep_ms(2500);
	mapper_mend(flaky, is_original ? disk : last);
	workers_stop();
	CHECK_EQ(events_lost(&id, 300), snapshot_lost(&id));
	check_sectors(image->fd, image->path, model->tag, seq, 0, AREA, read_error_allowed);
	check_live(model, 0, AREA);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(writers[i].done > writers[i].failed);
		CHECK(!is_original || writers[i].failed);
	}
	note("%u writes of %u failed; the image %s", writers[0].failed + writers[1].failed,
	     writers[0].done + writers[1].done, snapshot_lost(&id) ? "is lost" : "is good");
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	free(seq);
	model_free(model);
}

static void flaky_original(void)
{
	flaky(true);
}

static void flaky_storage(void)
{
	flaky(false);
}

/* Slow, but right: the image stays good, and writers get on. */
static void slow(bool is_original, const char *parameters)
{
	struct dev *disk = dev_disk(0), *last = dev_storage_disk(), *below, *slow, *image;
	struct dev *dev, *storage;
	struct writer writers[2];
	struct reader readers[2];
	struct model *model;
	uint32_t *seq;
	snap_id id;

	mapper_needs("delay");
	module_require(parameters);
	below = is_original ? disk : last;
	slow = mapper_linear(below);
	dev = is_original ? slow : disk;
	storage = is_original ? last : slow;
	model = model_new(dev);
	model_fill(model, 0, AREA);
	mapper_swap(slow, "0 %llu delay %s 0 50 %s 0 100", (unsigned long long)slow->sectors,
		    below->path, below->path);
	for (unsigned int round = 0; round < 2; round++) {
		struct blk_snap_snapshot_status status;

		/* The second take is under load. */
		REQUIRE_OK(snap_create(&dev->id, 1, &id));
		REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE));
		REQUIRE_OK(snap_take(&id));
		REQUIRE_OK(snap_status(&id, &status));
		seq = model_freeze(model);
		image = dev_image(&id, dev);
		start(writers, readers, model, image, seq, false, false);
		sleep_ms(1500);
		workers_stop();
		for (unsigned int i = 0; i < 2; i++)
			CHECK(writers[i].done > 0 && readers[i].sectors_read > 0);
		check_image(image, model, seq, 0, AREA);
		check_live(model, 0, AREA);
		CHECK(!snapshot_lost(&id));
		note("%u writes in 1.5 s", writers[0].done + writers[1].done);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
	}
	model_free(model);
}

static void slow_original(void)
{
	slow(true, "");
}

static void slow_storage(void)
{
	slow(false, "");
}

static void slow_storage_and_little_memory(void)
{
	slow(false, "copy_memory_limit=1");
}

struct destroyer {
	snap_id id;
	atomic_bool done;
};

static void *destroy_it(void *argument)
{
	struct destroyer *destroyer = argument;

	CHECK_RESULT(snap_destroy(&destroyer->id), 0);
	atomic_store(&destroyer->done, true);
	return NULL;
}

/*
 * Storage that answers nothing for a while: writes go on as far as there is
 * memory, the image is right, and a destroy ends as soon as the storage is back.
 */
static void stalled_storage(void)
{
	struct dev *dev = dev_disk(0), *storage = mapper_linear(dev_storage_disk()), *image;
	struct model *model = model_new(dev);
	struct destroyer destroyer = { .done = false };
	uint32_t *seq;

	model_fill(model, 0, AREA);
	for (unsigned int round = 0; round < 2; round++) {
		snap_begin_one(&destroyer.id, dev, storage, 0, STORAGE);
		seq = model_freeze(model);
		image = dev_image(&destroyer.id, dev);
		REQUIRE(model_write(model, 0, 256));
		mapper_suspend(storage);
		/* 2 MiB of old data find room in memory. */
		REQUIRE(model_write(model, 512, 4096));
		check_sectors(image->fd, image->path, model->tag, seq, 512, 4096, read_error_fails);
		check_live(model, 0, AREA);
		if (round) {
			dev_close(image);
			worker_start(destroy_it, &destroyer);
			sleep_ms(500);
			mapper_resume(storage);
			workers_join();
			CHECK(atomic_load(&destroyer.done));
		} else {
			mapper_resume(storage);
			check_image(image, model, seq, 0, AREA);
			CHECK(!snapshot_lost(&destroyer.id));
			dev_close(image);
			REQUIRE_OK(snap_destroy(&destroyer.id));
		}
		free(seq);
	}
	model_free(model);
}

static void *write_once(void *argument)
{
	REQUIRE(model_write(argument, 0, 8));
	return NULL;
}

/*
 * A write that does not end: the take gives up, says so, and leaves nothing
 * behind; the write itself ends when the device lets it.
 */
static void take_gives_up(void)
{
	struct dev *disks[2], *storage;
	struct model *model, *second;
	dev_id ids[2];
	int result;
	snap_id id;

	/* Writes under way have as long as a file system has to freeze. */
	module_require("freeze_timeout_ms=4000");
	disks[0] = mapper_linear(dev_disk(0));
	disks[1] = dev_disk(1);
	storage = dev_storage_disk();
	model = model_new(disks[0]);
	second = model_new(disks[1]);
	ids[0] = disks[1]->id;
	ids[1] = disks[0]->id;
	/* Tracked already: a first create would wait for the write, too. */
	snap_begin(&id, disks, 2, storage, 0, STORAGE);
	REQUIRE_OK(snap_destroy(&id));
	mapper_suspend(disks[0]);
	worker_start(write_once, model);
	sleep_ms(300);
	result = snap_create(ids, 2, &id);
	if (!result) {
		REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE));
		result = snap_take(&id);
	}
	CHECK_RESULT(result, -ETIMEDOUT);
	/* The other device was let go. */
	REQUIRE(model_write(second, 0, 8));
	mapper_resume(disks[0]);
	workers_join();
	check_live(model, 0, 8);
	CHECK_RESULT_IN(snap_destroy(&id), 0, -ENODEV);
	snap_begin(&id, disks, 2, storage, 0, STORAGE);
	REQUIRE_OK(snap_destroy(&id));
	model_free(model);
	model_free(second);
}

struct late_read {
	struct dev *image;
	const struct model *model;
	const uint32_t *seq;
	long result;
};

static void *read_late(void *argument)
{
	struct late_read *read = argument;

	read->result = check_sectors(read->image->fd, "image", read->model->tag, read->seq, 0, 8,
				     read_error_allowed);
	return NULL;
}

static void *destroy_one(void *id)
{
	CHECK_RESULT(snap_destroy(id), 0);
	return NULL;
}

/*
 * An image is being read from its original when the snapshot ends, and the original is
 * overwritten at once: the reader gets what was there at the take, or an error.
 */
static void read_across_the_end(void)
{
	struct dev *disk = dev_disk(0), *dev, *storage = dev_storage_disk();
	struct late_read late;
	struct model *model;
	snap_id id;

	mapper_needs("delay");
	dev = mapper_linear(disk);
	model = model_new(dev);
	model_fill(model, 0, 8);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	late = (struct late_read){ .model = model, .seq = model_freeze(model) };
	late.image = dev_image(&id, dev);
	/* Reads take long to begin, writes do not. */
	mapper_swap(dev, "0 %llu delay %s 0 4000 %s 0 0", (unsigned long long)dev->sectors,
		    disk->path, disk->path);
	worker_start(read_late, &late);
	sleep_ms(1000);
	worker_start(destroy_one, &id);
	sleep_ms(1000);
	CHECK(model_write(model, 0, 8));
	workers_join();
	note("the read ended with %ld", late.result);
	dev_close(late.image);
	mapper_mend(dev, disk);
	check_live(model, 0, 8);
	free((void *)late.seq);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "results_are_the_devices", results_are_the_devices, 120 },
		{ "flaky_original", flaky_original, 120 },
		{ "flaky_storage", flaky_storage, 120 },
		{ "slow_original", slow_original, 180 },
		{ "slow_storage", slow_storage, 180 },
		{ "slow_storage_and_little_memory", slow_storage_and_little_memory, 180 },
		{ "stalled_storage", stalled_storage, 120 },
		{ "take_gives_up", take_gives_up, 235 },
		{ "read_across_the_end", read_across_the_end, 120 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
