// SPDX-License-Identifier: MIT
/*
 * kill -9 of whoever uses the module: nothing leaks, no event is lost, no file
 * system stays frozen, no write waits for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "mounts.h"
#include "workload.h"

#define AREA 8192
#define STORAGE 65536

/* Starts a process of its own, with a control descriptor of its own. */
static pid_t child_start(void (*run)(void *), void *argument)
{
	pid_t child = fork();

	REQUIRE(child >= 0);
	if (child)
		return child;
	alarm(0);
	control_close();
	if (control_open())
		_exit(2);
	for (;;)
		run(argument);
}

/* It is gone at once, whatever it was doing. */
static void child_kill(pid_t child)
{
	int status;

	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Nobody that was killed keeps the module or a snapshot. */
static void expect_nothing_left(void)
{
	control_reset();
	REQUIRE_OK(module_unload());
	REQUIRE_OK(module_load(""));
}

static void wait_for_events(void *argument)
{
	struct blk_snap_snapshot_event event;

	snap_wait(argument, 60000, &event);
}

/* Waiters die all the time; an event that comes meanwhile is not lost with them. */
static void waiters(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct blk_snap_snapshot_event event;
	pid_t children[6];
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE));
	REQUIRE_OK(snap_take(&id));
	/* The event of the create is still there. */
	CHECK_RESULT(wait_for_event(&id, blk_snap_event_code_low_free_space, 10000, &event), 0);
	for (unsigned int round = 0; round < 15; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(children); i++)
			children[i] = child_start(wait_for_events, &id);
		sleep_ms(round * 4);
		for (unsigned int i = 0; i < ARRAY_SIZE(children); i++)
			child_kill(children[i]);
	}
	/* A signal is no event. */
	CHECK_RESULT(snap_wait(&id, 0, &event), -ENOENT);
	expect_nothing_left();
}

struct range_to_read {
	char path[64];
	int how;
};

static void read_image(void *argument)
{
	struct range_to_read *target = argument;
	int fd = open(target->path, O_RDONLY | (target->how ? 0 : O_DIRECT));
	static volatile char sum;
	char *buffer;

	if (fd < 0)
		_exit(3);
	buffer = target->how == 2 ? mmap(NULL, AREA * SECTOR, PROT_READ, MAP_SHARED, fd, 0)
				  : page_alloc(AREA * SECTOR);
	if (buffer == MAP_FAILED)
		_exit(3);
	for (;;) {
		if (target->how == 2)
			for (size_t i = 0; i < AREA * SECTOR; i += 4096)
				sum += buffer[i];
		else if (pread(fd, buffer, AREA * SECTOR, 0) != AREA * SECTOR)
			_exit(3);
		if (target->how)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
}

/* Direct, buffered and mapped readers of an image, while the device is written. */
static void image_readers(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct writer writer = { .model = model, .count = AREA, .limit = 256, .stream = 1 };
	struct range_to_read targets[3];
	pid_t children[ARRAY_SIZE(targets)];
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	worker_start(writer_run, &writer);
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++) {
			targets[i].how = i;
			snprintf(targets[i].path, sizeof(targets[i].path), "%s", image->path);
			children[i] = child_start(read_image, &targets[i]);
		}
		sleep_ms(5 + round * 3);
		for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++)
			child_kill(children[i]);
	}
	workers_stop();
	check_image(image, model, seq, 0, AREA);
	check_live(model, 0, AREA);
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
	expect_nothing_left();
	free(seq);
	model_free(model);
}

struct client {
	dev_id devices[2];
	dev_id storage;
};

/* The whole life of a snapshot, over and over. */
static void run_client(void *argument)
{
	struct client *client = argument;
	struct blk_snap_snapshot_event event;
	snap_id id;

	if (snap_create(client->devices, 2, &id))
		_exit(4);
	if (snap_append_one(&id, client->storage, 0, STORAGE) || snap_take(&id))
		_exit(5);
	snap_wait(&id, 0, &event);
	if (snap_destroy(&id))
		_exit(6);
}

/* Somewhere between create, append, take and destroy, and in the middle of them. */
static void clients(void)
{
	struct dev *disks[] = { dev_disk(0), dev_disk(1) }, *storage = dev_storage_disk();
	struct client client = { { disks[0]->id, disks[1]->id }, storage->id };
	unsigned int rounds = test_long() ? 400 : 40, left = 0;
	struct rng rng;

	rng_init(&rng, 71);
	make_file_system("ext4", disks[0], 48);
	mount_at(disks[0]->path, "live", "defaults");
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		uint32_t count = 8;
		pid_t child;
		snap_id ids[8];

		child = child_start(run_client, &client);
		/* A few lives, or the beginning of the first one. */
		sleep_ms(rng_below(&rng, round % 2 ? 400 : 60));
		child_kill(child);
		/* Not frozen, or this would not return. */
		write_file(MOUNTS "/live/file", "alive");
		CHECK_EQ(command("sync -f " MOUNTS "/live"), 0);
		REQUIRE_OK(snap_list(ids, &count));
		CHECK(count <= 1);
		left += count;
		for (uint32_t i = 0; i < count; i++)
			CHECK_RESULT(snap_destroy(&ids[i]), 0);
	}
	note("%u of %u clients left a snapshot behind", left, rounds);
	CHECK(left > 0);
	expect_nothing_left();
}

static void take_once(void *argument)
{
	snap_take(argument);
	pause();
}

/* A child takes a snapshot of a file system whose device stands still until it is resumed. */
static pid_t start_slow_take(struct dev *dev, snap_id *id)
{
	pid_t child;

	make_file_system("ext4", dev, 48);
	mount_at(dev->path, "live", "defaults");
	REQUIRE_OK(snap_create(&dev->id, 1, id));
	REQUIRE_OK(snap_append_one(id, dev_storage_disk()->id, 0, STORAGE));
	write_file(MOUNTS "/live/before", "to be written by the freeze");
	mapper_suspend(dev);
	child = child_start(take_once, id);
	sleep_ms(1500);
	return child;
}

static void *write_one_file(void *argument)
{
	write_file(MOUNTS "/live/during", "through");
	sync();
	atomic_store((atomic_bool *)argument, true);
	return NULL;
}

/*
 * A client that is killed while its take waits for a file system that takes long
 * to freeze: the file system works again as soon as its device does.
 */
static void client_in_a_slow_freeze(void)
{
	atomic_bool through = false;
	struct dev *dev;
	snap_id id;
	int status;
	pid_t child;

	dev = mapper_linear(dev_disk(0));
	child = start_slow_take(dev, &id);
	CHECK_EQ(kill(child, SIGKILL), 0);
	worker_start(write_one_file, &through);
	sleep_ms(500);
	mapper_resume(dev);
	CHECK_EQ(waitpid(child, &status, 0), child);
	workers_join();
	CHECK(atomic_load(&through));
	expect_file(MOUNTS "/live/during", "through");
	CHECK_RESULT_IN(snap_destroy(&id), 0, -ENODEV);
	unmount_all();
	expect_nothing_left();
}

static void ask_for_status(void *id)
{
	struct blk_snap_snapshot_status status;

	_exit(snap_status(id, &status) ? 1 : 0);
}

static void destroy_it(void *id)
{
	_exit(snap_destroy(id) ? 1 : 0);
}

/* Who asks for something while a take waits for a device can be killed meanwhile. */
static void clients_behind_a_slow_freeze(void)
{
	pid_t taker, waiting[2];
	struct dev *dev;
	snap_id id;
	int status;

	dev = mapper_linear(dev_disk(0));
	taker = start_slow_take(dev, &id);
	waiting[0] = child_start(ask_for_status, &id);
	waiting[1] = child_start(destroy_it, &id);
	sleep_ms(500);
	for (unsigned int i = 0; i < ARRAY_SIZE(waiting); i++) {
		pid_t ended = 0;

		CHECK_EQ(kill(waiting[i], SIGKILL), 0);
		for (unsigned int n = 0; n < 100 && !ended; n++) {
			ended = waitpid(waiting[i], &status, WNOHANG);
			if (!ended)
				sleep_ms(100);
		}
		/* Long before the take gives up. */
		CHECK_EQ(ended, waiting[i]);
		CHECK(ended && WIFSIGNALED(status));
	}
	CHECK_EQ(kill(taker, SIGKILL), 0);
	mapper_resume(dev);
	CHECK_EQ(waitpid(taker, &status, 0), taker);
	CHECK_RESULT(snap_destroy(&id), 0);
	unmount_all();
	expect_nothing_left();
}

#define SHARE (8 * MIB)

struct target {
	char path[64];
	bool direct;	/* each has its own share: both ways in one place do not go together */
};

static void write_device(void *argument)
{
	const struct target *target = argument;
	int fd = open(target->path, O_RDWR | (target->direct ? O_DIRECT : 0));
	char *buffer = page_alloc(MIB);

	memset(buffer, 0x5a, MIB);
	for (uint64_t n = 0;; n++) {
		if (pwrite(fd, buffer, MIB, target->direct * SHARE + n % 8 * MIB) != MIB)
			_exit(3);
		if (!target->direct && n % 4 == 3)
			fsync(fd);
	}
}

/* Writers die in the middle of copies; the image shows what was there before all of them. */
static void writers(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct target targets[2];
	unsigned int rounds = test_long() ? 100 : 12;
	uint32_t *seq;
	pid_t children[2];
	snap_id id;

	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		model_fill(model, 0, 2 * SHARE / SECTOR);
		snap_begin_one(&id, dev, storage, 0, STORAGE);
		seq = model_freeze(model);
		for (unsigned int i = 0; i < 2; i++) {
			targets[i].direct = i;
			snprintf(targets[i].path, sizeof(targets[i].path), "%s", dev->path);
			children[i] = child_start(write_device, &targets[i]);
		}
		sleep_ms(10 + round % 12 * 10);
		for (unsigned int i = 0; i < 2; i++)
			child_kill(children[i]);
		image = dev_image(&id, dev);
		check_image(image, model, seq, 0, 2 * SHARE / SECTOR);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
		/* What they left in the page cache must not come over the next fill. */
		CHECK_RESULT(fsync(dev->fd) ? -errno : 0, 0);
	}
	expect_nothing_left();
	model_free(model);
}

static void kill_cleanup(void)
{
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "waiters", waiters, 120 },
		{ "image_readers", image_readers, 120 },
		{ "clients", clients, 180 },
		{ "client_in_a_slow_freeze", client_in_a_slow_freeze, 150 },
		{ "clients_behind_a_slow_freeze", clients_behind_a_slow_freeze, 150 },
		{ "writers", writers, 150 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = kill_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
