// SPDX-License-Identifier: MIT
/*
 * Hardly any memory: writers of mapped pages, whose pages can only be freed by
 * writing them, which has to copy old data first, to storage that is slow. It
 * has to end, with a good image, and with no more memory in copies than allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "mounts.h"
#include "workload.h"

#define FILE_BYTES (96 * MIB)
#define LEFT_BYTES (64 * MIB)	/* what the others may use */
#define PAGE 4096

static pid_t hog;

static uint64_t meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	unsigned long long value = 0;
	size_t length = strlen(name);
	char line[160];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && line[length] == ':')
			sscanf(line + length + 1, "%llu", &value);
	if (file)
		fclose(file);
	return value * KIB;
}

/* Pages that no line of the kernel's account has: those of old data are among them. */
static int64_t unaccounted(void)
{
	static const char *const known[] = { "MemFree", "Buffers", "Cached", "AnonPages", "Slab",
					     "PageTables", "KernelStack", "Percpu", "VmallocUsed" };
	int64_t left = meminfo("MemTotal");

	for (unsigned int i = 0; i < ARRAY_SIZE(known); i++)
		left -= meminfo(known[i]);
	return left;
}

/* A process that takes what there is and never gives it back. */
static void hog_start(void)
{
	int ready[2];
	char byte;

	REQUIRE_EQ(pipe(ready), 0);
	hog = fork();
	REQUIRE(hog >= 0);
	if (!hog) {
		alarm(0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (meminfo("MemAvailable") > LEFT_BYTES) {
			char *memory = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);

			if (memory == MAP_FAILED)
				break;
			memset(memory, 1, 4 * MIB);
		}
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	REQUIRE_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	note("%llu MiB are available", (unsigned long long)(meminfo("MemAvailable") / MIB));
}

static void hog_stop(void)
{
	if (hog > 0) {
		kill(hog, SIGKILL);
		waitpid(hog, NULL, 0);
	}
	hog = 0;
}

static atomic_llong most_unaccounted;
static atomic_llong least_free;

static void *measure(void *argument)
{
	(void)argument;
	while (!workers_stopping()) {
		int64_t now = unaccounted(), left = meminfo("MemFree");

		if (now > atomic_load(&most_unaccounted))
			atomic_store(&most_unaccounted, now);
		if (left < atomic_load(&least_free))
			atomic_store(&least_free, left);
		sleep_ms(20);
	}
	return NULL;
}

struct stores {
	uint64_t *pages;
	size_t first;
	size_t count;
	uint64_t value;
	atomic_bool done;
};

static void *store(void *argument)
{
	struct stores *stores = argument;

	for (size_t p = stores->first; p < stores->first + stores->count; p++)
		for (unsigned int i = 0; i < PAGE / sizeof(uint64_t); i += 64)
			stores->pages[p * (PAGE / sizeof(uint64_t)) + i] = p ^ stores->value;
	atomic_store(&stores->done, true);
	return NULL;
}

/* The pages of the file, the first word in eight of each sector. */
static void expect_pages(const char *path, uint64_t value)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buffer = page_alloc(MIB);

	REQUIRE(fd >= 0);
	for (size_t at = 0; at < FILE_BYTES && !test_failed(); at += MIB) {
		REQUIRE_EQ(pread(fd, buffer, MIB, at), MIB);
		for (size_t k = 0; k < MIB; k += SECTOR) {
			uint64_t found;

			memcpy(&found, buffer + k, sizeof(found));
			if (found != (((at + k) / PAGE) ^ value)) {
				FAIL("%s, byte %zu: %llx, want %llx", path, at + k,
				     (unsigned long long)found,
				     (unsigned long long)(((at + k) / PAGE) ^ value));
				break;
			}
		}
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	close(fd);
	free(buffer);
}

static void mapped_writers(void)
{
	struct dev *disk = dev_disk(0), *last = dev_storage_disk(), *storage, *image;
	uint64_t limit = module_parameter("copy_memory_limit") * MIB;
	struct stores writers[3];
	int64_t before;
	uint64_t *pages;
	snap_id id;
	int fd;

	mapper_needs("delay");
	storage = mapper_new("0 %llu delay %s 0 0 %s 0 20", (unsigned long long)last->sectors,
			     last->path, last->path);
	make_file_system("ext4", disk, 200);
	mount_at(disk->path, "live", "defaults");
	fd = open(MOUNTS "/live/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE_EQ(posix_fallocate(fd, 0, FILE_BYTES), 0);
	pages = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(pages != MAP_FAILED);
	/* Pages are written when memory is short, and not before. */
	command("echo 70 > /proc/sys/vm/dirty_background_ratio; "
		"echo 80 > /proc/sys/vm/dirty_ratio");
	writers[0] = (struct stores){ .pages = pages, .count = FILE_BYTES / PAGE, .value = 1 };
	store(&writers[0]);
	REQUIRE_EQ(fsync(fd), 0);
	snap_begin_one(&id, disk, storage, 0, 2 * FILE_BYTES / SECTOR);
	hog_start();
	before = unaccounted();
	atomic_store(&most_unaccounted, before);
	atomic_store(&least_free, meminfo("MemFree"));
	for (unsigned int i = 0; i < ARRAY_SIZE(writers); i++) {
		size_t share = FILE_BYTES / PAGE / ARRAY_SIZE(writers);

		writers[i] = (struct stores){ .pages = pages, .first = i * share, .count = share,
					      .value = 0xabc00000 };
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(writers); i++)
		worker_start(store, &writers[i]);
	worker_start(measure, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(writers); i++)
		while (!atomic_load(&writers[i].done))
			sleep_ms(50);
	REQUIRE_EQ(fsync(fd), 0);
	workers_stop();
	hog_stop();
	note("copies had %lld MiB at most, %lld MiB were free at least",
	     (long long)(atomic_load(&most_unaccounted) - before) / (long long)MIB,
	     (long long)atomic_load(&least_free) / (long long)MIB);
	/* What may be over: the reserves, copies above the limit that had to be, and noise. */
	CHECK(atomic_load(&most_unaccounted) - before < (int64_t)(limit + 32 * MIB));
	munmap(pages, FILE_BYTES);
	close(fd);
	image = dev_image(&id, disk);
	mount_at(image->path, "image", "ro,noload");
	expect_pages(MOUNTS "/image/file", 1);
	expect_pages(MOUNTS "/live/file", 0xabc00000);
	unmount_last();
	dev_close(image);
	REQUIRE_OK(snap_destroy(&id));
}

static void mapped_writers_with_little_for_copies(void)
{
	module_require("copy_memory_limit=4");
	mapped_writers();
}

static void pressure_cleanup(void)
{
	hog_stop();
	command("echo 10 > /proc/sys/vm/dirty_background_ratio; "
		"echo 20 > /proc/sys/vm/dirty_ratio");
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "mapped_writers", mapped_writers, 200 },
		{ "mapped_writers_with_little_for_copies",
		  mapped_writers_with_little_for_copies, 200 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = pressure_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
