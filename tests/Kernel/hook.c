// SPDX-License-Identifier: MIT
/* The hook in the block layer: there while something is tracked, and then it cannot be lost. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define SWITCH "/proc/sys/kernel/ftrace_enabled"

static bool hooked(void)
{
	FILE *file = fopen("/sys/kernel/tracing/enabled_functions", "re");
	char line[512];
	bool found = false;

	REQUIRE(file);
	while (fgets(line, sizeof(line), file))
		found |= !strncmp(line, "submit_bio_noacct ", strlen("submit_bio_noacct "));
	fclose(file);
	return found;
}

static int switch_ftrace(const char *value)
{
	int fd = open(SWITCH, O_WRONLY | O_CLOEXEC);
	int result;

	REQUIRE(fd >= 0);
	result = write(fd, value, 1) == 1 ? 0 : -errno;
	close(fd);
	return result;
}

static void only_while_tracked(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512), *other = dev_loop(8 * MIB, 512);
	snap_id first, second;

	CHECK(!hooked());
	REQUIRE_OK(snap_create(&dev->id, 1, &first));
	CHECK(hooked());
	REQUIRE_OK(snap_create(&other->id, 1, &second));
	REQUIRE_OK(snap_destroy(&first));
	REQUIRE_OK(tracker_remove(dev->id));
	CHECK(hooked());
	/* Tracking goes on after the snapshot. */
	REQUIRE_OK(snap_destroy(&second));
	CHECK(hooked());
	REQUIRE_OK(tracker_remove(other->id));
	CHECK(!hooked());
	/* And it comes back. */
	REQUIRE_OK(snap_create(&dev->id, 1, &first));
	CHECK(hooked());
}

/* Without the hook images would be wrong, and nobody knew. */
static void no_snapshot_without_ftrace(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512);
	uint32_t count = 0;
	snap_id id;

	REQUIRE_OK(switch_ftrace("0"));
	CHECK_RESULT(snap_create(&dev->id, 1, &id), -EBUSY);
	CHECK_RESULT(snap_list(NULL, &count), 0);
	CHECK_EQ(count, 0);
	REQUIRE_OK(switch_ftrace("1"));
	CHECK_RESULT(snap_create(&dev->id, 1, &id), 0);
}

static void ftrace_stays_on(void)
{
	struct dev *dev = dev_loop(8 * MIB, 512);
	snap_id id;

	REQUIRE_OK(snap_create(&dev->id, 1, &id));
	CHECK_RESULT(switch_ftrace("0"), -EBUSY);
	CHECK(hooked());
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "only_while_tracked", only_while_tracked, 120 },
		{ "no_snapshot_without_ftrace", no_snapshot_without_ftrace, 120 },
		{ "ftrace_stays_on", ftrace_stays_on, 120 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
