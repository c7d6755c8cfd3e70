// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk_types.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>

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

/*
 * Bounds depend on one another, so what is given at load is looked at when all
 * of it is there.
 */
static bool loaded;

/* Writers come one at a time (the kernel's parameter lock); a word is read whole. */
static void clamp_param(const char *name, int *value, int low, int high)
{
	int now = clamp(*value, low, high);

	if (now == *value)
		return;
	pr_warn("%s=%d is out of bounds, using %d\n", name, *value, now);
	WRITE_ONCE(*value, now);
}

/**
 * params_sanitise() - bring all parameters within their bounds.
 *
 * A value out of bounds is not refused: existing scripts load the module with
 * what they have, and expect it to load.
 */
void params_sanitise(void)
{
	int minimum_storage;

	loaded = true;
	clamp_param("tracking_block_minimum_shift", &tracking_block_minimum_shift, 12, 26);
	clamp_param("tracking_block_maximum_shift", &tracking_block_maximum_shift,
		    tracking_block_minimum_shift, 30);
	clamp_param("tracking_block_maximum_count", &tracking_block_maximum_count,
		    1 << 10, 1 << 27);
	clamp_param("chunk_minimum_shift", &chunk_minimum_shift, PAGE_SHIFT, 26);
	clamp_param("chunk_maximum_shift", &chunk_maximum_shift, chunk_minimum_shift, 26);
	clamp_param("chunk_maximum_count_shift", &chunk_maximum_count_shift, 8, 40);

	minimum_storage = 2 << (chunk_minimum_shift - SECTOR_SHIFT);
	clamp_param("diff_storage_minimum", &diff_storage_minimum, minimum_storage,
		    round_down(INT_MAX, minimum_storage));
	clamp_param("diff_storage_minimum", &diff_storage_minimum, minimum_storage,
		    round_down(diff_storage_minimum, minimum_storage / 2));

	clamp_param("copy_memory_limit", &copy_memory_limit, 4, 65536);
	clamp_param("freeze_timeout_ms", &freeze_timeout_ms, 1000, 600000);
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

static int param_set_bounded(const char *value, const struct kernel_param *param)
{
	int ret = param_set_int(value, param);

	if (!ret && loaded)
		params_sanitise();
	return ret;
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
