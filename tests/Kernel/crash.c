// SPDX-License-Identifier: MIT
/*
 * Crash consistency: a file system writes through a log of all writes and
 * flushes (dm-log-writes) to the device that is snapshotted, and nobody freezes
 * it. The image has to be a state that a power cut could have left: everything
 * up to one flush, and of what came until the next one, any part. With the
 * journal replayed, the file system in it needs no repair.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "mounts.h"
#include "workload.h"

#define STORAGE 131072
#define SIZE_MIB 32
#define SECTORS (SIZE_MIB * MIB / SECTOR)

/* The format of the log, all little endian: a head, then entries with their data behind. */
#define LOG_MAGIC 0x6a736677736872ULL
#define LOG_FLUSH 1
#define LOG_DISCARD 4

struct log_head {
	uint64_t magic;
	uint64_t version;
	uint64_t entries;
	uint32_t sector_size;
};

struct log_entry {
	uint64_t sector;
	uint64_t count;
	uint64_t flags;
	uint64_t mark_length;
};

struct replay {
	struct dev *log;
	uint64_t position;	/* of the next entry, in sectors */
	uint64_t left;
	char *state;		/* of the device, up to the last flush */
	char *image;
	uint8_t *differs;	/* 1: image and state differ here; 2: an entry since explains it */
	uint64_t unexplained;	/* how many are 1 */
	uint64_t different;	/* how many are not 0 */
};

static void compare_sector(struct replay *replay, uint64_t s)
{
	replay->different -= replay->differs[s] != 0;
	replay->unexplained -= replay->differs[s] == 1;
	replay->differs[s] = memcmp(replay->state + s * SECTOR, replay->image + s * SECTOR,
				    SECTOR) != 0;
	replay->different += replay->differs[s];
	replay->unexplained += replay->differs[s];
}

/* What this entry wrote explains sectors of the image that are not as at the last flush. */
static void explain(struct replay *replay, const struct log_entry *entry, const char *data)
{
	for (uint64_t i = 0; i < entry->count; i++) {
		uint64_t s = entry->sector + i;

		if (replay->differs[s] != 1 ||
		    memcmp(data + i * SECTOR, replay->image + s * SECTOR, SECTOR))
			continue;
		replay->differs[s] = 2;
		replay->unexplained--;
	}
}

struct pending {
	struct log_entry entry;
	char *data;
};

/* The writes between two flushes become a part of the state. */
static void settle(struct replay *replay, struct pending *pending, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		memcpy(replay->state + pending[i].entry.sector * SECTOR, pending[i].data,
		       pending[i].entry.count * SECTOR);
		free(pending[i].data);
	}
	for (unsigned int i = 0; i < count; i++)
		for (uint64_t k = 0; k < pending[i].entry.count; k++)
			compare_sector(replay, pending[i].entry.sector + k);
	/* Those explained by writes that are overwritten by now are unexplained again. */
	for (uint64_t s = 0; s < SECTORS; s++) {
		if (replay->differs[s] == 2) {
			replay->differs[s] = 1;
			replay->unexplained++;
		}
	}
}

static void read_entry(struct replay *replay, struct pending *pending)
{
	char *buffer = page_alloc(4096);

	REQUIRE_EQ(pread(replay->log->fd, buffer, SECTOR, replay->position * SECTOR), SECTOR);
	memcpy(&pending->entry, buffer, sizeof(pending->entry));
	free(buffer);
	pending->data = NULL;
	replay->position++;
	if (!pending->entry.count || pending->entry.flags & LOG_DISCARD)
		return;
	REQUIRE(pending->entry.sector + pending->entry.count <= SECTORS);
	pending->data = page_alloc(pending->entry.count * SECTOR);
	REQUIRE_EQ(pread(replay->log->fd, pending->data, pending->entry.count * SECTOR,
			 replay->position * SECTOR), pending->entry.count * SECTOR);
	replay->position += pending->entry.count;
}

/* Is there a flush such that the image is the state then and some of the writes until the next? */
static bool image_is_a_crash(struct replay *replay)
{
	enum { limit = 20000 };
	struct pending *pending = xcalloc(limit, sizeof(*pending));
	unsigned int count = 0, flushes = 0, matches = 0, first = 0;
	char *buffer = page_alloc(4096);
	struct log_head head;

	REQUIRE_EQ(pread(replay->log->fd, buffer, SECTOR, 0), SECTOR);
	memcpy(&head, buffer, sizeof(head));
	free(buffer);
	REQUIRE_EQ(head.magic, LOG_MAGIC);
	REQUIRE_EQ(head.sector_size, SECTOR);
	replay->position = 1;
	for (uint64_t s = 0; s < SECTORS; s++)
		compare_sector(replay, s);
	for (uint64_t n = 0; n < head.entries; n++) {
		struct pending next;
		bool flush;

		read_entry(replay, &next);
		/* The log has a flush before the writes that came with it. */
		flush = next.entry.flags & LOG_FLUSH;
		if (flush || n + 1 == head.entries) {
			if (!replay->unexplained) {
				first = matches++ ? first : flushes;
			}
			settle(replay, pending, count);
			count = 0;
			flushes++;
		}
		if (next.data) {
			REQUIRE(count < limit);
			explain(replay, &next.entry, next.data);
			pending[count++] = next;
		}
	}
	note("the image matches %u of %u flushes, the first is %u; %llu entries", matches, flushes,
	     first, (unsigned long long)head.entries);
	settle(replay, pending, count);
	free(pending);
	CHECK(flushes > 8);
	/* In the middle: neither the beginning nor the end of it all. */
	CHECK(!matches || (first > 0 && first + matches < flushes));
	return matches;
}

struct scribbler {
	unsigned int number;
	atomic_uint files;
};

/* Small files that are synchronised, larger ones that are not, and names that change. */
static void *scribble_files(void *argument)
{
	struct scribbler *scribbler = argument;
	char *data = page_alloc(128 * KIB), path[96], other[96];
	struct rng rng;

	rng_init(&rng, 80 + scribbler->number);
	while (!workers_stopping()) {
		unsigned int n = atomic_fetch_add(&scribbler->files, 1);
		size_t size = 1 + rng_below(&rng, 96 * KIB);
		int fd;

		memset(data, n, size);
		snprintf(path, sizeof(path), MOUNTS "/live/file-%u-%u", scribbler->number, n % 20);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (!CHECK(fd >= 0))
			break;
		CHECK_EQ(write(fd, data, size), size);
		if (n % 3 == 0)
			CHECK_EQ(fsync(fd), 0);
		close(fd);
		snprintf(other, sizeof(other), MOUNTS "/live/name-%u-%u", scribbler->number, n % 7);
		if (n % 4 == 0)
			CHECK_EQ(rename(path, other), 0);
	}
	free(data);
	return NULL;
}

/* However busy the machine is, some files are synchronised meanwhile. */
static void let_scribble(const struct scribbler *scribbler, unsigned int ms)
{
	unsigned int before = atomic_load(&scribbler->files);

	sleep_ms(ms);
	while (atomic_load(&scribbler->files) - before < 9 && !test_failed())
		sleep_ms(20);
}

static void read_device(const struct dev *dev, char *to)
{
	for (uint64_t at = 0; at < SECTORS * SECTOR; at += MIB)
		REQUIRE_EQ(pread(dev->fd, to + at, MIB, at), MIB);
}

static void crash_of(const char *kind, const char *check)
{
	struct dev *disk, *log = dev_disk(1), *target = dev_disk(2), *storage, *through, *image;
	struct scribbler scribblers[2];
	struct replay replay = { .log = log };
	unsigned int rounds = test_long() ? 20 : 2;
	struct rng rng;
	snap_id id;

	mapper_needs("log-writes");
	rng_init(&rng, 81);
	storage = dev_storage_disk();
	disk = mapper_new("0 %llu linear %s 0", SECTORS, dev_disk(0)->path);
	replay.state = page_alloc(SECTORS * SECTOR);
	replay.image = page_alloc(SECTORS * SECTOR);
	replay.differs = xcalloc(SECTORS, 1);
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		make_file_system(kind, disk, SIZE_MIB);
		CHECK_EQ(fsync(disk->fd), 0);
		read_device(disk, replay.state);
		through = mapper_new("0 %llu log-writes %s %s", SECTORS, disk->path, log->path);
		mount_at(through->path, "live", "defaults");
		for (unsigned int i = 0; i < ARRAY_SIZE(scribblers); i++) {
			scribblers[i].number = i;
			atomic_store(&scribblers[i].files, 0);
			worker_start(scribble_files, &scribblers[i]);
		}
		let_scribble(&scribblers[0], 300 + rng_below(&rng, 700));
		snap_begin_one(&id, disk, storage, 0, STORAGE);
		let_scribble(&scribblers[0], 400);
		workers_stop();
		image = dev_image(&id, disk);
		read_device(image, replay.image);
		unmount_last();
		/* Its last entry is written when it goes. */
		dev_close(through);
		memset(replay.differs, 0, SECTORS);
		replay.different = replay.unexplained = 0;
		if (!image_is_a_crash(&replay))
			FAIL("the image is no state that a crash could have left");
		/* After the log, the state is the device: else the log proves nothing. */
		read_device(disk, replay.image);
		CHECK(!memcmp(replay.image, replay.state, SECTORS * SECTOR));
		/* Replay the journal in a copy, then look for damage. */
		REQUIRE_EQ(command("dd if=%s of=%s bs=1M count=%u conv=fsync status=none",
				   image->path, target->path, SIZE_MIB), 0);
		mount_at(target->path, "copy", "defaults");
		unmount_last();
		CHECK_EQ(command(check, target->path), 0);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		note("%u files written", atomic_load(&scribblers[0].files) + atomic_load(&scribblers[1].files));
	}
	free(replay.state);
	free(replay.image);
	free(replay.differs);
}

static void ext4(void)
{
	crash_of("ext4", "e2fsck -f -n %s");
}

static void xfs(void)
{
	crash_of("xfs", "xfs_repair -n %s");
}

static void crash_cleanup(void)
{
	unmount_all();
	module_cleanup();
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "ext4", ext4, 180 },
		{ "xfs", xfs, 180 },
	};
	struct suite suite = {
		.tests = tests,
		.count = ARRAY_SIZE(tests),
		.setup = module_setup,
		.cleanup = crash_cleanup,
	};

	return suite_main(&suite, argc, argv);
}
