// SPDX-License-Identifier: MIT
/*
 * Writes from before a device is tracked, or from before it grew, that its driver still
 * has: the take waits for them. Drivers without a request queue, which count what they
 * have, by the device or partition that it came through. What holds the writes up is a
 * suspended device-mapper device below.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "workload.h"

#define AREA 2048
#define STORAGE 32768

static void array_release(struct dev *dev)
{
	/* What has looked at the device may have it open for a moment longer. */
	for (int tries = 0; ioctl(dev->fd, STOP_ARRAY, NULL); tries++) {
		if (errno != EBUSY || tries == 100) {
			FAIL("%s: STOP_ARRAY: %s", dev->path, strerror(errno));
			break;
		}
		sleep_ms(50);
	}
}

/* A RAID1 of one disk, with nothing about it stored there. */
static struct dev *array_new(const struct dev *below)
{
	static int next_number = 200;
	int number = next_number++, fd = -1;
	mdu_array_info_t array = {
		.level = 1, .nr_disks = 1, .raid_disks = 1, .md_minor = number,
		.not_persistent = 1, .state = 1 << MD_SB_CLEAN,
	};
	mdu_disk_info_t disk = {
		.major = below->id.mj, .minor = below->id.mn,
		.state = 1 << MD_DISK_ACTIVE | 1 << MD_DISK_SYNC,
	};
	char empty[64 * KIB] __attribute__((aligned(4096))) = "", path[32];
	struct dev *dev;

	if (system("modprobe -aq md-mod raid1; test -e /sys/module/md_mod/parameters/new_array"))
		test_skip("no RAID");
	/* No partition table. */
	REQUIRE_EQ(pwrite(below->fd, empty, sizeof(empty), 0), sizeof(empty));
	REQUIRE_EQ(command("echo md%d >/sys/module/md_mod/parameters/new_array", number), 0);
	snprintf(path, sizeof(path), "/dev/md%d", number);
	for (int tries = 0; fd < 0 && tries < 100; tries++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			sleep_ms(20);
	}
	REQUIRE(fd >= 0);
	REQUIRE_EQ(ioctl(fd, SET_ARRAY_INFO, &array), 0);
	REQUIRE_EQ(ioctl(fd, ADD_NEW_DISK, &disk), 0);
	REQUIRE_EQ(ioctl(fd, RUN_ARRAY, NULL), 0);
	dev = dev_open((dev_id){ MD_MAJOR, number }, O_RDWR | O_DIRECT);
	dev->release = array_release;
	close(fd);
	return dev;
}

struct held_write {
	struct model *model;
	uint64_t first;
};

static void *write_held(void *argument)
{
	struct held_write *held = argument;

	CHECK(model_write(held->model, held->first, 8));
	return NULL;
}

/* Begins a write, and waits until the driver has it. */
static void hold_write(struct held_write *held)
{
	const struct dev *dev = held->model->dev;
	unsigned int reads, writes = 0;
	char path[64];

	worker_start(write_held, held);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/inflight", dev->id.mj, dev->id.mn);
	for (int tries = 0; !writes && tries < 500; tries++) {
		FILE *file = fopen(path, "r");

		REQUIRE(file);
		REQUIRE_EQ(fscanf(file, "%u %u", &reads, &writes), 2);
		fclose(file);
		sleep_ms(20);
	}
	REQUIRE_EQ(writes, 1);
}

struct taker {
	snap_id id;
	atomic_bool done;
	int result;
};

static void *take_it(void *argument)
{
	struct taker *taker = argument;

	taker->result = snap_take(&taker->id);
	atomic_store(&taker->done, true);
	return NULL;
}

/* Long enough for a take that waits for nothing. */
static void expect_waiting(struct taker *taker)
{
	sleep_ms(2000);
	CHECK(!atomic_load(&taker->done));
}

static void expect_same(int fd, uint64_t first, int other, uint64_t other_first, uint64_t count)
{
	char *left = page_alloc(count * SECTOR), *right = page_alloc(count * SECTOR);

	REQUIRE_EQ(pread(fd, left, count * SECTOR, first * SECTOR), count * SECTOR);
	REQUIRE_EQ(pread(other, right, count * SECTOR, other_first * SECTOR), count * SECTOR);
	CHECK(!memcmp(left, right, count * SECTOR));
	free(left);
	free(right);
}

/*
 * A write to one device that is held up below, and a snapshot of one that has its
 * sectors, from @shift on.
 */
static void held_write(struct dev *below, struct dev *written, struct dev *taken, uint64_t shift)
{
	struct held_write held = { .model = model_new(written), .first = 16 };
	struct dev *storage = dev_storage_disk(), *image;
	struct taker taker = { .done = false };

	model_fill(held.model, 0, AREA);
	mapper_suspend(below);
	hold_write(&held);
	REQUIRE_OK(snap_create(&taken->id, 1, &taker.id));
	REQUIRE_OK(snap_append_one(&taker.id, storage->id, 0, STORAGE));
	worker_start(take_it, &taker);
	expect_waiting(&taker);
	mapper_resume(below);
	workers_join();
	REQUIRE_OK(taker.result);
	/* It came before the take. */
	image = dev_image(&taker.id, taken);
	check_live(held.model, 0, AREA);
	expect_same(image->fd, shift, written->fd, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&taker.id));
	model_free(held.model);
}

static void write_to_a_device(void)
{
	struct dev *below = mapper_linear(dev_disk(0)), *array = array_new(below);

	held_write(below, array, array, 0);
}

static void write_to_a_partition(void)
{
	struct dev *below = mapper_linear(dev_disk(0)), *array = array_new(below);
	struct dev *part = dev_partition(array, 1, 4096, 2 * AREA);

	held_write(below, part, part, 0);
}

/* It is counted for the partition that it came through, and not for the disk. */
static void write_through_a_partition(void)
{
	struct dev *below = mapper_linear(dev_disk(0)), *array = array_new(below), *part;

	dev_partition(array, 1, 512, 512);
	part = dev_partition(array, 2, 4096, 2 * AREA);
	held_write(below, part, array, 4096);
}

/*
 * A device has been waited for, another one is still, when the first grows and is written
 * there: its tracker does not see that, for it knows the old size.
 */
static void growth(void)
{
	struct dev *below[] = { mapper_linear(dev_disk(0)), mapper_linear(dev_disk(1)) };
	struct dev *dev[] = {
		mapper_new("0 %u linear %s 0", AREA, below[0]->path), mapper_linear(below[1]),
	};
	struct dev *storage = dev_storage_disk(), *image;
	struct held_write held[] = {
		{ .model = model_new(below[0]), .first = AREA + 16 },
		{ .model = model_new(dev[1]), .first = 16 },
	};
	const dev_id ids[] = { dev[0]->id, dev[1]->id };
	struct taker taker = { .done = false };

	/* The sectors that are still to come are filled from below. */
	model_fill(held[0].model, 0, 2 * AREA);
	held[0].model->dev = dev[0];
	model_fill(held[1].model, 0, AREA);
	mapper_suspend(below[1]);
	hold_write(&held[1]);
	REQUIRE_OK(snap_create(ids, 2, &taker.id));
	REQUIRE_OK(snap_append_one(&taker.id, storage->id, 0, STORAGE));
	/* In this time the first is through; were it not, the second write would be waited for with it. */
	sleep_ms(2000);
	mapper_swap(dev[0], "0 %u linear %s 0", 2 * AREA, below[0]->path);
	mapper_suspend(below[0]);
	hold_write(&held[0]);
	worker_start(take_it, &taker);
	expect_waiting(&taker);
	mapper_resume(below[1]);
	expect_waiting(&taker);
	mapper_resume(below[0]);
	workers_join();
	REQUIRE_OK(taker.result);
	image = dev_image(&taker.id, dev[0]);
	CHECK_EQ(image->sectors, 2 * AREA);
	check_live(held[0].model, 0, 2 * AREA);
	expect_same(image->fd, 0, dev[0]->fd, 0, 2 * AREA);
	dev_close(image);
	image = dev_image(&taker.id, dev[1]);
	expect_same(image->fd, 0, dev[1]->fd, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&taker.id));
	model_free(held[0].model);
	model_free(held[1].model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "write_to_a_device", write_to_a_device, 120 },
		{ "write_to_a_partition", write_to_a_partition, 120 },
		{ "write_through_a_partition", write_through_a_partition, 120 },
		{ "growth", growth, 120 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
