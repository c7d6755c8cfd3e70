// SPDX-License-Identifier: MIT
#include "fault.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define DEBUG "/sys/kernel/debug"
#define NTH "/proc/thread-self/fail-nth"

static const char *const kinds[] = { FAULT_OBJECTS, FAULT_PAGES, FAULT_REQUESTS };

static int nth = -1;

static void set(const char *kind, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void set(const char *kind, const char *name, const char *format, ...)
{
	char path[128], text[64];
	va_list arguments;
	int fd, length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(path, sizeof(path), DEBUG "/%s/%s", kind, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE_EQ(write(fd, text, length), length);
	close(fd);
}

static void prepare(const char *kind)
{
	set(kind, "probability", "0");
	set(kind, "verbose", "0");
	set(kind, "interval", "1");
	set(kind, "times", "-1");
	if (!strcmp(kind, FAULT_REQUESTS))
		return;
	set(kind, "ignore-gfp-wait", "N");
	if (!strcmp(kind, FAULT_PAGES)) {
		set(kind, "ignore-gfp-highmem", "N");
		set(kind, "min-order", "0");
	}
}

void faults_need(void)
{
	if (access(DEBUG "/" FAULT_OBJECTS, F_OK) || access(NTH, F_OK))
		test_skip("this kernel has no faults on demand");
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		prepare(kinds[i]);
	if (nth < 0)
		nth = open(NTH, O_RDWR | O_CLOEXEC);
	REQUIRE(nth >= 0);
}

static void begin(const char *kind, unsigned int percent, unsigned int interval)
{
	unsigned long long start = 0, size = 0;
	char line[256];
	FILE *file = fopen("/proc/modules", "re");

	REQUIRE(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, BLK_SNAP_MODULE_NAME " %llu %*s %*s %*s %llx", &size, &start) == 2)
			break;
	fclose(file);
	REQUIRE(start);
	set(kind, "stacktrace-depth", "32");
	set(kind, "require-start", "0x%llx", start);
	set(kind, "require-end", "0x%llx", start + size);
	set(kind, "interval", "%u", interval);
	set(kind, "probability", "%u", percent);
}

void faults_begin(const char *kind, unsigned int percent)
{
	begin(kind, percent, 1);
}

void faults_begin_rare(const char *kind, unsigned int n)
{
	begin(kind, 1, n);
}

void faults_end(const char *kind)
{
	set(kind, "probability", "0");
}

void fail_nth(unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth, text, length, 0) != length)
		abort();
}

unsigned int fail_nth_end(void)
{
	char text[16] = "";

	if (pread(nth, text, sizeof(text) - 1, 0) < 1)
		abort();
	fail_nth(0);
	return strtoul(text, NULL, 0);
}

void faults_reset(void)
{
	if (nth < 0)
		return;
	fail_nth(0);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		faults_end(kinds[i]);
}
