// SPDX-License-Identifier: MIT
/*
 * Measures snapshots side by side, in a machine that may crash.
 *
 *   bench --module FILE --out FILE [--other-module FILE] [--rounds N] [--small]
 *         [--device NAME,...] [--pattern NAME,...] [--contestant NAME,...]
 *
 * Names may be given by their beginning, as far as a hyphen: "dm", "rand4k".
 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

bool wanted(const char *list, const char *name)
{
	if (!list || !*list)
		return true;
	for (;;) {
		size_t length = strcspn(list, ",");

		if (length && !strncmp(list, name, length) && (!name[length] || name[length] == '-'))
			return true;
		if (!list[length])
			return false;
		list += length + 1;
	}
}

static void run_patterns(struct bench *bench)
{
	for (unsigned int i = 0; i < pattern_count; i++) {
		int64_t start = now_ns();

		if (!wanted(bench->patterns, patterns[i].name))
			continue;
		for (bench->round = 1; bench->round <= bench->rounds; bench->round++) {
			plan_make(&bench->plan, &patterns[i], bench->media.origin.sectors * 512, bench->round);
			contestants_run(bench);
			plan_free(&bench->plan);
		}
		printf("%s, %s: %.0f s\n", bench->media.name, patterns[i].name, (now_ns() - start) / 1e9);
	}
}

static void run_device(struct bench *bench, const char *name)
{
	media_open(&bench->media, name, bench->small);
	run_patterns(bench);
	images_run(bench);
	lasting_run(bench);
	smooth_run(bench);
	control_run(bench);
	media_close(&bench->media);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "module", required_argument, NULL, 'm' },
		{ "other-module", required_argument, NULL, 'o' },
		{ "out", required_argument, NULL, 'r' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "small", no_argument, NULL, 's' },
		{ "device", required_argument, NULL, 'd' },
		{ "pattern", required_argument, NULL, 'p' },
		{ "contestant", required_argument, NULL, 'c' },
		{ 0 },
	};
	static const char *const devices[] = { "memory", "virtio" };
	struct bench bench = { .rounds = 5 };
	const char *out = NULL, *device = NULL;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'm': bench.module = optarg; break;
		case 'o': bench.other_module = optarg; break;
		case 'r': out = optarg; break;
		case 'n': bench.rounds = strtoul(optarg, NULL, 10); break;
		case 's': bench.small = true; break;
		case 'd': device = optarg; break;
		case 'p': bench.patterns = optarg; break;
		case 'c': bench.contestants = optarg; break;
		default: return 2;
		}
	}
	if (!bench.module || !out || !bench.rounds)
		die("--module, --out and at least one round are needed");
	if (command("modprobe -a dm-mod dm-snapshot dm-thin-pool dm-delay && modprobe null_blk nr_devices=0 && "
		    "{ [ -d /sys/kernel/config/nullb ] || mount -t configfs configfs /sys/kernel/config; }"))
		die("the kernel's own modules cannot be loaded");
	record_open(out);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (wanted(device, devices[i]))
			run_device(&bench, devices[i]);
	record_close();
	return 0;
}
