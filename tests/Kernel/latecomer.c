// SPDX-License-Identifier: MIT
/*
 * Late writers: a task on its way into the block layer, scheduled away at the moment when
 * its device becomes tracked, must not write to the device after the take unseen. Writers
 * that hardly ever get a processor make such tasks; the image, read while they are held
 * up, must be the same when they have gone on.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define WRITERS 24
#define HOGS 4
#define ROUNDS 6
#define STORAGE_SECTORS (32 * MIB / SECTOR)
#define TAG 0x1a7e

struct late_writer {
	struct dev *dev;
	uint64_t first;
	uint64_t count;
	atomic_uint writes;
};

/* Long enough for a take that does not wait; one that does would wait for very long. */
#define HOGS_NS 700000000LL

static atomic_llong hogs_until;

static void *hog(void *argument)
{
	(void)argument;
	/* Far more than the writers get, and less than everybody else. */
	setpriority(PRIO_PROCESS, gettid(), 10);
	while (!workers_stopping()) {
		if (now_ns() < atomic_load(&hogs_until))
			for (volatile unsigned int i = 0; i < 100000; i++)
				;
		else
			sleep_ms(1);
	}
	return NULL;
}

static void *write_late(void *argument)
{
	struct late_writer *writer = argument;
	struct sched_param parameter = { 0 };
	size_t size = writer->count * SECTOR;
	char *buffer = page_alloc(size);
	int fd = dev_reopen(writer->dev, O_RDWR | O_DIRECT);

	CHECK_EQ(sched_setscheduler(0, SCHED_IDLE, &parameter), 0);
	while (fd >= 0 && !workers_stopping()) {
		uint32_t seq = sequence_next();

		for (uint64_t i = 0; i < writer->count; i++)
			sector_encode(buffer + i * SECTOR, TAG, writer->first + i, seq);
		if (!CHECK_EQ(pwrite(fd, buffer, size, writer->first * SECTOR), size))
			break;
		/* A task that never sleeps is waited for until a tick of the clock finds it in user space. */
		if (atomic_fetch_add(&writer->writes, 1) % 4 == 3)
			usleep(100);
	}
	close(fd);
	free(buffer);
	return NULL;
}

static void read_image(struct dev *image, char *buffer, size_t size)
{
	REQUIRE_EQ(pread(image->fd, buffer, size, 0), size);
}

static void compare(const char *before, const char *after, uint64_t sectors, unsigned int round)
{
	for (uint64_t s = 0; s < sectors; s++) {
		char text[2][120];

		if (!memcmp(before + s * SECTOR, after + s * SECTOR, SECTOR))
			continue;
		sector_describe(before + s * SECTOR, text[0], sizeof(text[0]));
		sector_describe(after + s * SECTOR, text[1], sizeof(text[1]));
		FAIL("round %u: sector %llu of the image was %s, and is %s", round,
		     (unsigned long long)s, text[0], text[1]);
		return;
	}
}

/* Each round begins with a device that is not tracked, and writers in all places. */
static void late_writers_of(struct dev *dev, uint64_t write_sectors)
{
	struct dev *storage = dev_storage_disk(), *image;
	uint64_t sectors = WRITERS * write_sectors;
	char *before = page_alloc(sectors * SECTOR), *after = page_alloc(sectors * SECTOR);
	struct late_writer *writers = xcalloc(WRITERS, sizeof(*writers));
	unsigned int writes = 0;
	int64_t begin, slowest = 0;
	snap_id id;

	for (unsigned int i = 0; i < WRITERS; i++) {
		writers[i] = (struct late_writer){ .dev = dev, .first = i * write_sectors,
						   .count = write_sectors };
		worker_start(write_late, &writers[i]);
	}
	for (unsigned int i = 0; i < HOGS; i++)
		worker_start(hog, NULL);
	for (unsigned int round = 0; round < ROUNDS && !test_failed(); round++) {
		atomic_store(&hogs_until, INT64_MAX);
		sleep_ms(50 + 7 * round);
		begin = now_ns();
		atomic_store(&hogs_until, begin + HOGS_NS);
		REQUIRE_OK(snap_create(&dev->id, 1, &id));
		REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE_SECTORS));
		REQUIRE_OK(snap_take(&id));
		if (now_ns() - begin > slowest)
			slowest = now_ns() - begin;
		image = dev_image(&id, dev);
		read_image(image, before, sectors * SECTOR);
		atomic_store(&hogs_until, 0);
		sleep_ms(200);
		read_image(image, after, sectors * SECTOR);
		compare(before, after, sectors, round);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		REQUIRE_OK(tracker_remove(dev->id));
	}
	for (unsigned int i = 0; i < WRITERS; i++)
		writes += atomic_load(&writers[i].writes);
	note("%u writes; slowest create and take %lld ms", writes, (long long)slowest / 1000000);
	CHECK(test_failed() || writes > WRITERS);
	workers_stop();
	free(writers);
	free(after);
	free(before);
}

static void late_writers_of_disk(void)
{
	late_writers_of(dev_disk(0), 8);
}

static void late_writers_of_loop(void)
{
	late_writers_of(dev_loop(64 * MIB, 512), 8);
}

/* A driver without a request queue. */
static void late_writers_of_zram(void)
{
	late_writers_of(dev_zram(64 * MIB), 8);
}

/* Writes that the block layer splits: what is left of one waits in its task. */
static void late_split_writes(void)
{
	late_writers_of(dev_null("memory_backed=1 size=128 max_sectors=8 blocksize=512"), 256);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "late_writers_of_disk", late_writers_of_disk, 300 },
		{ "late_writers_of_loop", late_writers_of_loop, 300 },
		{ "late_writers_of_zram", late_writers_of_zram, 300 },
		{ "late_split_writes", late_split_writes, 300 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
