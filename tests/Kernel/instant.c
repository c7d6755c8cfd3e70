// SPDX-License-Identifier: MIT
/*
 * The take is one instant while writers run: the image shows all writes up to
 * one moment and none after it, on one device and across devices.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

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

/*
 * Two devices: a writer writes n to the first and, only when that is done, n to
 * the second. An image set must never have n on the second without the first.
 */
#define SLOTS 256
#define SLOT_SECTORS 8

struct ordered_writer {
	struct dev *first;
	struct dev *second;
	uint64_t base;		/* sector of its slots, on both devices */
	uint32_t tag;
	atomic_uint completed;
	atomic_uint issued;
};

static void *write_in_order(void *argument)
{
	struct ordered_writer *writer = argument;
	char *buffer = page_alloc(SECTOR);
	int first = dev_reopen(writer->first, O_RDWR | O_DIRECT | O_DSYNC);
	int second = dev_reopen(writer->second, O_RDWR | O_DIRECT | O_DSYNC);

	for (uint32_t n = 1; first >= 0 && second >= 0 && !workers_stopping(); n++) {
		uint64_t sector = writer->base + n % SLOTS * SLOT_SECTORS;

		sector_encode(buffer, writer->tag, sector, n);
		atomic_store(&writer->issued, n);
		if (!CHECK_EQ(pwrite(first, buffer, SECTOR, sector * SECTOR), SECTOR) ||
		    !CHECK_EQ(pwrite(second, buffer, SECTOR, sector * SECTOR), SECTOR))
			break;
		atomic_store(&writer->completed, n);
	}
	close(first);
	close(second);
	free(buffer);
	return NULL;
}

/* The newest n in an image; every slot must be as after write n. */
static uint32_t newest_in_order(struct dev *image, const struct ordered_writer *writer)
{
	size_t size = SLOTS * SLOT_SECTORS * SECTOR;
	char *buffer = page_alloc(size);
	uint32_t newest = 0;

	REQUIRE_EQ(pread(image->fd, buffer, size, writer->base * SECTOR), size);
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		struct sector_label label = sector_decode(buffer + slot * SLOT_SECTORS * SECTOR);

		if (label.kind == sector_described && label.tag == writer->tag &&
		    label.seq > newest)
			newest = label.seq;
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		uint32_t n = newest - (newest - slot) % SLOTS;
		uint64_t sector = writer->base + slot * SLOT_SECTORS;

		if (newest < slot || n == 0 || n > newest)
			n = SEQ_ZERO;
		if (!sector_matches(buffer + slot * SLOT_SECTORS * SECTOR, writer->tag, sector, n))
			FAIL("%s, slot %u: not write %u, the newest is %u", image->path, slot, n,
			     newest);
	}
	free(buffer);
	return newest;
}

/* Devices between the two, so busy that it takes a while to get their writes done. */
#define BUSY_SECTORS 4096

static void keep_busy(struct writer *writer, struct dev *dev, uint64_t stream)
{
	struct model *model = model_new(dev);

	model_fill(model, 0, BUSY_SECTORS);
	*writer = (struct writer){ .model = model, .mode = write_aio, .count = BUSY_SECTORS,
				   .limit = BUSY_SECTORS / 8, .stream = stream };
	worker_start(writer_run, writer);
}

static void ordered_across(struct dev *a, struct dev *b, unsigned int busy, unsigned int takes)
{
	struct dev *storage = dev_storage_disk();
	struct ordered_writer writers[] = {
		{ .first = a, .second = b, .base = 0, .tag = 0xab },
		{ .first = b, .second = a, .base = SLOTS * SLOT_SECTORS, .tag = 0xba },
	};
	struct writer busy_writers[4];
	unsigned int between = 0;
	struct rng rng;
	dev_id ids[6];
	snap_id id;

	rng_init(&rng, 33);
	zero_device(a, 2 * SLOTS * SLOT_SECTORS);
	zero_device(b, 2 * SLOTS * SLOT_SECTORS);
	for (unsigned int i = 0; i < busy; i++) {
		struct dev *dev = dev_loop(BUSY_SECTORS * SECTOR, 512);

		ids[i + 1] = dev->id;
		keep_busy(&busy_writers[i], dev, 40 + i);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(writers); i++)
		worker_start(write_in_order, &writers[i]);
	for (unsigned int take = 0; take < takes && !test_failed(); take++) {
		uint32_t low[2], high[2];
		struct dev *image_a, *image_b;

		ids[0] = take % 2 ? b->id : a->id;
		ids[busy + 1] = take % 2 ? a->id : b->id;
		REQUIRE_OK(snap_create(ids, busy + 2, &id));
		REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE_SECTORS));
		sleep_ms(rng_below(&rng, 20));
		for (unsigned int i = 0; i < 2; i++)
			low[i] = atomic_load(&writers[i].completed);
		REQUIRE_OK(snap_take(&id));
		for (unsigned int i = 0; i < 2; i++)
			high[i] = atomic_load(&writers[i].issued);
		image_a = dev_image(&id, a);
		image_b = dev_image(&id, b);
		for (unsigned int i = 0; i < 2; i++) {
			uint32_t first, second;

			first = newest_in_order(i ? image_b : image_a, &writers[i]);
			second = newest_in_order(i ? image_a : image_b, &writers[i]);
			CHECK_BETWEEN(first, low[i], high[i]);
			CHECK_BETWEEN(second, low[i], high[i]);
			if (second > first)
				FAIL("take %u: write %u is on the second device, but only %u on "
				     "the first", take, second, first);
			if (first > second + 1)
				FAIL("take %u: write %u is on the first device, but only %u on "
				     "the second", take, first, second);
			between += first == second + 1;
		}
		dev_close(image_a);
		dev_close(image_b);
		REQUIRE_OK(snap_destroy(&id));
	}
	workers_stop();
	for (unsigned int i = 0; i < busy; i++) {
		check_live(busy_writers[i].model, 0, BUSY_SECTORS);
		model_free(busy_writers[i].model);
	}
	note("%u of %u images were taken between a write and its successor", between, 2 * takes);
	CHECK(atomic_load(&writers[0].completed) > takes);
}

static void order_across_disks(void)
{
	ordered_across(dev_disk(0), dev_disk(1), 0, 20);
}

static void order_across_disk_and_loop(void)
{
	ordered_across(dev_disk(0), dev_loop(8 * MIB, 512), 0, 12);
}

static void order_across_busy_devices(void)
{
	ordered_across(dev_disk(0), dev_disk(1), 3, 20);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "running_writer_on_disk", running_writer_on_disk, 120 },
		{ "running_writer_on_loop", running_writer_on_loop, 120 },
		{ "order_across_disks", order_across_disks, 120 },
		{ "order_across_disk_and_loop", order_across_disk_and_loop, 120 },
		{ "order_across_busy_devices", order_across_busy_devices, 150 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
