// SPDX-License-Identifier: MIT
/*
 * Each allocation of every request fails once, on a kernel that makes them fail on demand.
 * The request succeeds all the same, or says that there is no memory and changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "module.h"
#include "workload.h"

#define HELD "/dev/shm/held"
#define MODULE_COPY "/dev/shm/module.ko"
#define STORAGE 65536

/* More than any request has: then the kernel does not count as it should. */
#define ALLOCATIONS_MAX 20000

struct scene {
	struct dev *dev[2], *storage;
	snap_id id;
	int fd;
};

/*
 * A request, again and again, with another allocation that fails, until it has fewer.
 * check() looks at what is there after each, and puts everything back.
 */
static void each_allocation_from(unsigned int first, const char *what, struct scene *scene,
				 void (*before)(struct scene *), int (*request)(struct scene *),
				 void (*check)(struct scene *, int result))
{
	unsigned int n, failures = 0;
	bool failed;

	for (n = first; n < ALLOCATIONS_MAX && !test_failed(); n++) {
		int result;

		before(scene);
		fail_nth(n);
		result = request(scene);
		failed = !fail_nth_end();
		failures += result < 0;
		/* The kernel says EINVAL when it finds no memory for the name of a disk. */
		if (result && (!failed || (result != -ENOMEM && result != -EINVAL)))
			FAIL("%s: allocation %u %s, and the result is %d (%s)", what, n,
			     failed ? "failed" : "was not reached", result, strerror(-result));
		check(scene, result);
		if (!failed)
			break;
	}
	CHECK_BETWEEN(n, 1, ALLOCATIONS_MAX - 1);
	note("%s: each of %u allocations failed once, the request %u times", what, n - first,
	     failures);
}

static void each_allocation(const char *what, struct scene *scene, void (*before)(struct scene *),
			    int (*request)(struct scene *),
			    void (*check)(struct scene *, int result))
{
	each_allocation_from(1, what, scene, before, request, check);
}

static void set_the_scene(struct scene *scene)
{
	faults_need();
	*scene = (struct scene){ .dev = { dev_disk(0), dev_disk(1) },
				 .storage = dev_storage_disk(), .fd = -1 };
}

static uint32_t snapshots(void)
{
	uint32_t count = 0;

	REQUIRE_OK(snap_list(NULL, &count));
	return count;
}

static void write_once(struct dev *dev)
{
	void *buffer = page_alloc(4096);

	memset(buffer, 1, 4096);
	CHECK_EQ(pwrite(dev->fd, buffer, 4096, 8192), 4096);
	free(buffer);
}

static void nothing(struct scene *scene)
{
	(void)scene;
}

static int create(struct scene *scene)
{
	return snap_create((dev_id[]){ scene->dev[0]->id, scene->dev[1]->id }, 2, &scene->id);
}

static void after_create(struct scene *scene, int result)
{
	CHECK_EQ(snapshots(), result ? 0 : 1);
	write_once(scene->dev[0]);
	/* Trackers may stay; they would save the next one some allocations. */
	control_reset();
}

static void creating(void)
{
	struct scene scene;

	set_the_scene(&scene);
	each_allocation("create", &scene, nothing, create, after_create);
}

static void created(struct scene *scene)
{
	REQUIRE_OK(create(scene));
}

static int append(struct scene *scene)
{
	const range ranges[] = { { 0, 1000 }, { 1000, 24 }, { 2048, STORAGE - 2048 } };

	return snap_append(&scene->id, scene->storage->id, ranges, ARRAY_SIZE(ranges));
}

static void after_append(struct scene *scene, int result)
{
	struct blk_snap_snapshot_status status;

	REQUIRE_OK(snap_status(&scene->id, &status));
	CHECK_EQ(status.range_count, result ? 0 : 3);
	CHECK_EQ(status.storage_capacity, result ? 0 : STORAGE - 1024);
	/* None of it is taken. */
	if (result)
		CHECK_RESULT(append(scene), 0);
	REQUIRE_OK(snap_destroy(&scene->id));
}

static void appending(void)
{
	struct scene scene;

	set_the_scene(&scene);
	each_allocation("append", &scene, created, append, after_append);
}

static void created_with_file(struct scene *scene)
{
	int fd = open(HELD, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	REQUIRE_EQ(write(fd, "abc", 3), 3);
	close(fd);
	scene->fd = open(HELD, O_RDONLY | O_CLOEXEC);
	REQUIRE(scene->fd >= 0);
	created(scene);
}

static int hold_file(struct scene *scene)
{
	return snap_hold_file(&scene->id, scene->fd);
}

static void after_hold_file(struct scene *scene, int result)
{
	int fd;

	close(scene->fd);
	fd = open(HELD, O_WRONLY | O_CLOEXEC);
	CHECK_EQ(fd >= 0, !!result);
	if (fd >= 0)
		close(fd);
	REQUIRE_OK(snap_destroy(&scene->id));
	CHECK_EQ(unlink(HELD), 0);
}

static void holding_files(void)
{
	struct scene scene;

	set_the_scene(&scene);
	each_allocation("hold file", &scene, created_with_file, hold_file, after_hold_file);
}

static void appended(struct scene *scene)
{
	created(scene);
	REQUIRE_OK(append(scene));
}

static int take(struct scene *scene)
{
	return snap_take(&scene->id);
}

/* One that could not be taken is gone; one without its images is there. */
static void after_take(struct scene *scene, int result)
{
	struct blk_snap_image_info images[2];
	struct blk_snap_snapshot_status status;
	uint32_t count = 2, missing = 0;

	for (unsigned int i = 0; i < 2; i++)
		write_once(scene->dev[i]);
	if (!snapshots()) {
		CHECK(result);
		return;
	}
	REQUIRE_OK(snap_status(&scene->id, &status));
	CHECK_EQ(status.state, blk_snap_state_taken);
	REQUIRE_OK(snap_images(&scene->id, images, &count));
	REQUIRE_EQ(count, 2);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(same_device(images[i].orig_dev_id, scene->dev[i]->id));
		if (images[i].image_dev_id.mj)
			dev_close(dev_image(&scene->id, scene->dev[i]));
		else
			missing++;
	}
	CHECK_EQ(missing != 0, !!result);
	REQUIRE_OK(snap_destroy(&scene->id));
}

static void taking(void)
{
	struct scene scene;

	set_the_scene(&scene);
	each_allocation("take", &scene, appended, take, after_take);
}

static void taken(struct scene *scene)
{
	appended(scene);
	REQUIRE_OK(take(scene));
}

static int destroy(struct scene *scene)
{
	return snap_destroy(&scene->id);
}

static void after_destroy(struct scene *scene, int result)
{
	CHECK_RESULT(result, 0);
	CHECK_EQ(snapshots(), 0);
	write_once(scene->dev[0]);
}

static void destroying(void)
{
	struct scene scene;

	set_the_scene(&scene);
	each_allocation("destroy", &scene, taken, destroy, after_destroy);
}

static int remove_tracker(struct scene *scene)
{
	return tracker_remove(scene->dev[0]->id);
}

static void not_held(struct scene *scene)
{
	created(scene);
	REQUIRE_OK(destroy(scene));
	REQUIRE_OK(tracker_remove(scene->dev[1]->id));
}

static void after_remove(struct scene *scene, int result)
{
	CHECK_RESULT(result, 0);
	write_once(scene->dev[0]);
}

static void removing_trackers(void)
{
	struct scene scene;

	set_the_scene(&scene);
	each_allocation("remove tracker", &scene, not_held, remove_tracker, after_remove);
}

/* Requests that only ask, or that can be repeated, all one after the other: the first error ends it. */
static int ask(struct scene *scene)
{
	struct blk_snap_snapshot_status status;
	struct blk_snap_device_status devices[2];
	struct blk_snap_storage_range ranges[3];
	struct blk_snap_snapshot_event event;
	struct blk_snap_image_info images[2];
	struct blk_snap_cbt_info infos[8];
	uint32_t two = 2, three = 3, four = 4, eight = 8;
	snap_id ids[4];
	char map[4096];
	int result;

	result = snap_status(&scene->id, &status) ?:
		 snap_devices(&scene->id, devices, &two) ?:
		 snap_storage(&scene->id, ranges, &three) ?:
		 snap_images(&scene->id, images, &two) ?:
		 snap_list(ids, &four) ?:
		 tracker_list(infos, &eight) ?:
		 snap_set_low_space(&scene->id, 4096) ?:
		 tracker_mark(scene->dev[0]->id, (range[]){ { 0, 8 }, { 64, 8 } }, 2);
	if (result)
		return result;
	result = snap_wait(&scene->id, 0, &event);
	if (result && result != -ENOENT)
		return result;
	result = tracker_read_map(scene->dev[0]->id, 0, sizeof(map), map);
	return result < 0 ? result : 0;
}

static void after_ask(struct scene *scene, int result)
{
	(void)result;
	CHECK_RESULT(ask(scene), 0);
}

static void asking(void)
{
	struct scene scene;

	set_the_scene(&scene);
	taken(&scene);
	each_allocation("questions", &scene, nothing, ask, after_ask);
	REQUIRE_OK(destroy(&scene));
}

static int load(struct scene *scene)
{
	(void)scene;
	return module_load("");
}

static void after_load(struct scene *scene, int result)
{
	(void)scene;
	/* The last thing that may fail is that the test opens it. */
	if (module_loaded())
		REQUIRE_OK(module_unload());
	else
		CHECK(result);
}

/* Before the module gets its turn, the kernel has hundreds of its own. */
#define OF_THE_MODULE 200

static void loading(void)
{
	struct scene scene;
	unsigned int all;
	char *file;

	set_the_scene(&scene);
	/* The file system that a guest has its root on does not take failures well. */
	file = strdup(getenv("BLKSNAP_MODULE_KO"));
	REQUIRE_EQ(command("cp %s " MODULE_COPY, file), 0);
	setenv("BLKSNAP_MODULE_KO", MODULE_COPY, 1);
	REQUIRE_OK(module_unload());
	fail_nth(ALLOCATIONS_MAX);
	CHECK_RESULT(load(&scene), 0);
	all = ALLOCATIONS_MAX - fail_nth_end();
	after_load(&scene, 0);
	CHECK_BETWEEN(all, 50, ALLOCATIONS_MAX - 1);
	each_allocation_from(all > OF_THE_MODULE ? all - OF_THE_MODULE : 1, "load", &scene,
			     nothing, load, after_load);
	REQUIRE_OK(module_load(""));
	setenv("BLKSNAP_MODULE_KO", file, 1);
	free(file);
}

static void faults_cleanup(void)
{
	faults_reset();
	unlink(HELD);
	if (!module_loaded())
		CHECK_RESULT(module_load(""), 0);
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "creating", creating, 120 },
		{ "appending", appending, 60 },
		{ "holding_files", holding_files, 60 },
		{ "taking", taking, 300 },
		{ "destroying", destroying, 120 },
		{ "removing_trackers", removing_trackers, 120 },
		{ "asking", asking, 60 },
		{ "loading", loading, 300 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = faults_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
