// SPDX-License-Identifier: MIT
#include "mapper.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"

#define TABLE_MAX 400

void mapper_needs(const char *target)
{
	char line[160];

	if (system("command -v dmsetup >/dev/null && modprobe -q dm-mod"))
		test_skip("no device mapper");
	snprintf(line, sizeof(line), "modprobe -q dm-%s; dmsetup targets | grep -q '^%s '", target,
		 target);
	if (system(line))
		test_skip("no device-mapper target '%s'", target);
}

static void mapper_command(const struct dev *dev, const char *verb)
{
	REQUIRE_EQ(command("dmsetup %s test-mapper%d", verb, dev->number), 0);
}

static dev_id mapper_id(int number)
{
	char line[120];
	dev_id id = { 0, 0 };
	FILE *pipe;

	snprintf(line, sizeof(line), "dmsetup info -c --noheadings --separator : -o major,minor "
		 "test-mapper%d", number);
	pipe = popen(line, "r");
	REQUIRE(pipe);
	REQUIRE_EQ(fscanf(pipe, "%u:%u", &id.mj, &id.mn), 2);
	pclose(pipe);
	return id;
}

static void mapper_release(struct dev *dev)
{
	close(dev->fd);
	dev->fd = -1;
	/* I/O that waits for it holds it open. */
	mapper_command(dev, "resume --noudevsync");
	if (command("dmsetup remove --retry --noudevsync test-mapper%d", dev->number))
		FAIL("%s cannot be removed", dev->path);
}

struct dev *mapper_new(const char *format, ...)
{
	static int next_number;
	int number = next_number++;
	char table[TABLE_MAX];
	struct dev *dev;
	va_list arguments;

	mapper_needs("linear");
	va_start(arguments, format);
	vsnprintf(table, sizeof(table), format, arguments);
	va_end(arguments);
	REQUIRE_EQ(command("printf '%%s\\n' '%s' | dmsetup create --noudevsync test-mapper%d",
			   table, number), 0);
	dev = dev_open(mapper_id(number), O_RDWR | O_DIRECT);
	dev->number = number;
	dev->release = mapper_release;
	return dev;
}

void mapper_swap(struct dev *dev, const char *format, ...)
{
	char table[TABLE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(table, sizeof(table), format, arguments);
	va_end(arguments);
	REQUIRE_EQ(command("printf '%%s\\n' '%s' | dmsetup reload test-mapper%d", table,
			   dev->number), 0);
	mapper_suspend(dev);
	mapper_resume(dev);
}

void mapper_suspend(struct dev *dev)
{
	mapper_command(dev, "suspend --noflush --nolockfs");
}

void mapper_resume(struct dev *dev)
{
	mapper_command(dev, "resume --noudevsync");
}

void mapper_message(struct dev *dev, const char *message)
{
	REQUIRE_EQ(command("dmsetup message test-mapper%d 0 %s", dev->number, message), 0);
}

struct dev *mapper_linear(const struct dev *below)
{
	return mapper_new("0 %llu linear %s 0", (unsigned long long)below->sectors, below->path);
}

void mapper_mend(struct dev *dev, const struct dev *below)
{
	mapper_swap(dev, "0 %llu linear %s 0", (unsigned long long)dev->sectors, below->path);
}

void mapper_break(struct dev *dev)
{
	mapper_swap(dev, "0 %llu error", (unsigned long long)dev->sectors);
}
