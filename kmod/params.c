// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk_types.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "cbt_map.h"
#include "params.h"

int tracking_block_minimum_shift = 16;
int tracking_block_maximum_shift = 26;
int tracking_block_maximum_count = 2097152;
int chunk_minimum_shift = 18;
int chunk_maximum_shift = 26;
int chunk_maximum_count_shift = 40;
int diff_storage_minimum = 2097152;
int copy_memory_limit = 64;
int freeze_timeout_ms = 60000;
bool images_writable;

/* The parameters whose bounds depend on one another, in the order in which they are looked at. */
enum bounded {
	BLOCK_MINIMUM,
	BLOCK_MAXIMUM,
	BLOCK_COUNT,
	CHUNK_MINIMUM,
	CHUNK_MAXIMUM,
	CHUNK_COUNT,
	STORAGE_MINIMUM,
	COPY_MEMORY,
	FREEZE_TIMEOUT,
	BOUNDED_COUNT,
};

struct bounded_param {
	const char *name;
	int *value;
};

#define BOUNDED(parameter) { .name = #parameter, .value = &(parameter) }

static const struct bounded_param bounded[BOUNDED_COUNT] = {
	[BLOCK_MINIMUM] = BOUNDED(tracking_block_minimum_shift),
	[BLOCK_MAXIMUM] = BOUNDED(tracking_block_maximum_shift),
	[BLOCK_COUNT] = BOUNDED(tracking_block_maximum_count),
	[CHUNK_MINIMUM] = BOUNDED(chunk_minimum_shift),
	[CHUNK_MAXIMUM] = BOUNDED(chunk_maximum_shift),
	[CHUNK_COUNT] = BOUNDED(chunk_maximum_count_shift),
	[STORAGE_MINIMUM] = BOUNDED(diff_storage_minimum),
	[COPY_MEMORY] = BOUNDED(copy_memory_limit),
	[FREEZE_TIMEOUT] = BOUNDED(freeze_timeout_ms),
};

/* What is given at load is looked at when all of it is there. */
static bool loaded;

static void bound(int *values, enum bounded which, int low, int high)
{
	int now = clamp(values[which], low, high);

	if (now == values[which])
		return;
	pr_warn("%s=%d is out of bounds, using %d\n", bounded[which].name, values[which], now);
	values[which] = now;
}

static void bound_all(int *values)
{
	int portion;

	bound(values, BLOCK_MINIMUM, 12, 26);
	bound(values, BLOCK_MAXIMUM, values[BLOCK_MINIMUM], 30);
	bound(values, BLOCK_COUNT, 1 << 10, CBT_MAP_MAX_BLOCKS);
	bound(values, CHUNK_MINIMUM, PAGE_SHIFT, 26);
	bound(values, CHUNK_MAXIMUM, values[CHUNK_MINIMUM], 26);
	bound(values, CHUNK_COUNT, 8, 40);

	portion = 2 << (values[CHUNK_MINIMUM] - SECTOR_SHIFT);
	bound(values, STORAGE_MINIMUM, portion, round_down(INT_MAX, portion));
	bound(values, STORAGE_MINIMUM, portion, round_down(values[STORAGE_MINIMUM], portion / 2));

	bound(values, COPY_MEMORY, 4, 65536);
	bound(values, FREEZE_TIMEOUT, 1000, 600000);
}

static void get_all(int *values)
{
	unsigned int i;

	for (i = 0; i < BOUNDED_COUNT; i++)
		values[i] = *bounded[i].value;
}

/* A reader never sees a value that is out of bounds: it is put in its place here, not before. */
static void set_all(const int *values)
{
	unsigned int i;

	for (i = 0; i < BOUNDED_COUNT; i++)
		WRITE_ONCE(*bounded[i].value, values[i]);
}

/**
 * params_sanitise() - bring what was given at load within its bounds.
 *
 * A value out of bounds is not refused: existing scripts load the module with
 * what they have, and expect it to load.
 */
void params_sanitise(void)
{
	int values[BOUNDED_COUNT];

	get_all(values);
	bound_all(values);
	set_all(values);
	loaded = true;
}

/**
 * params_fit_shift() - smallest block size that keeps a device's blocks few.
 * @bytes: capacity of the device.
 * @minimum: smallest shift.
 * @maximum: largest shift; it wins over @maximum_count.
 * @maximum_count: blocks wanted at most.
 *
 * Return: the shift of the block size in bytes.
 */
unsigned int params_fit_shift(u64 bytes, int minimum, int maximum, u64 maximum_count)
{
	int shift = minimum;

	while (shift < maximum && ((bytes + (1ULL << shift) - 1) >> shift) > maximum_count)
		shift++;
	return shift;
}

/* Writers come one at a time: the kernel's parameter lock. */
static int param_set_bounded(const char *value, const struct kernel_param *param)
{
	int values[BOUNDED_COUNT], given, ret;
	unsigned int i;

	ret = kstrtoint(value, 0, &given);
	if (ret)
		return ret;
	get_all(values);
	for (i = 0; i < BOUNDED_COUNT; i++)
		if (bounded[i].value == param->arg)
			values[i] = given;
	if (loaded)
		bound_all(values);
	set_all(values);
	return 0;
}

static const struct kernel_param_ops bounded_ops = {
	.set = param_set_bounded,
	.get = param_get_int,
};

#define BOUNDED_PARAM(name, description) \
	module_param_cb(name, &bounded_ops, &name, 0644); \
	MODULE_PARM_DESC(name, description)

BOUNDED_PARAM(tracking_block_minimum_shift, "smallest tracked block, 2^n bytes");
BOUNDED_PARAM(tracking_block_maximum_shift, "largest tracked block, 2^n bytes");
BOUNDED_PARAM(tracking_block_maximum_count, "tracked blocks wanted per device at most");
BOUNDED_PARAM(chunk_minimum_shift, "smallest chunk, 2^n bytes; the copy unit is 1/64 of it, at least a page");
BOUNDED_PARAM(chunk_maximum_shift, "largest chunk, 2^n bytes");
BOUNDED_PARAM(chunk_maximum_count_shift, "chunks wanted per device at most, 2^n");
BOUNDED_PARAM(diff_storage_minimum, "sectors asked for by a low space event");
BOUNDED_PARAM(copy_memory_limit, "MiB of old data on their way to the difference storage at most");
BOUNDED_PARAM(freeze_timeout_ms, "time that a file system has to freeze, and writes under way to end");
module_param(images_writable, bool, 0644);
MODULE_PARM_DESC(images_writable, "images accept writes, which go to the difference storage");
