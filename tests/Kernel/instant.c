// SPDX-License-Identifier: MIT
/*
 * The take is one instant while a writer runs: the image shows all writes up to
 * one moment and none after it.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define STORAGE_SECTORS (32 * MIB / SECTOR)

/* One device, one writer with one write at a time, every write in a log. */
#define LOG_AREA 8192
#define LOG_MAX 20000

struct logged_write {
	uint32_t first;
	uint32_t count;
};

struct logging_writer {
	struct dev *dev;
	uint32_t tag;
	struct logged_write *log;	/* write n is log[n], from 1 */
	atomic_uint issued;
	atomic_uint completed;
};

static void *write_and_log(void *argument)
{
	struct logging_writer *writer = argument;
	char *buffer = page_alloc(MIB);
	struct rng rng;

	rng_init(&rng, 31);
	for (uint32_t n = 1; n < LOG_MAX && !workers_stopping(); n++) {
		uint64_t first, count;

		pick_extent(&rng, 0, LOG_AREA, 512, writer->dev->block, &first, &count);
		for (uint64_t i = 0; i < count; i++)
			sector_encode(buffer + i * SECTOR, writer->tag, first + i, n);
		writer->log[n] = (struct logged_write){ first, count };
		atomic_store(&writer->issued, n);
		if (!CHECK_EQ(pwrite(writer->dev->fd, buffer, count * SECTOR, first * SECTOR),
			      count * SECTOR))
			break;
		atomic_store(&writer->completed, n);
	}
	free(buffer);
	return NULL;
}

/* The image must be the device after write n for one n, write n itself perhaps in part. */
static void check_is_prefix(struct dev *image, const struct logging_writer *writer, uint32_t low,
			    uint32_t high)
{
	char *buffer = page_alloc(LOG_AREA * SECTOR);
	uint32_t *want = xcalloc(LOG_AREA, sizeof(*want)), newest = 0;
	const struct logged_write *last;

	REQUIRE_EQ(pread(image->fd, buffer, LOG_AREA * SECTOR, 0), LOG_AREA * SECTOR);
	for (uint64_t s = 0; s < LOG_AREA; s++) {
		struct sector_label label = sector_decode(buffer + s * SECTOR);

		if (label.kind == sector_described && label.seq > newest)
			newest = label.seq;
	}
	CHECK_BETWEEN(newest, low, high);
	REQUIRE(newest < LOG_MAX);
	for (uint32_t n = 1; n < newest; n++)
		for (uint32_t i = 0; i < writer->log[n].count; i++)
			want[writer->log[n].first + i] = n;
	last = &writer->log[newest];
	for (uint64_t s = 0; s < LOG_AREA; s++) {
		bool in_last = newest && s >= last->first && s < last->first + last->count;
		uint32_t seq = want[s] ? want[s] : SEQ_ZERO;
		char text[120];

		if (sector_matches(buffer + s * SECTOR, writer->tag, s, seq) ||
		    (in_last && sector_matches(buffer + s * SECTOR, writer->tag, s, newest)))
			continue;
		sector_describe(buffer + s * SECTOR, text, sizeof(text));
		FAIL("sector %llu: want write %u, found %s; newest in the image is %u",
		     (unsigned long long)s, want[s], text, newest);
	}
	free(want);
	free(buffer);
}

static void zero_device(struct dev *dev, uint64_t sectors)
{
	void *zeroes = page_alloc(sectors * SECTOR);

	memset(zeroes, 0, sectors * SECTOR);
	REQUIRE_EQ(pwrite(dev->fd, zeroes, sectors * SECTOR, 0), sectors * SECTOR);
	free(zeroes);
}

static void running_writer_on(struct dev *dev, unsigned int takes)
{
	struct dev *storage = dev_storage_disk(), *image;
	struct logging_writer writer = { .dev = dev, .tag = 0x4c4f4700 };
	unsigned int middle = 0;
	struct rng rng;
	snap_id id;

	rng_init(&rng, 32);
	writer.log = xcalloc(LOG_MAX, sizeof(*writer.log));
	for (unsigned int take = 0; take < takes && !test_failed(); take++) {
		uint32_t low, high;

		zero_device(dev, LOG_AREA);
		atomic_store(&writer.issued, 0);
		atomic_store(&writer.completed, 0);
		REQUIRE_OK(snap_create(&dev->id, 1, &id));
		REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE_SECTORS));
		worker_start(write_and_log, &writer);
		sleep_ms(5 + rng_below(&rng, 60));
		low = atomic_load(&writer.completed);
		REQUIRE_OK(snap_take(&id));
		high = atomic_load(&writer.issued);
		sleep_ms(40);
		workers_stop();
		middle += low > 0 && atomic_load(&writer.issued) > high;
		image = dev_image(&id, dev);
		check_is_prefix(image, &writer, low, high);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
	}
	/* Takes before the first or after the last write prove nothing. */
	CHECK(test_failed() || middle > takes / 2);
	free(writer.log);
}

static void running_writer_on_disk(void)
{
	running_writer_on(dev_disk(0), 12);
}

static void running_writer_on_loop(void)
{
	running_writer_on(dev_loop(8 * MIB, 512), 6);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "running_writer_on_disk", running_writer_on_disk, 120 },
		{ "running_writer_on_loop", running_writer_on_loop, 120 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
