// SPDX-License-Identifier: MIT
/* Every request with bad pointers, lengths and states, and what comes back in each case. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define STORAGE 32768

/* Two pages, the second of which is not there; and one that cannot be written. */
static char *edge;
static char *read_only;
#define UNMAPPED ((void *)(edge + 4096))
#define POISON 0xaa

static const struct {
	unsigned long request;
	const char *name;
	size_t size;
	int bad_pointer;	/* errno when the argument cannot be read */
	bool changes;		/* needs a privilege */
	bool writes;		/* writes its argument back when all is well */
} requests[] = {
	{ IOCTL_BLK_SNAP_VERSION, "version", 8, ENODATA, false, true },
	{ IOCTL_BLK_SNAP_TRACKER_REMOVE, "tracker_remove", 8, ENODATA, true, false },
	{ IOCTL_BLK_SNAP_TRACKER_COLLECT, "tracker_collect", 16, ENODATA, false, true },
	{ IOCTL_BLK_SNAP_TRACKER_READ_CBT_MAP, "read_cbt_map", 24, ENODATA, false, false },
	{ IOCTL_BLK_SNAP_TRACKER_MARK_DIRTY_BLOCKS, "mark_dirty", 24, ENODATA, true, false },
	{ IOCTL_BLK_SNAP_SNAPSHOT_CREATE, "create", 32, ENODATA, true, true },
	{ IOCTL_BLK_SNAP_SNAPSHOT_DESTROY, "destroy", 16, ENODATA, true, false },
	{ IOCTL_BLK_SNAP_SNAPSHOT_APPEND_STORAGE, "append_storage", 40, EINVAL, true, false },
	{ IOCTL_BLK_SNAP_SNAPSHOT_TAKE, "take", 16, ENODATA, true, false },
	{ IOCTL_BLK_SNAP_SNAPSHOT_COLLECT, "collect", 16, ENODATA, false, true },
	{ IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_IMAGES, "collect_images", 32, ENODATA, false, true },
	{ IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT, "wait_event", 4096, EINVAL, true, true },
	{ IOCTL_BLK_SNAP_MOD, "mod", 40, ENODATA, false, true },
	{ IOCTL_BLK_SNAP_SNAPSHOT_STATUS, "status", 88, 0, false, true },
	{ IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_DEVICES, "collect_devices", 32, 0, false, true },
	{ IOCTL_BLK_SNAP_SNAPSHOT_COLLECT_STORAGE, "collect_storage", 32, 0, false, true },
	{ IOCTL_BLK_SNAP_SNAPSHOT_HOLD_FILE, "hold_file", 24, 0, true, false },
	{ IOCTL_BLK_SNAP_SNAPSHOT_SET_LOW_SPACE, "set_low_space", 24, 0, true, false },
};

static uint32_t snapshots(void)
{
	uint32_t count = 0;

	REQUIRE_OK(snap_list(NULL, &count));
	return count;
}

/* The codes are those that clients of this interface were built with. */
static void codes(void)
{
	static const unsigned int expected[] = {
		0x40085600, 0x40085601, 0x40105602, 0x80185603, 0x80185604, 0x40205605, 0x80105606,
		0x40285607, 0x80105608, 0x40105609, 0x4020560a, 0x5000560b, 0x40285620,
	};
	struct blk_snap_version version;
	struct blk_snap_mod mod;

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		CHECK_EQ(requests[i].request, expected[i]);
	memset(&version, POISON, sizeof(version));
	REQUIRE_OK(control(IOCTL_BLK_SNAP_VERSION, &version));
	CHECK_EQ(version.major, 1);
	CHECK_EQ(version.minor, 0);
	CHECK_EQ(version.revision, 0);
	CHECK_EQ(version.build, 0);
	/* The other generation's code of the same request is how clients probe. */
	CHECK_RESULT(control(0x80085600, &version), 0);
	memset(&mod, POISON, sizeof(mod));
	REQUIRE_OK(control(IOCTL_BLK_SNAP_MOD, &mod));
	CHECK(!strcmp((char *)mod.name, "blksnapps"));
	for (size_t i = strlen((char *)mod.name); i < sizeof(mod.name); i++)
		CHECK_EQ(mod.name[i], 0);
	CHECK_EQ(mod.compatibility_flags, 31ULL << 32);
}

static void unknown_numbers(void)
{
	char argument[4096] = { 0 };
	uint32_t before = snapshots();

	for (unsigned int nr = 0; nr < 256; nr++) {
		static const unsigned int sizes[] = { 0, 8, 4096 };
		bool known = nr < 12 || nr == 32 || (nr >= 64 && nr < 68);

		if (known)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			unsigned long code = _IOC(_IOC_READ | _IOC_WRITE, 'V', nr, sizes[i]);
			int result = control(code, argument);

			if (result != -ENOTTY)
				FAIL("number %u: got %d, want -ENOTTY", nr, result);
		}
	}
	for (unsigned int nr = 0; nr < 12; nr++) {
		int result = control(_IOC(_IOC_WRITE, 'W', nr, 16), argument);

		if (result != -ENOTTY)
			FAIL("type 'W', number %u: got %d, want -ENOTTY", nr, result);
	}
	CHECK_EQ(snapshots(), before);
}

static void bad_argument_pointers(void)
{
	uint32_t before = snapshots();

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		/* Not there, in the kernel, and ending beyond what is there. */
		void *bad[] = { NULL, UNMAPPED, (void *)0xffff888000000000ULL, (void *)-1L,
				edge + 4096 - requests[i].size + 4 };

		for (size_t p = 0; p < ARRAY_SIZE(bad); p++) {
			int result;

			memset(edge, 0, 4096);
			result = control(requests[i].request, bad[p]);
			/* Who reads the id only gets as far as not finding it. */
			if (result == -ESRCH && p == ARRAY_SIZE(bad) - 1)
				continue;
			if (requests[i].bad_pointer ? result != -requests[i].bad_pointer
						    : result != -EFAULT && result != -ENODATA)
				FAIL("%s, pointer %p: got %d", requests[i].name, bad[p], result);
		}
	}
	CHECK_EQ(snapshots(), before);
}

/* What cannot be written back must not have happened. */
static void read_only_arguments(void)
{
	struct dev *dev = dev_disk(0);
	uint32_t before = snapshots();
	struct blk_snap_snapshot_create create = { .count = 1, .dev_id_array = &dev->id };

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		int result, want = requests[i].bad_pointer;

		if (!requests[i].writes || requests[i].request == IOCTL_BLK_SNAP_SNAPSHOT_CREATE)
			continue;
		/* Requests about a snapshot fail before, for want of it. */
		REQUIRE_EQ(mprotect(read_only, 4096, PROT_READ | PROT_WRITE), 0);
		memset(read_only, 0, 4096);
		REQUIRE_EQ(mprotect(read_only, 4096, PROT_READ), 0);
		result = control(requests[i].request, read_only);
		if (result != -want && result != -ESRCH && (want || result != -EFAULT))
			FAIL("%s: got %d", requests[i].name, result);
	}
	REQUIRE_EQ(mprotect(read_only, 4096, PROT_READ | PROT_WRITE), 0);
	memcpy(read_only, &create, sizeof(create));
	REQUIRE_EQ(mprotect(read_only, 4096, PROT_READ), 0);
	CHECK_RESULT(control(IOCTL_BLK_SNAP_SNAPSHOT_CREATE, read_only), -ENODATA);
	CHECK_EQ(snapshots(), before);
	/* Nor is the device taken. */
	CHECK_RESULT(control(IOCTL_BLK_SNAP_SNAPSHOT_CREATE, &create), 0);
}

static void bad_array_pointers(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *storage = dev_storage_disk();
	struct blk_snap_snapshot_status status;
	uint32_t count;
	snap_id id, other;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	void *bad[] = { UNMAPPED, (void *)0xffff888000000000ULL, (void *)-8L, edge + 4096 - 4 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_RESULT(snap_create(bad[i], 2, &other), -ENODATA);
		CHECK_RESULT_IN(snap_create(bad[i], 0xffffffff, &other), -ENODATA, -ENOMEM,
				-EINVAL);
		CHECK_RESULT(snap_append(&id, storage->id, bad[i], 2), -ENODATA);
		CHECK_RESULT_IN(snap_append(&id, storage->id, bad[i], 0xffffffff), -ENODATA,
				-ENOMEM, -EINVAL);
		CHECK_RESULT(tracker_mark(dev->id, bad[i], 2), -ENODATA);
		CHECK_RESULT_IN(tracker_mark(dev->id, bad[i], 0xffffffff), -ENODATA, -ENOMEM,
				-EINVAL);
		count = 4;
		CHECK_RESULT(tracker_list(bad[i], &count), -ENODATA);
		count = 4;
		CHECK_RESULT(snap_list(bad[i], &count), -ENODATA);
	}
	CHECK_EQ(snapshots(), 1);
	REQUIRE_OK(snap_status(&id, &status));
	CHECK_EQ(status.storage_capacity, 0);
	CHECK_EQ(status.range_count, 0);
	REQUIRE_OK(snap_append_one(&id, storage->id, 0, STORAGE));
	REQUIRE_OK(snap_take(&id));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		count = 4;
		CHECK_RESULT(snap_images(&id, bad[i], &count), -ENODATA);
		count = 4;
		CHECK_RESULT_IN(snap_devices(&id, bad[i], &count), -EFAULT, -ENODATA);
		count = 4;
		CHECK_RESULT_IN(snap_storage(&id, bad[i], &count), -EFAULT, -ENODATA);
		/* Of a map as much as can be written is, as reads do it. */
		CHECK_RESULT_IN(tracker_read_map(dev->id, 0, 128, bad[i]), -ENODATA, -EFAULT, 0, 4,
				8);
	}
}

/* Runs in a child without privileges, with the descriptor that root opened. */
static int unprivileged_child(const snap_id *id, const struct dev *dev, const struct dev *storage)
{
	struct blk_snap_snapshot_event event = { .id = *id };
	struct blk_snap_snapshot_status status;
	struct blk_snap_version version;
	uint32_t count = 0;
	range one = { 0, 8 };
	unsigned char byte;
	snap_id other;

	if (setgid(65534) || setuid(65534))
		return 1;
	CHECK_RESULT(tracker_remove(dev->id), -EPERM);
	CHECK_RESULT(tracker_mark(dev->id, &one, 1), -EPERM);
	CHECK_RESULT(snap_create(&storage->id, 1, &other), -EPERM);
	CHECK_RESULT(snap_append_one(id, storage->id, STORAGE, 1024), -EPERM);
	CHECK_RESULT(snap_take(id), -EPERM);
	CHECK_RESULT(control(IOCTL_BLK_SNAP_SNAPSHOT_WAIT_EVENT, &event), -EPERM);
	CHECK_RESULT(snap_hold_file(id, 0), -EPERM);
	CHECK_RESULT(snap_set_low_space(id, 8), -EPERM);
	CHECK_RESULT(snap_destroy(id), -EPERM);
	/* Looking is free. */
	CHECK_RESULT(control(IOCTL_BLK_SNAP_VERSION, &version), 0);
	CHECK_RESULT(tracker_list(NULL, &count), 0);
	CHECK_RESULT(snap_list(NULL, &count), 0);
	CHECK_RESULT(snap_images(id, NULL, &count), 0);
	CHECK_RESULT(snap_status(id, &status), 0);
	CHECK_RESULT(tracker_read_map(dev->id, 0, 1, &byte), 1);
	return test_failed() ? 1 : 0;
}

static void unprivileged_caller(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct blk_snap_snapshot_event event;
	int status;
	snap_id id;
	pid_t child;

	snap_begin_one(&id, dev, storage, 0, STORAGE);
	child = fork();
	REQUIRE(child >= 0);
	if (!child)
		_exit(unprivileged_child(&id, dev, storage));
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	CHECK_EQ(snapshots(), 1);
	/* The event is still there for who may have it. */
	CHECK_RESULT(snap_wait(&id, 0, &event), 0);
}

/* The node belongs to root alone, and its number is where clients look for it. */
static void node_and_class(void)
{
	char text[32] = "";
	struct stat status;
	FILE *file;

	REQUIRE_EQ(fstat(control_fd(), &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	CHECK_EQ(status.st_mode & 077, 0);
	CHECK_EQ(minor(status.st_rdev), 0);
	file = fopen("/sys/class/blksnap/major", "r");
	REQUIRE(file);
	CHECK(fgets(text, sizeof(text), file));
	fclose(file);
	CHECK_EQ(atoi(text), major(status.st_rdev));
	CHECK_EQ(text[strlen(text) - 1] == '\n', 0);
}

static void requests_setup(void)
{
	module_setup();
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(edge != MAP_FAILED && read_only != MAP_FAILED);
	REQUIRE_EQ(munmap(edge + 4096, 4096), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "codes", codes, 30 },
		{ "node_and_class", node_and_class, 30 },
		{ "unknown_numbers", unknown_numbers, 30 },
		{ "bad_argument_pointers", bad_argument_pointers, 30 },
		{ "read_only_arguments", read_only_arguments, 30 },
		{ "bad_array_pointers", bad_array_pointers, 60 },
		{ "unprivileged_caller", unprivileged_caller, 60 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = requests_setup,
		.cleanup = module_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
