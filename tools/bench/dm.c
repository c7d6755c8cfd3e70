// SPDX-License-Identifier: MIT
#include "dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"

#define BUFFER 4096

/* A request and what follows it; used by one call at a time. */
static union {
	struct dm_ioctl head;
	char bytes[BUFFER];
} request;

static void *prepare(const char *name, uint32_t flags)
{
	memset(&request, 0, sizeof(request));
	request.head.version[0] = DM_VERSION_MAJOR;
	request.head.data_size = sizeof(request);
	request.head.data_start = sizeof(request.head);
	request.head.flags = flags;
	snprintf(request.head.name, sizeof(request.head.name), "%s", name);
	return request.bytes + sizeof(request.head);
}

static void send_request(unsigned long code, const char *what)
{
	static int control = -1;

	if (control < 0)
		control = open_device("/dev/mapper/control", O_RDWR);
	/* A device that was just closed may be busy for a moment. */
	for (int tries = 0; ioctl(control, code, &request); tries++) {
		if (errno != EBUSY || tries == 100)
			die("device mapper, %s of %s: %s", what, request.head.name, strerror(errno));
		sleep_ms(20);
	}
}

static void add_target(char **at, uint64_t start, uint64_t sectors, const char *target, const char *parameters)
{
	struct dm_target_spec *spec = (struct dm_target_spec *)*at;
	size_t length = sizeof(*spec) + strlen(parameters) + 1;

	spec->sector_start = start;
	spec->length = sectors;
	snprintf(spec->target_type, sizeof(spec->target_type), "%s", target);
	strcpy((char *)(spec + 1), parameters);
	spec->next = (length + 7) & ~7UL;
	*at += spec->next;
	request.head.target_count++;
}

static void create(const char *name)
{
	prepare(name, 0);
	send_request(DM_DEV_CREATE, "creation");
}

static struct disk activate(const char *name, uint64_t sectors)
{
	struct disk disk = { .sectors = sectors };

	dm_resume(name);
	disk.id.mj = major(request.head.dev);
	disk.id.mn = minor(request.head.dev);
	snprintf(disk.path, sizeof(disk.path), "/dev/dm-%u", disk.id.mn);
	return disk;
}

struct disk dm_create(const char *name, uint64_t sectors, const char *target, const char *format, ...)
{
	char parameters[512], *at;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(parameters, sizeof(parameters), format, arguments);
	va_end(arguments);
	create(name);
	at = prepare(name, 0);
	add_target(&at, 0, sectors, target, parameters);
	send_request(DM_TABLE_LOAD, target);
	return activate(name, sectors);
}

struct disk dm_concat(const char *name, const struct disk *first, const struct disk *second)
{
	char parameters[64], *at;

	create(name);
	at = prepare(name, 0);
	snprintf(parameters, sizeof(parameters), "%u:%u 0", first->id.mj, first->id.mn);
	add_target(&at, 0, first->sectors, "linear", parameters);
	snprintf(parameters, sizeof(parameters), "%u:%u 0", second->id.mj, second->id.mn);
	add_target(&at, first->sectors, second->sectors, "linear", parameters);
	send_request(DM_TABLE_LOAD, "linear");
	return activate(name, first->sectors + second->sectors);
}

void dm_remove(const char *name)
{
	prepare(name, 0);
	send_request(DM_DEV_REMOVE, "removal");
}

void dm_suspend(const char *name)
{
	prepare(name, DM_SUSPEND_FLAG);
	send_request(DM_DEV_SUSPEND, "suspension");
}

void dm_resume(const char *name)
{
	prepare(name, 0);
	send_request(DM_DEV_SUSPEND, "resumption");
}

void dm_message(const char *name, const char *text)
{
	struct dm_target_msg *message = prepare(name, 0);

	strcpy(message->message, text);
	send_request(DM_TARGET_MSG, text);
}

void dm_status(const char *name, char *text, size_t size)
{
	struct dm_target_spec *spec = prepare(name, 0);

	send_request(DM_TABLE_STATUS, "status");
	snprintf(text, size, "%s", (char *)(spec + 1));
}
