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
#include "harness.h"

#define MODULE_DIRECTORY "/sys/module/" BLK_SNAP_MODULE_NAME

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
	if (module_loaded())
		REQUIRE_OK(module_unload());
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
	return strtoull(text, NULL, 0);
}
