// SPDX-License-Identifier: MIT
/* Events: which come, when, in which order, and to whom. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define MINIMUM 16384 /* sectors that an event asks for, here */
#define EVENT_MS 10000
#define UNIT 8

static struct blk_snap_snapshot_status status_of(const snap_id *id)
{
	struct blk_snap_snapshot_status status;

	REQUIRE_OK(snap_status(id, &status));
	return status;
}

static uint64_t free_sectors(const snap_id *id)
{
	struct blk_snap_snapshot_status status = status_of(id);

	return status.storage_capacity - status.storage_filled;
}

/* Writes whole fresh units, so that the storage fills by just as much. */
static void fill_storage(struct model *model, const snap_id *id, uint64_t *next, uint64_t sectors)
{
	uint64_t want = status_of(id).storage_filled + sectors;

	REQUIRE(*next + sectors <= model->dev->sectors);
	model_fill(model, *next, sectors);
	*next += sectors;
	for (unsigned int tries = 0; tries < 500; tries++) {
		if (status_of(id).storage_filled >= want)
			break;
		sleep_ms(10);
	}
	REQUIRE_EQ(status_of(id).storage_filled, want);
}

/* The event that every snapshot starts with. */
static void initial(void)
{
	struct dev *dev = dev_disk(0);
	struct blk_snap_snapshot_event event;
	int64_t before = now_ns();
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	memset(&event, 0xaa, sizeof(event));
	event.id = id;
	event.timeout_ms = 1234;
	REQUIRE_OK(control(IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT, &event));
	CHECK_EQ(event.code, blk_snap_event_code_low_free_space);
	CHECK_EQ(event_requested(&event), MINIMUM);
	CHECK_BETWEEN(event.time_label, before, now_ns());
	CHECK(same_id(&event.id, &id));
	CHECK_EQ(event.timeout_ms, 1234);
	for (size_t i = sizeof(uint64_t); i < sizeof(event.data); i++)
		if (!CHECK_EQ(event.data[i], 0))
			break;
	CHECK_RESULT(snap_wait(&id, 0, &event), -ENOENT);
	CHECK_EQ(status_of(&id).storage_requested, MINIMUM);
}

static void low_space_mark(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct blk_snap_snapshot_event event;
	uint64_t next = 0, asked = MINIMUM;
	int64_t previous = 0;
	/* What is appended each time, and the mark that follows from what is free then. */
	static const struct { uint32_t append, mark; } steps[] = {
		{ MINIMUM, MINIMUM / 2 },
		{ 1024, 0 /* half of what is free */ },
		{ 2 * MINIMUM, MINIMUM / 2 },
		{ 512, 0 },
	};
	uint64_t place = 0;
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_wait(&id, EVENT_MS, &event));
	previous = event.time_label;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t mark, free_now;

		REQUIRE_OK(snap_append_one(&id, storage->id, place, steps[i].append));
		place += steps[i].append;
		if (!i)
			REQUIRE_OK(snap_take(&id));
		mark = status_of(&id).low_space_mark;
		free_now = free_sectors(&id);
		CHECK_EQ(mark, free_now / 2 < MINIMUM / 2 ? free_now / 2 : MINIMUM / 2);
		if (steps[i].mark)
			CHECK_EQ(mark, steps[i].mark);
		/* Down to one unit above the mark: silence. */
		mark -= mark % UNIT;
		fill_storage(model, &id, &next, free_now - mark - UNIT);
		CHECK_RESULT(snap_wait(&id, 50, &event), -ENOENT);
		/* On the mark: one event, not two. */
		fill_storage(model, &id, &next, UNIT);
		REQUIRE_OK(snap_wait(&id, EVENT_MS, &event));
		CHECK_EQ(event.code, blk_snap_event_code_low_free_space);
		CHECK_EQ(event_requested(&event), MINIMUM);
		CHECK_BETWEEN(event.time_label, previous, now_ns());
		previous = event.time_label;
		asked += event_requested(&event);
		CHECK_EQ(status_of(&id).storage_requested, asked);
		fill_storage(model, &id, &next, 4 * UNIT);
		CHECK_RESULT(snap_wait(&id, 50, &event), -ENOENT);
	}
	model_free(model);
}

static void expect_low(const snap_id *id, unsigned int timeout_ms, int result)
{
	struct blk_snap_snapshot_event event;

	if (CHECK_RESULT(snap_wait(id, timeout_ms, &event), result) && !result)
		CHECK_EQ(event.code, blk_snap_event_code_low_free_space);
}

/* A mark of the snapshot's own, above the usual one and below it. */
static void own_mark(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	uint64_t next = 0;
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	expect_low(&id, EVENT_MS, 0);
	/* Nothing is there to run low, and the event of the create has asked. */
	REQUIRE_OK(snap_set_low_space(&id, 3 * MINIMUM / 4));
	expect_low(&id, 50, -ENOENT);
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, MINIMUM));
	CHECK_EQ(status_of(&id).low_space_mark, 3 * MINIMUM / 4);
	REQUIRE_OK(snap_take(&id));
	fill_storage(model, &id, &next, MINIMUM / 4 - UNIT);
	expect_low(&id, 50, -ENOENT);
	fill_storage(model, &id, &next, UNIT);
	expect_low(&id, EVENT_MS, 0);
	/* It has asked: a higher mark does not make it ask again, an append does. */
	REQUIRE_OK(snap_set_low_space(&id, 2 * MINIMUM));
	expect_low(&id, 50, -ENOENT);
	REQUIRE_OK(snap_append_one(&id, storage->id, MINIMUM, 1024));
	CHECK_EQ(status_of(&id).low_space_mark, 2 * MINIMUM);
	fill_storage(model, &id, &next, UNIT);
	expect_low(&id, EVENT_MS, 0);
	/* A lower one arms it again. */
	REQUIRE_OK(snap_set_low_space(&id, UNIT));
	fill_storage(model, &id, &next, free_sectors(&id) - 2 * UNIT);
	expect_low(&id, 50, -ENOENT);
	/* What is not free any more when the mark is set is asked for at once. */
	REQUIRE_OK(snap_set_low_space(&id, 2 * UNIT));
	expect_low(&id, EVENT_MS, 0);
	/* And back to the usual one. */
	REQUIRE_OK(snap_set_low_space(&id, 0));
	REQUIRE_OK(snap_append_one(&id, storage->id, 2 * MINIMUM, 2 * MINIMUM));
	CHECK_EQ(status_of(&id).low_space_mark, MINIMUM / 2);
	expect_low(&id, 50, -ENOENT);
	model_free(model);
}

/* First in, first out: the warning before the loss. */
static void order(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct blk_snap_snapshot_event event;
	int64_t previous = 0;
	static const uint32_t codes[] = {
		blk_snap_event_code_low_free_space,
		blk_snap_event_code_low_free_space,
		blk_snap_event_code_corrupted,
	};
	snap_id id;

	model_fill(model, 0, 4096);
	snap_begin_one(&id, dev, storage, 0, 1024);
	model_fill(model, 0, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		REQUIRE_OK(snap_wait(&id, EVENT_MS, &event));
		CHECK_EQ(event.code, codes[i]);
		CHECK(event.time_label >= previous);
		previous = event.time_label;
	}
	for (size_t i = sizeof(struct blk_snap_event_corrupted); i < sizeof(event.data); i++)
		if (!CHECK_EQ(event.data[i], 0))
			break;
	CHECK_RESULT(snap_wait(&id, 200, &event), -ENOENT);
	model_free(model);
}

/* Growing in time rescues the snapshot, however often it is necessary. */
static void append_rescues(void)
{
	enum { appends = 12 };
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct blk_snap_snapshot_event event;
	uint64_t area = appends * 4096ULL, next = 0;
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, area);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_wait(&id, 0, &event));
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, 4096));
	REQUIRE_OK(snap_take(&id));
	seq = model_freeze(model);
	for (unsigned int i = 1; i < appends; i++) {
		fill_storage(model, &id, &next, 4096 - (i == 1 ? 1024 : 0));
		REQUIRE_OK(snap_wait(&id, EVENT_MS, &event));
		CHECK_EQ(event.code, blk_snap_event_code_low_free_space);
		REQUIRE_OK(snap_append_one(&id, storage->id, i * 4096, 4096));
	}
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, area);
	CHECK_EQ(status_of(&id).state, blk_snap_state_taken);
	free(seq);
	model_free(model);
}

static void timeouts(void)
{
	struct dev *dev = dev_disk(0);
	struct blk_snap_snapshot_event event;
	static const uint32_t wanted[] = { 0, 1, 300, 1500 };
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_wait(&id, 0, &event));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		int64_t start = now_ns(), ms;

		CHECK_RESULT(snap_wait(&id, wanted[i], &event), -ENOENT);
		ms = (now_ns() - start + 500000) / 1000000;
		/* Milliseconds taken for ticks would be four times as long at least. */
		CHECK_BETWEEN(ms, wanted[i], wanted[i] * 2 + 1000);
	}
}

/* An event that cannot be delivered is not lost. */
static void bad_buffer_keeps_the_event(void)
{
	struct dev *dev = dev_disk(0);
	struct blk_snap_snapshot_event *event;
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	event = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(event != MAP_FAILED);
	event->id = id;
	REQUIRE_EQ(mprotect(event, 8192, PROT_READ), 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_RESULT(control(IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT, event), -EINVAL);
	REQUIRE_EQ(mprotect(event, 8192, PROT_READ | PROT_WRITE), 0);
	CHECK_RESULT(snap_wait(&id, 0, event), 0);
	CHECK_EQ(event->code, blk_snap_event_code_low_free_space);
	CHECK_RESULT(snap_wait(&id, 0, event), -ENOENT);
	munmap(event, 8192);
}

struct waiter {
	snap_id id;
	uint32_t timeout_ms;
	pthread_t thread;
	atomic_int result;	/* 1: still waiting */
	atomic_bool started;
};

static void *wait_once(void *argument)
{
	struct waiter *waiter = argument;
	struct blk_snap_snapshot_event event;

	waiter->thread = pthread_self();
	atomic_store(&waiter->started, true);
	atomic_store(&waiter->result, snap_wait(&waiter->id, waiter->timeout_ms, &event));
	return NULL;
}

static void start_waiters(struct waiter *waiters, unsigned int count, const snap_id *id)
{
	for (unsigned int i = 0; i < count; i++) {
		waiters[i].id = *id;
		waiters[i].timeout_ms = 50000;
		atomic_store(&waiters[i].result, 1);
		atomic_store(&waiters[i].started, false);
		worker_start(wait_once, &waiters[i]);
	}
	for (unsigned int i = 0; i < count; i++)
		while (!atomic_load(&waiters[i].started))
			sleep_ms(5);
	sleep_ms(200);
	for (unsigned int i = 0; i < count; i++)
		CHECK_EQ(atomic_load(&waiters[i].result), 1);
}

static void expect_result(struct waiter *waiter, int result)
{
	int64_t end = now_ns() + 10000000000LL;

	while (atomic_load(&waiter->result) == 1 && now_ns() < end)
		sleep_ms(5);
	CHECK_RESULT(atomic_load(&waiter->result), result);
}

static void destroy_wakes_waiters(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct blk_snap_snapshot_event event;
	struct waiter waiters[3];
	snap_id id;

	for (unsigned int taken = 0; taken < 2; taken++) {
		REQUIRE_OK(snap_create(&dev->id, 1, &id));
		REQUIRE_OK(snap_wait(&id, 0, &event));
		if (taken) {
			REQUIRE_OK(snap_append_one(&id, storage->id, 0, 65536));
			REQUIRE_OK(snap_take(&id));
		}
		start_waiters(waiters, ARRAY_SIZE(waiters), &id);
		REQUIRE_OK(snap_destroy(&id));
		for (unsigned int i = 0; i < ARRAY_SIZE(waiters); i++)
			expect_result(&waiters[i], -ESRCH);
		workers_join();
		CHECK_RESULT(snap_wait(&id, 0, &event), -ESRCH);
		/* Nothing of it is left: the device is free at once. */
		REQUIRE_OK(snap_create(&dev->id, 1, &id));
		REQUIRE_OK(snap_destroy(&id));
	}
}

static void on_signal(int number)
{
	(void)number;
}

static void signal_interrupts(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct blk_snap_snapshot_event event;
	struct dev *dev = dev_disk(0);
	struct waiter waiter;
	snap_id id;

	REQUIRE_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_wait(&id, 0, &event));
	start_waiters(&waiter, 1, &id);
	REQUIRE_EQ(pthread_kill(waiter.thread, SIGUSR1), 0);
	expect_result(&waiter, -EINTR);
	workers_join();
	CHECK_RESULT(snap_wait(&id, 0, &event), -ENOENT);
}

/* A waiter that sleeps is woken by the event, long before its timeout. */
static void event_wakes_waiter(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct blk_snap_snapshot_event event;
	struct waiter waiter;
	uint64_t next = 0;
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	REQUIRE_OK(snap_wait(&id, 0, &event));
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, 2048));
	REQUIRE_OK(snap_take(&id));
	start_waiters(&waiter, 1, &id);
	fill_storage(model, &id, &next, 1536);
	expect_result(&waiter, 0);
	workers_join();
	model_free(model);
}

struct competitor {
	snap_id id;
	int64_t labels[64];
	unsigned int count;
	int last_result;
};

static void *compete(void *argument)
{
	struct competitor *competitor = argument;
	struct blk_snap_snapshot_event event;
	int result;

	while (!(result = snap_wait(&competitor->id, 50000, &event)))
		if (competitor->count < ARRAY_SIZE(competitor->labels))
			competitor->labels[competitor->count++] = event.time_label;
	competitor->last_result = result;
	return NULL;
}

/* Two who wait for the same snapshot: each event goes to one of them. */
static void competitors_share(void)
{
	enum { rounds = 20 };
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	struct competitor competitors[2] = { 0 };
	uint64_t next = 0;
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	for (unsigned int i = 0; i < 2; i++) {
		competitors[i].id = id;
		worker_start(compete, &competitors[i]);
	}
	for (unsigned int i = 0; i < rounds; i++) {
		REQUIRE_OK(snap_append_one(&id, storage->id, i * 1024, 1024));
		if (!i)
			REQUIRE_OK(snap_take(&id));
		fill_storage(model, &id, &next, free_sectors(&id) * 3 / 4 / UNIT * UNIT);
	}
	sleep_ms(300);
	REQUIRE_OK(snap_destroy(&id));
	workers_join();
	CHECK_EQ(competitors[0].count + competitors[1].count, rounds + 1);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_RESULT(competitors[i].last_result, -ESRCH);
		for (unsigned int k = 1; k < competitors[i].count; k++)
			CHECK(competitors[i].labels[k] > competitors[i].labels[k - 1]);
	}
	for (unsigned int i = 0; i < competitors[0].count; i++)
		for (unsigned int k = 0; k < competitors[1].count; k++)
			CHECK(competitors[0].labels[i] != competitors[1].labels[k]);
	model_free(model);
}

/* Events of one snapshot do not go to the waiter of another. */
static void snapshots_have_their_own(void)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) };
	struct blk_snap_snapshot_event event;
	snap_id id[2];

	for (unsigned int i = 0; i < 2; i++)
		REQUIRE_OK(snap_create(&dev[i]->id, 1, &id[i]));
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_RESULT(snap_wait(&id[i], 0, &event), 0);
		CHECK_RESULT(snap_wait(&id[i], 0, &event), -ENOENT);
	}
}

/* Small requests, so that little data make many events. */
static void events_setup(void)
{
	module_setup();
	module_require("diff_storage_minimum=16384");
	REQUIRE_EQ(module_parameter("diff_storage_minimum"), MINIMUM);
}

static void events_cleanup(void)
{
	control_reset();
	devices_release();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "initial", initial, 30 },
		{ "low_space_mark", low_space_mark, 90 },
		{ "own_mark", own_mark, 90 },
		{ "order", order, 60 },
		{ "append_rescues", append_rescues, 90 },
		{ "timeouts", timeouts, 60 },
		{ "bad_buffer_keeps_the_event", bad_buffer_keeps_the_event, 30 },
		{ "destroy_wakes_waiters", destroy_wakes_waiters, 90 },
		{ "signal_interrupts", signal_interrupts, 60 },
		{ "event_wakes_waiter", event_wakes_waiter, 60 },
		{ "competitors_share", competitors_share, 90 },
		{ "snapshots_have_their_own", snapshots_have_their_own, 30 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = events_setup,
		.cleanup = events_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
