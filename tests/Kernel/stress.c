// SPDX-License-Identifier: MIT
/*
 * Everything at once from many threads: takes and destroys, lists, appends,
 * waits, reads and writes of images and devices. What an image shows must not
 * change while it is there, no write may fail, every waiter comes back, and the
 * devices hold in the end what was written to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define AREA 8192
#define SHARE 131072		/* of the storage disk, for each snapshot that may live */
#define OWNERS 2
#define DEVICES 4
#define PIECE 256		/* sectors that an image reader looks at */

/* The snapshots that live now, for threads that only look. */
static struct {
	pthread_mutex_t lock;
	snap_id ids[OWNERS];
	bool taken[OWNERS];
} living = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct owner {
	unsigned int number;
	struct dev **devices;		/* two of them */
	const struct dev *storage;
	unsigned int rounds;
};

static void publish(unsigned int number, const snap_id *id, bool taken)
{
	pthread_mutex_lock(&living.lock);
	if (id)
		living.ids[number] = *id;
	living.taken[number] = taken;
	pthread_mutex_unlock(&living.lock);
}

static bool pick_living(struct rng *rng, snap_id *id)
{
	unsigned int number = rng_below(rng, OWNERS);
	bool taken;

	pthread_mutex_lock(&living.lock);
	*id = living.ids[number];
	taken = living.taken[number];
	pthread_mutex_unlock(&living.lock);
	return taken;
}

/* Creates, takes and destroys, sometimes without the take, sometimes with a new tracker. */
static void *own_snapshots(void *argument)
{
	struct owner *owner = argument;
	uint64_t place = owner->number * SHARE;
	struct rng rng;

	rng_init(&rng, 100 + owner->number);
	while (!workers_stopping() && !test_failed()) {
		unsigned int first = rng_below(&rng, 2), count = 1 + rng_below(&rng, 2);
		dev_id ids[2] = { owner->devices[first]->id, owner->devices[1 - first]->id };
		snap_id id;

		if (!CHECK_RESULT(snap_create(ids, count, &id), 0))
			break;
		CHECK_RESULT(snap_append_one(&id, owner->storage->id, 2048 + place, SHARE / 2), 0);
		if (rng_below(&rng, 8)) {
			CHECK_RESULT(snap_take(&id), 0);
			publish(owner->number, &id, true);
			sleep_ms(rng_below(&rng, 150));
			publish(owner->number, NULL, false);
		}
		CHECK_RESULT(snap_destroy(&id), 0);
		if (!rng_below(&rng, 5))
			CHECK_RESULT(tracker_remove(ids[0]), 0);
		owner->rounds++;
	}
	return NULL;
}

/* What threads count that look at snapshots of others. */
struct looker {
	unsigned int number;
	const struct dev *storage;
	uint32_t buffered;	/* tag of the device that is written through the page cache */
	atomic_uint *done;
	atomic_uint *ended;	/* answers that the snapshot is gone */
};

static void *append_storage(void *argument)
{
	struct looker *looker = argument;
	uint64_t next = OWNERS * SHARE + 4096;
	struct rng rng;
	snap_id id;

	rng_init(&rng, 110);
	while (!workers_stopping()) {
		int result;

		sleep_ms(5);
		if (!pick_living(&rng, &id))
			continue;
		/* Ranges of snapshots that are gone are free again. */
		result = snap_append_one(&id, looker->storage->id, next, 64);
		CHECK_RESULT_IN(result, 0, -ESRCH, -EBUSY);
		next = next + 128 < looker->storage->sectors - 4096 ? next + 128
								    : OWNERS * SHARE + 4096;
		atomic_fetch_add(result ? looker->ended : looker->done, 1);
	}
	return NULL;
}

static void *wait_for_events(void *argument)
{
	struct looker *looker = argument;
	struct rng rng;
	snap_id id;

	rng_init(&rng, 120 + looker->number);
	while (!workers_stopping()) {
		struct blk_snap_snapshot_event event;
		int result;

		if (!pick_living(&rng, &id)) {
			sleep_ms(2);
			continue;
		}
		result = snap_wait(&id, rng_below(&rng, 400), &event);
		CHECK_RESULT_IN(result, 0, -ENOENT, -ESRCH);
		if (!result)
			CHECK_EQ(event.code, blk_snap_event_code_low_free_space);
		atomic_fetch_add(result == -ESRCH ? looker->ended : looker->done, 1);
	}
	return NULL;
}

static void *list_everything(void *argument)
{
	struct looker *looker = argument;
	struct rng rng;
	snap_id id;

	rng_init(&rng, 130);
	while (!workers_stopping()) {
		struct blk_snap_device_status devices[4];
		struct blk_snap_snapshot_status status;
		struct blk_snap_storage_range ranges[64];
		struct blk_snap_image_info images[4];
		struct blk_snap_cbt_info infos[16];
		unsigned char map[256];
		uint32_t count = ARRAY_SIZE(infos);

		CHECK_RESULT(tracker_list(infos, &count), 0);
		for (uint32_t i = 0; i < count; i++)
			CHECK_RESULT_IN(tracker_read_map(infos[i].dev_id, 0, 64, map) < 0, 0, 1);
		if (pick_living(&rng, &id)) {
			uint32_t n = ARRAY_SIZE(images), k = ARRAY_SIZE(devices);
			uint32_t m = ARRAY_SIZE(ranges);
			int result = snap_status(&id, &status);

			CHECK_RESULT_IN(result, 0, -ESRCH);
			if (!result) {
				CHECK_EQ(status.error, 0);
				CHECK(status.state != blk_snap_state_corrupted);
			}
			CHECK_RESULT_IN(snap_images(&id, images, &n), 0, -ESRCH, -ENODEV);
			CHECK_RESULT_IN(snap_devices(&id, devices, &k), 0, -ESRCH);
			CHECK_RESULT_IN(snap_storage(&id, ranges, &m), 0, -ESRCH, -ENOBUFS);
		}
		atomic_fetch_add(looker->done, 1);
		sleep_ms(1);
	}
	return NULL;
}

/* Reads a place of an image again and again: as long as it can be read it is the same. */
static void *read_images(void *argument)
{
	struct looker *looker = argument;
	char *first = page_alloc(PIECE * SECTOR), *again = page_alloc(PIECE * SECTOR);
	struct rng rng;
	snap_id id;

	rng_init(&rng, 140 + looker->number);
	while (!workers_stopping() && !test_failed()) {
		struct blk_snap_image_info images[2];
		uint32_t count = ARRAY_SIZE(images), tag;
		uint64_t sector = rng_below(&rng, (AREA - PIECE) / 8) * 8;
		char link[64], target[256], path[300];
		ssize_t length;
		int fd;

		sleep_ms(1);
		if (!pick_living(&rng, &id) || snap_images(&id, images, &count))
			continue;
		snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", images[0].image_dev_id.mj,
			 images[0].image_dev_id.mn);
		length = readlink(link, target, sizeof(target) - 1);
		if (length <= 0)
			continue;
		target[length] = 0;
		snprintf(path, sizeof(path), "/dev/%s", strrchr(target, '/') + 1);
		fd = open(path, O_RDONLY | O_CLOEXEC | (looker->number ? O_DIRECT : 0));
		if (fd < 0)
			continue;
		tag = images[0].orig_dev_id.mj << 20 | images[0].orig_dev_id.mn;
		for (unsigned int n = 0; n < 10; n++) {
			struct sector_label label;

			if (pread(fd, n ? again : first, PIECE * SECTOR, sector * SECTOR) !=
			    PIECE * SECTOR)
				break;
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			if (n && memcmp(first, again, PIECE * SECTOR))
				FAIL("%s has changed at sector %llu", path,
				     (unsigned long long)sector);
			label = sector_decode(first + n * SECTOR);
			/*
			 * A page that is written to while it is written out leaves a part of each
			 * on the disk. The number may meanwhile be the image of another device.
			 */
			if ((label.kind != sector_described &&
			     !(label.kind == sector_torn && label.tag == looker->buffered)) ||
			    label.sector != sector + n) {
				char text[160];

				sector_describe(first + n * SECTOR, text, sizeof(text));
				FAIL("%s, image of %08x, sector %llu: %s", path, tag,
				     (unsigned long long)sector + n, text);
			}
			atomic_fetch_add(label.tag == tag ? looker->done : looker->ended, 1);
			sleep_ms(rng_below(&rng, 8));
		}
		close(fd);
	}
	free(first);
	free(again);
	return NULL;
}

static bool all_done(const atomic_uint *done, unsigned int count)
{
	while (count)
		if (!atomic_load(&done[--count]))
			return false;
	return true;
}

static void everything(void)
{
	struct dev *devices[DEVICES] = { dev_disk(0), dev_loop(8 * MIB, 512), dev_disk(1),
					 dev_disk(2) };
	static const enum write_mode modes[DEVICES] = { write_direct, write_aio, write_nowait,
							write_buffered };
	struct dev *storage = dev_storage_disk();
	atomic_uint done[6] = { 0 }, ended[6] = { 0 };
	struct looker lookers[6];
	void *(*runs[])(void *) = { append_storage, wait_for_events, wait_for_events,
				    list_everything, read_images, read_images };
	struct owner owners[OWNERS];
	struct writer writers[DEVICES];
	struct model *models[DEVICES];

	for (unsigned int i = 0; i < DEVICES; i++) {
		models[i] = model_new(devices[i]);
		model_fill(models[i], 0, AREA);
		writers[i] = (struct writer){ .model = models[i], .mode = modes[i], .count = AREA,
					      .limit = 64, .stream = i };
		worker_start(writer_run, &writers[i]);
	}
	for (unsigned int i = 0; i < OWNERS; i++) {
		owners[i] = (struct owner){ .number = i, .devices = &devices[2 * i],
					    .storage = storage };
		worker_start(own_snapshots, &owners[i]);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(runs); i++) {
		lookers[i] = (struct looker){ .number = i % 2, .storage = storage,
					      .buffered = models[DEVICES - 1]->tag,
					      .done = &done[i], .ended = &ended[i] };
		worker_start(runs[i], &lookers[i]);
	}
	/* Until all of them have got something done, too, on a slow machine. */
	for (unsigned int n = 0; (n < (test_long() ? 600 : 30) || !all_done(done, ARRAY_SIZE(done))) && !test_failed(); n++)
		sleep_ms(500);
	workers_stop();
	for (unsigned int i = 0; i < DEVICES; i++) {
		CHECK(writers[i].done > 3);
		check_live(models[i], 0, AREA);
		model_free(models[i]);
	}
	CHECK(all_done(done, ARRAY_SIZE(done)));
	for (unsigned int i = 0; i < OWNERS; i++)
		CHECK(owners[i].rounds > 3);
	note("%u and %u snapshots, %u appends, %u events or timeouts, %u waits ended by a destroy, "
	     "%u reads of images", owners[0].rounds, owners[1].rounds, done[0], done[1] + done[2],
	     ended[1] + ended[2], done[4] + done[5]);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "everything", everything, 200 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
