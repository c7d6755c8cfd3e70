// SPDX-License-Identifier: MIT
/*
 * The machine changes under the takes: processors go and come, I/O schedulers
 * and queue depths are switched, queues are frozen for it. The images stay right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "module.h"
#include "workload.h"

#define AREA 8192
#define STORAGE 65536

struct switcher {
	const char *disk;
	unsigned int done;
};

static bool write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	bool good = file && fputs(text, file) >= 0;

	if (file && fclose(file))
		good = false;
	return good;
}

static void *switch_processors(void *argument)
{
	struct switcher *switcher = argument;

	while (!workers_stopping()) {
		if (!CHECK(write_text("/sys/devices/system/cpu/cpu1/online", "0")))
			break;
		sleep_ms(30);
		if (!CHECK(write_text("/sys/devices/system/cpu/cpu1/online", "1")))
			break;
		switcher->done++;
		sleep_ms(30);
	}
	return NULL;
}

static void *switch_schedulers(void *argument)
{
	static const char *const schedulers[] = { "none", "mq-deadline", "kyber", "bfq" };
	static const char *const depths[] = { "16", "128", "64" };
	struct switcher *switcher = argument;
	char path[128];

	for (unsigned int n = 0; !workers_stopping(); n++) {
		snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", switcher->disk);
		/* Not every kernel has all of them. */
		switcher->done += write_text(path, schedulers[n % ARRAY_SIZE(schedulers)]);
		snprintf(path, sizeof(path), "/sys/block/%s/queue/nr_requests", switcher->disk);
		write_text(path, depths[n % ARRAY_SIZE(depths)]);
		sleep_ms(10);
	}
	/* As they were. */
	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", switcher->disk);
	CHECK(write_text(path, schedulers[0]));
	return NULL;
}

static void takes_under(void *(*run)(void *))
{
	struct dev *devices[] = { dev_disk(0), dev_null("size=8 blocksize=512 submit_queues=2") };
	enum { count = ARRAY_SIZE(devices) };
	struct dev *storage = dev_storage_disk();
	unsigned int rounds = test_long() ? 200 : 10, changes = 0;
	struct switcher switchers[count];
	struct model *models[count];
	uint32_t *seq[count];
	snap_id id;

	for (unsigned int i = 0; i < count; i++) {
		models[i] = model_new(devices[i]);
		model_fill(models[i], 0, AREA);
	}
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		struct writer writers[count];

		for (unsigned int i = 0; i < count; i++) {
			switchers[i] = (struct switcher){ strrchr(devices[i]->path, '/') + 1, 0 };
			if (!i || run == switch_schedulers)
				worker_start(run, &switchers[i]);
		}
		snap_begin(&id, devices, count, storage, 0, STORAGE);
		for (unsigned int i = 0; i < count; i++) {
			seq[i] = model_freeze(models[i]);
			writers[i] = (struct writer){ .model = models[i], .mode = write_aio,
						      .count = AREA, .limit = 64, .stream = round };
			worker_start(writer_run, &writers[i]);
		}
		sleep_ms(150);
		/* Until something was written and switched, too, on a slow machine. */
		while (!test_failed() && !(__atomic_load_n(&switchers[0].done, __ATOMIC_RELAXED) &&
					   __atomic_load_n(&writers[0].done, __ATOMIC_RELAXED) &&
					   __atomic_load_n(&writers[1].done, __ATOMIC_RELAXED)))
			sleep_ms(10);
		for (unsigned int i = 0; i < count; i++) {
			struct dev *image = dev_image(&id, devices[i]);

			check_image(image, models[i], seq[i], 0, AREA);
			dev_close(image);
		}
		workers_stop();
		for (unsigned int i = 0; i < count; i++) {
			CHECK(writers[i].done > 0);
			check_live(models[i], 0, AREA);
			changes += switchers[i].done;
			free(seq[i]);
		}
		REQUIRE_OK(snap_destroy(&id));
	}
	CHECK(changes >= rounds);
	note("%u changes in %u takes", changes, rounds);
	for (unsigned int i = 0; i < count; i++)
		model_free(models[i]);
}

static void processors(void)
{
	if (access("/sys/devices/system/cpu/cpu1/online", W_OK))
		test_skip("there is no processor that can be switched off");
	takes_under(switch_processors);
}

static void schedulers(void)
{
	command("modprobe -q -a kyber-iosched bfq mq-deadline; true");
	takes_under(switch_schedulers);
}

static void switches_cleanup(void)
{
	write_text("/sys/devices/system/cpu/cpu1/online", "1");
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "processors", processors, 150 },
		{ "schedulers", schedulers, 150 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = switches_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
