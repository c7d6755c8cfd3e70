// SPDX-License-Identifier: MIT
/*
 * Every way to write: io_uring, polled, without waiting, mapped pages. The image
 * is right, and each write has the result it should have.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "workload.h"

#define AREA 8192
#define STORAGE 65536
#define DEPTH 16
#define LANE (AREA / DEPTH)

struct ring {
	int fd;
	struct io_uring_params params;
	char *submissions;
	char *completions;
	struct io_uring_sqe *entries;
};

static void ring_open(struct ring *ring, unsigned int flags)
{
	size_t size;

	memset(ring, 0, sizeof(*ring));
	ring->params.flags = flags;
	ring->fd = syscall(SYS_io_uring_setup, DEPTH, &ring->params);
	if (ring->fd < 0)
		test_skip("no io_uring: %s", strerror(errno));
	size = ring->params.sq_off.array + ring->params.sq_entries * sizeof(uint32_t);
	ring->submissions = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
				 ring->fd, IORING_OFF_SQ_RING);
	size = ring->params.cq_off.cqes +
	       ring->params.cq_entries * sizeof(struct io_uring_cqe);
	ring->completions = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
				 ring->fd, IORING_OFF_CQ_RING);
	ring->entries = mmap(NULL, ring->params.sq_entries * sizeof(struct io_uring_sqe),
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			     IORING_OFF_SQES);
	REQUIRE(ring->submissions != MAP_FAILED && ring->completions != MAP_FAILED &&
		ring->entries != MAP_FAILED);
}

static uint32_t *ring_word(char *base, uint32_t offset)
{
	return (uint32_t *)(base + offset);
}

/* The next entry for a request; ring_run() submits all of them. */
static struct io_uring_sqe *ring_entry(struct ring *ring, unsigned int n)
{
	uint32_t mask = *ring_word(ring->submissions, ring->params.sq_off.ring_mask);
	uint32_t tail = *ring_word(ring->submissions, ring->params.sq_off.tail) + n;

	ring_word(ring->submissions, ring->params.sq_off.array)[tail & mask] = tail & mask;
	return memset(&ring->entries[tail & mask], 0, sizeof(struct io_uring_sqe));
}

/* Submits so many entries and waits for them; their results go to where they say. */
static void ring_run(struct ring *ring, unsigned int count, int *results)
{
	uint32_t *tail = ring_word(ring->submissions, ring->params.sq_off.tail);
	uint32_t *head = ring_word(ring->completions, ring->params.cq_off.head);
	uint32_t *end = ring_word(ring->completions, ring->params.cq_off.tail);
	uint32_t mask = *ring_word(ring->completions, ring->params.cq_off.ring_mask);
	struct io_uring_cqe *list = (void *)(ring->completions + ring->params.cq_off.cqes);
	unsigned int done = 0, submit = count;

	__atomic_store_n(tail, *tail + count, __ATOMIC_RELEASE);
	while (done < count) {
		int ret = syscall(SYS_io_uring_enter, ring->fd, submit, count - done,
				  IORING_ENTER_GETEVENTS, NULL, 0);

		if (ret < 0 && errno == EINTR)
			continue;
		REQUIRE(ret >= 0);
		submit -= ret;
		while (*head != __atomic_load_n(end, __ATOMIC_ACQUIRE)) {
			const struct io_uring_cqe *entry = &list[*head & mask];

			results[entry->user_data] = entry->res;
			__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
			done++;
		}
	}
}

/* Writes of all sizes in all lanes at once, some rounds of it, into the model. */
static void ring_writes(struct ring *ring, struct model *model, int fd, unsigned int flags,
			uint64_t stream, unsigned int rounds)
{
	char *buffer = page_alloc(AREA * SECTOR);
	unsigned int again = 0;
	struct rng rng;

	rng_init(&rng, stream);
	for (unsigned int round = 0; round < rounds && !test_failed(); round++) {
		uint64_t first[DEPTH], count[DEPTH];
		int results[DEPTH];

		for (unsigned int i = 0; i < DEPTH; i++) {
			struct io_uring_sqe *entry = ring_entry(ring, i);
			char *part = buffer + i * LANE * SECTOR;
			uint32_t seq = sequence_next();

			pick_extent(&rng, i * LANE, LANE, LANE, model->dev->block, &first[i],
				    &count[i]);
			for (uint64_t s = 0; s < count[i]; s++) {
				sector_encode(part + s * SECTOR, model->tag, first[i] + s, seq);
				model->seq[first[i] + s] = seq;
			}
			entry->opcode = IORING_OP_WRITE;
			entry->fd = fd;
			entry->addr = (uintptr_t)part;
			entry->len = count[i] * SECTOR;
			entry->off = first[i] * SECTOR;
			entry->rw_flags = flags;
			entry->user_data = i;
		}
		ring_run(ring, DEPTH, results);
		for (unsigned int i = 0; i < DEPTH; i++) {
			/* Without waiting: the same again, the patient way. */
			if (flags & RWF_NOWAIT && results[i] == -EAGAIN) {
				again++;
				results[i] = pwrite(fd, buffer + i * LANE * SECTOR,
						    count[i] * SECTOR, first[i] * SECTOR);
			}
			if (results[i] != (int)(count[i] * SECTOR))
				FAIL("write of %llu sectors at %llu: %d",
				     (unsigned long long)count[i], (unsigned long long)first[i],
				     results[i]);
		}
	}
	if (flags & RWF_NOWAIT) {
		note("%u of %u writes would have waited", again, rounds * DEPTH);
		CHECK_BETWEEN(again, 1, rounds * DEPTH - 1);
	}
	free(buffer);
}

static void ring_on(struct dev *dev, unsigned int setup, unsigned int flags)
{
	struct dev *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct ring ring;
	uint32_t *seq;
	snap_id id;

	ring_open(&ring, setup);
	model_fill(model, 0, AREA);
	for (unsigned int round = 0; round < 3; round++) {
		snap_begin_one(&id, dev, storage, 0, STORAGE);
		seq = model_freeze(model);
		image = dev_image(&id, dev);
		ring_writes(&ring, model, dev->fd, flags, 90 + round, 25);
		check_image(image, model, seq, 0, AREA);
		check_live(model, 0, AREA);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
	}
	close(ring.fd);
	model_free(model);
}

static void ring_disk(void)
{
	ring_on(dev_disk(0), 0, 0);
}

/* So few requests at once that writes without waiting have to fail now and then. */
static void narrow(const struct dev *dev, bool on)
{
	REQUIRE_EQ(command("echo %d > /sys/block/%s/queue/nr_requests", on ? 4 : 128,
			   strrchr(dev->path, '/') + 1), 0);
}

static void ring_nowait(void)
{
	struct dev *dev = dev_disk(0);

	narrow(dev, true);
	ring_on(dev, 0, RWF_NOWAIT);
	narrow(dev, false);
}

static void ring_polled(void)
{
	struct utsname name;

	/* There polled writes to it never end, tracked or not. */
	if (!uname(&name) && !strncmp(name.release, "6.1.", 4))
		test_skip("null_blk of Linux 6.1 does not end polled writes");
	/* With a queue of its own for those who poll. */
	ring_on(dev_null("size=8 blocksize=512 submit_queues=2 poll_queues=1"),
		IORING_SETUP_IOPOLL, 0);
}

/* Device-mapper keeps a list of its own in a polled write that it splits. */
static void ring_polled_stripes(void)
{
	struct utsname name;
	struct dev *legs[2];

	if (!uname(&name) && !strncmp(name.release, "6.1.", 4))
		test_skip("null_blk of Linux 6.1 does not end polled writes");
	mapper_needs("striped");
	for (unsigned int i = 0; i < 2; i++)
		legs[i] = dev_null("size=8 blocksize=512 submit_queues=2 poll_queues=1");
	ring_on(mapper_new("0 16384 striped 2 8 %s 0 %s 0", legs[0]->path, legs[1]->path),
		IORING_SETUP_IOPOLL, 0);
}

/*
 * Without waiting: a write either is done, or says EAGAIN and has changed
 * nothing, neither the device nor what the image shows.
 */
static void nowait(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	struct writer writer = { .model = model, .mode = write_aio, .first = AREA, .count = AREA,
				 .limit = 256, .stream = 94 };
	char *buffer = page_alloc(AREA * SECTOR);
	unsigned int again = 0;
	struct rng rng;
	uint32_t *seq;
	snap_id id;

	rng_init(&rng, 95);
	model_fill(model, 0, 2 * AREA);
	narrow(dev, true);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	worker_start(writer_run, &writer);
	for (unsigned int n = 0; n < 400; n++) {
		struct iovec vector = { .iov_base = buffer };
		uint32_t number = sequence_next();
		uint64_t first, count;
		ssize_t done;

		pick_extent(&rng, 0, AREA, 64, SECTOR, &first, &count);
		for (uint64_t s = 0; s < count; s++)
			sector_encode(buffer + s * SECTOR, model->tag, first + s, number);
		vector.iov_len = count * SECTOR;
		done = pwritev2(dev->fd, &vector, 1, first * SECTOR, RWF_NOWAIT);
		if (done < 0)
			CHECK_RESULT(-errno, -EAGAIN);
		else
			CHECK_EQ(done, count * SECTOR);
		again += done < 0;
		for (uint64_t s = 0; done > 0 && s < count; s++)
			model->seq[first + s] = number;
	}
	note("%u of 400 writes would have waited", again);
	CHECK(again < 400);
	workers_stop();
	narrow(dev, false);
	check_live(model, 0, 2 * AREA);
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, 2 * AREA);
	dev_close(image);
	free(buffer);
	free(seq);
	model_free(model);
}

/* Stores into mapped pages of the device and of a file, with msync and without. */
static void mapped(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk(), *image;
	struct model *model = model_new(dev);
	int fd = dev_reopen(dev, O_RDWR);
	char *pages;
	uint32_t *seq;
	struct rng rng;
	snap_id id;

	rng_init(&rng, 96);
	pages = mmap(NULL, AREA * SECTOR, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(pages != MAP_FAILED);
	for (unsigned int round = 0; round < 4; round++) {
		for (uint64_t s = 0; s < AREA; s++)
			sector_encode(pages + s * SECTOR, model->tag, s, round + 1);
		/* What is written back before the take is in the image, later stores are not. */
		REQUIRE_EQ(msync(pages, AREA * SECTOR, MS_SYNC), 0);
		for (uint64_t s = 0; s < AREA; s++)
			model->seq[s] = round + 1;
		snap_begin_one(&id, dev, storage, 0, STORAGE);
		seq = model_freeze(model);
		for (unsigned int n = 0; n < 500; n++) {
			uint64_t s = rng_below(&rng, AREA);

			sector_encode(pages + s * SECTOR, model->tag, s, 1000 + n);
			if (n % 100 == 0)
				REQUIRE_EQ(msync(pages, AREA * SECTOR, MS_SYNC), 0);
		}
		REQUIRE_EQ(msync(pages, AREA * SECTOR, MS_SYNC), 0);
		image = dev_image(&id, dev);
		check_image(image, model, seq, 0, AREA);
		dev_close(image);
		REQUIRE_OK(snap_destroy(&id));
		free(seq);
	}
	munmap(pages, AREA * SECTOR);
	close(fd);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "ring_disk", ring_disk, 120 },
		{ "ring_nowait", ring_nowait, 120 },
		{ "ring_polled", ring_polled, 120 },
		{ "ring_polled_stripes", ring_polled_stripes, 120 },
		{ "nowait", nowait, 120 },
		{ "mapped", mapped, 120 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
