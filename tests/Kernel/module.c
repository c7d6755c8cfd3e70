// SPDX-License-Identifier: MIT
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"
#include "devices.h"

#define MODULE_DIRECTORY "/sys/module/" BLK_SNAP_MODULE_NAME

static char parameters_now[160];
static bool parameters_known;

bool module_loaded(void)
{
	return access(MODULE_DIRECTORY "/parameters", F_OK) == 0;
}

int module_load(const char *parameters)
{
	const char *file = getenv("BLKSNAP_MODULE_KO");
	int fd, result;

	if (!file) {
		note("BLKSNAP_MODULE_KO does not name the module file");
		return -ENOENT;
	}
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	result = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	parameters_known = !result;
	snprintf(parameters_now, sizeof(parameters_now), "%s", parameters);
	close(fd);
	return result ?: control_open();
}

int module_unload(void)
{
	control_close();
	return syscall(SYS_delete_module, BLK_SNAP_MODULE_NAME, O_NONBLOCK) ? -errno : 0;
}

void module_require(const char *parameters)
{
	if (module_loaded()) {
		if (parameters_known && !strcmp(parameters_now, parameters)) {
			REQUIRE_OK(control_open());
			return;
		}
		REQUIRE_OK(module_unload());
	}
	REQUIRE_OK(module_load(parameters));
}

uint64_t module_parameter(const char *name)
{
	char path[128], text[32] = "";
	int fd, length;

	snprintf(path, sizeof(path), MODULE_DIRECTORY "/parameters/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	REQUIRE(length > 0);
	return text[0] == 'Y' ? 1 : strtoull(text, NULL, 0);
}

void module_setup(void)
{
	/* A program that crashed may have left snapshots, which keep the module in use. */
	if (module_loaded() && !control_open())
		control_reset();
	module_require("");
}

void module_cleanup(void)
{
	control_reset();
	devices_release();
	module_require("");
}

int module_suite(const struct test *tests, size_t count, int argc, char **argv)
{
	struct suite suite = {
		.tests = tests,
		.count = count,
		.setup = module_setup,
		.cleanup = module_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
