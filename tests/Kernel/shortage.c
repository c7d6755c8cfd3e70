// SPDX-License-Identifier: MIT
/*
 * Many allocations of the module fail while it works, those of its workers included, on a
 * kernel that makes them fail on demand. No write of the device fails; an image is right,
 * or lost, once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "module.h"
#include "workload.h"

#define AREA 4096
#define STORAGE 65536
#define EVENT_MS 30000

static bool snapshot_lost(const snap_id *id)
{
	struct blk_snap_snapshot_status status;

	REQUIRE_OK(snap_status(id, &status));
	return status.state == blk_snap_state_corrupted;
}

static unsigned int events_lost(const snap_id *id)
{
	unsigned int timeout = snapshot_lost(id) ? EVENT_MS : 300, count = 0;
	struct blk_snap_snapshot_event event;

	while (!wait_for_event(id, blk_snap_event_code_corrupted, timeout, &event)) {
		count++;
		timeout = 300;
	}
	return count;
}

/* Writers of all kinds, none of which may see an error, and readers of the image. */
static void write_and_read(struct model *model, const char *kind, const char *other,
			   unsigned int percent)
{
	static const enum write_mode modes[] = { write_direct, write_nowait, write_aio, write_buffered };
	struct writer writers[ARRAY_SIZE(modes)];
	struct dev *dev = model->dev, *storage = dev_storage_disk(), *image;
	struct reader readers[2];
	snap_id id;
	uint32_t *seq;
	bool lost;

	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	faults_begin(kind, percent);
	if (other)
		faults_begin(other, percent);
	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		writers[i] = (struct writer){ .model = model, .mode = modes[i], .first = i * AREA,
					      .count = AREA, .limit = 256, .writes = 60,
					      .stream = i };
		worker_start(writer_run, &writers[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader){ .image = image, .model = model, .seq = seq,
					      .count = ARRAY_SIZE(modes) * AREA, .sequential = i,
					      .buffered = i, .errors = read_error_allowed,
					      .stream = 10 + i };
		worker_start(reader_run, &readers[i]);
	}
	writers_wait(writers, ARRAY_SIZE(writers));
	workers_stop();
	faults_end(kind);
	if (other)
		faults_end(other);

	lost = snapshot_lost(&id);
	CHECK_EQ(events_lost(&id), lost);
	check_sectors(image->fd, image->path, model->tag, seq, 0, ARRAY_SIZE(modes) * AREA,
		      lost ? read_error_allowed : read_error_fails);
	check_live(model, 0, ARRAY_SIZE(modes) * AREA);
	note("%u %% fail: the image is %s, %llu sectors of it were read", percent,
	     lost ? "lost" : "good",
	     (unsigned long long)(readers[0].sectors_read + readers[1].sectors_read));
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	free(seq);
}

static void under_load(const char *kind, const char *other)
{
	static const unsigned int percents[] = { 1, 20, 100 };
	struct model *model;

	faults_need();
	model = model_new(dev_disk(0));
	for (unsigned int i = 0; i < ARRAY_SIZE(percents); i++) {
		model_fill(model, 0, 4 * AREA);
		write_and_read(model, kind, other, percents[i]);
	}
	model_free(model);
}

static void small_objects(void)
{
	under_load(FAULT_OBJECTS, NULL);
}

static void pages(void)
{
	under_load(FAULT_PAGES, NULL);
}

static void everything(void)
{
	under_load(FAULT_OBJECTS, FAULT_PAGES);
}

/* Create, append and take; workers of the kernel have a part in them. */
static void takes(void)
{
	struct dev *dev = dev_disk(0), *other = dev_disk(1), *storage = dev_storage_disk();
	struct model *model;
	unsigned int good = 0, failed = 0;
	int result;
	snap_id id;

	faults_need();
	model = model_new(dev);
	model_fill(model, 0, AREA);
	for (unsigned int round = 0; round < 40 && !test_failed(); round++) {
		/* A take makes hundreds of allocations: some rounds are to get through. */
		unsigned int n = 1U << round % 4;
		uint32_t count = 0;

		faults_begin_rare(FAULT_OBJECTS, n);
		faults_begin_rare(FAULT_PAGES, n);
		result = snap_create((dev_id[]){ dev->id, other->id }, 2, &id);
		model_write(model, round * 8, 8);
		if (!result)
			result = snap_append_one(&id, storage->id, 0, STORAGE);
		if (!result)
			result = snap_take(&id);
		model_write(model, round * 16, 100);
		faults_end(FAULT_OBJECTS);
		faults_end(FAULT_PAGES);
		/* The kernel says EINVAL when it finds no memory for the name of a disk. */
		CHECK_RESULT_IN(result, 0, -ENOMEM, -EINVAL);
		good += !result;
		failed += !!result;
		check_live(model, 0, AREA);
		control_reset();
		CHECK_RESULT(snap_list(NULL, &count), 0);
		CHECK_EQ(count, 0);
	}
	note("%u snapshots were taken, %u were not", good, failed);
	CHECK(good && failed);
	model_free(model);
}

/* The storage answers some writes with an error: the image is lost, and nothing else. */
static void storage_requests(void)
{
	struct dev *storage = dev_storage_disk();
	struct model *model;

	faults_need();
	model = model_new(dev_disk(0));
	model_fill(model, 0, 4 * AREA);
	REQUIRE_EQ(command("echo 1 >/sys/block/%s/make-it-fail", strrchr(storage->path, '/') + 1),
		   0);
	write_and_read(model, FAULT_REQUESTS, NULL, 5);
	command("echo 0 >/sys/block/%s/make-it-fail", strrchr(storage->path, '/') + 1);
	model_free(model);
}

static void shortage_cleanup(void)
{
	faults_reset();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "small_objects", small_objects, 120 },
		{ "pages", pages, 120 },
		{ "everything", everything, 120 },
		{ "takes", takes, 120 },
		{ "storage_requests", storage_requests, 60 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = shortage_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
