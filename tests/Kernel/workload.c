// SPDX-License-Identifier: MIT
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness.h"

#define PIECE_SECTORS 2048 /* one MiB, the size of reads and fills */
#define AIO_LANES 8

static atomic_uint sequence;

uint32_t sequence_now(void)
{
	return atomic_load(&sequence);
}

uint32_t sequence_next(void)
{
	return atomic_fetch_add(&sequence, 1) + 1;
}

struct model *model_new(struct dev *dev)
{
	struct model *model = xcalloc(1, sizeof(*model));

	model->dev = dev;
	model->tag = dev->id.mj << 20 | dev->id.mn;
	model->seq = xcalloc(dev->sectors, sizeof(*model->seq));
	return model;
}

void model_free(struct model *model)
{
	free(model->seq);
	free(model);
}

static void encode_range(const struct model *model, void *buffer, uint64_t first, uint64_t count,
			 uint32_t seq)
{
	for (uint64_t i = 0; i < count; i++)
		sector_encode((char *)buffer + i * SECTOR, model->tag, first + i, seq);
}

static void model_set(struct model *model, uint64_t first, uint64_t count, uint32_t seq)
{
	for (uint64_t i = 0; i < count; i++)
		model->seq[first + i] = seq;
}

static bool write_all(int fd, const void *buffer, size_t size, uint64_t offset, const char *path)
{
	ssize_t done = pwrite(fd, buffer, size, offset);

	if (done == (ssize_t)size)
		return true;
	if (done < 0)
		FAIL("%s: write of %zu bytes at %llu: %s", path, size, (unsigned long long)offset,
		     strerror(errno));
	else
		FAIL("%s: write of %zu bytes at %llu: only %zd", path, size,
		     (unsigned long long)offset, done);
	return false;
}

bool model_write(struct model *model, uint64_t first, uint64_t count)
{
	void *buffer = page_alloc(count * SECTOR);
	uint32_t seq = sequence_next();
	bool good;

	encode_range(model, buffer, first, count, seq);
	good = write_all(model->dev->fd, buffer, count * SECTOR, first * SECTOR, model->dev->path);
	/* A failed write leaves one or the other. */
	model_set(model, first, count, good ? seq : SEQ_UNKNOWN);
	free(buffer);
	return good;
}

void model_fill(struct model *model, uint64_t first, uint64_t count)
{
	while (count) {
		uint64_t piece = count < PIECE_SECTORS ? count : PIECE_SECTORS;

		REQUIRE(model_write(model, first, piece));
		first += piece;
		count -= piece;
	}
}

void model_zeroed(struct model *model, uint64_t first, uint64_t count)
{
	model_set(model, first, count, SEQ_ZERO);
}

uint32_t *model_freeze(const struct model *model)
{
	size_t size = model->dev->sectors * sizeof(*model->seq);

	return memcpy(xmalloc(size), model->seq, size);
}

static void report_sector(const char *what, const void *found, uint64_t sector, uint32_t seq)
{
	char text[120];

	sector_describe(found, text, sizeof(text));
	if (seq == SEQ_ZERO)
		FAIL("%s, sector %llu: want zeroes, found %s", what, (unsigned long long)sector,
		     text);
	else
		FAIL("%s, sector %llu (chunk %llu, sector %llu in it): want sequence %u, found %s",
		     what, (unsigned long long)sector, (unsigned long long)sector / CHUNK_SECTORS,
		     (unsigned long long)sector % CHUNK_SECTORS, seq, text);
}

static long check_buffer(const void *buffer, const char *what, uint32_t tag, const uint32_t *seq,
			 uint64_t first, uint64_t count)
{
	long wrong = 0;

	for (uint64_t i = 0; i < count; i++) {
		const char *found = (const char *)buffer + i * SECTOR;
		uint32_t want = seq[first + i];

		if (want == SEQ_UNKNOWN || sector_matches(found, tag, first + i, want))
			continue;
		if (!wrong++)
			report_sector(what, found, first + i, want);
	}
	if (wrong > 1)
		note("%s: %ld wrong sectors in the %llu from %llu", what, wrong,
		     (unsigned long long)count, (unsigned long long)first);
	return wrong;
}

static long read_and_check(int fd, void *buffer, const char *what, uint32_t tag,
			   const uint32_t *seq, uint64_t first, uint64_t count,
			   enum read_error errors)
{
	ssize_t done = pread(fd, buffer, count * SECTOR, first * SECTOR);

	if (done == (ssize_t)(count * SECTOR))
		return check_buffer(buffer, what, tag, seq, first, count);
	/* The device of an image that has just ended has no sectors. */
	if (done >= 0 && errors == read_error_allowed)
		return -EIO;
	if (done >= 0) {
		FAIL("%s: read of %llu sectors at %llu: only %zd bytes", what,
		     (unsigned long long)count, (unsigned long long)first, done);
		return -EIO;
	}
	done = -errno;
	if (errors == read_error_fails)
		FAIL("%s: read of %llu sectors at %llu: %s", what, (unsigned long long)count,
		     (unsigned long long)first, strerror(-done));
	return done;
}

long check_sectors(int fd, const char *what, uint32_t tag, const uint32_t *seq, uint64_t first,
		   uint64_t count, enum read_error errors)
{
	void *buffer = page_alloc(PIECE_SECTORS * SECTOR);
	long wrong = 0;

	while (count && wrong >= 0) {
		uint64_t piece = count < PIECE_SECTORS ? count : PIECE_SECTORS;
		long result = read_and_check(fd, buffer, what, tag, seq, first, piece, errors);

		wrong = result < 0 ? result : wrong + result;
		first += piece;
		count -= piece;
	}
	free(buffer);
	return wrong;
}

long check_image(struct dev *image, const struct model *model, const uint32_t *seq,
		 uint64_t first, uint64_t count)
{
	char what[200];

	snprintf(what, sizeof(what), "%s (image of %s)", image->path, model->dev->path);
	return check_sectors(image->fd, what, model->tag, seq, first, count, read_error_fails);
}

long check_live(const struct model *model, uint64_t first, uint64_t count)
{
	char what[80];

	snprintf(what, sizeof(what), "%s (live)", model->dev->path);
	return check_sectors(model->dev->fd, what, model->tag, model->seq, first, count,
			     read_error_fails);
}

void pick_extent(struct rng *rng, uint64_t first, uint64_t count, uint64_t limit,
		 unsigned int block, uint64_t *sector, uint64_t *sectors)
{
	uint64_t grain = block / SECTOR, start, length = 1;
	unsigned int doublings = 0;

	if (limit > count)
		limit = count;
	/* Every order of size is as likely as every other. */
	while (grain << doublings < limit)
		doublings++;
	length = rng_below(rng, 1ULL << rng_below(rng, doublings + 1)) + 1;
	length *= grain;
	if (length > limit)
		length = limit;
	start = first + rng_below(rng, count - length + 1);
	switch (rng_below(rng, 4)) {
	case 0: /* on a unit of 4 KiB */
		start -= start % 8;
		break;
	case 1: /* from a chunk border */
		start -= start % CHUNK_SECTORS;
		break;
	case 2: /* across a chunk border */
		start += CHUNK_SECTORS - start % CHUNK_SECTORS;
		start -= length / 2 < start ? length / 2 : 0;
		break;
	}
	if (start < first)
		start = first;
	if (start + length > first + count)
		start = first + count - length;
	start -= start % grain;
	if (start < first)
		start += grain;
	length -= length % grain;
	if (start + length > first + count)
		length = (first + count - start) / grain * grain;
	*sector = start;
	*sectors = length;
}

static bool write_one(struct writer *writer, int fd, struct rng *rng, void *buffer)
{
	struct model *model = writer->model;
	uint64_t sector, sectors;
	uint32_t seq = sequence_next();
	struct iovec vector;
	bool good;

	if (writer->mode == write_single) {
		uint64_t grain = model->dev->block / SECTOR;
		uint64_t blocks = writer->count / grain / writer->stride;

		sectors = grain;
		sector = writer->first +
			 (rng_below(rng, blocks) * writer->stride + writer->phase) * grain;
	} else {
		pick_extent(rng, writer->first, writer->count, writer->limit, model->dev->block,
			    &sector, &sectors);
	}
	if (!sectors)
		return true;
	encode_range(model, buffer, sector, sectors, seq);
	if (writer->mode == write_nowait) {
		vector = (struct iovec){ buffer, sectors * SECTOR };
		if (pwritev2(fd, &vector, 1, sector * SECTOR, RWF_NOWAIT) ==
		    (ssize_t)vector.iov_len) {
			model_set(model, sector, sectors, seq);
			return true;
		}
	}
	if (writer->may_fail) {
		ssize_t done = pwrite(fd, buffer, sectors * SECTOR, sector * SECTOR);

		good = done == (ssize_t)(sectors * SECTOR);
		if (!good && done < 0 && !CHECK_RESULT_IN(-errno, -EIO, -ENXIO, -ENODEV, -ENOSPC))
			return false;
		model_set(model, sector, sectors, good ? seq : SEQ_UNKNOWN);
		writer->failed += !good;
		return true;
	}
	good = write_all(fd, buffer, sectors * SECTOR, sector * SECTOR, model->dev->path);
	model_set(model, sector, sectors, good ? seq : SEQ_UNKNOWN);
	return good;
}

/* One write in each lane of the area, all submitted at once. */
static bool write_lanes(struct writer *writer, aio_context_t context, int fd, struct rng *rng,
			char *buffer)
{
	struct model *model = writer->model;
	struct iocb requests[AIO_LANES], *list[AIO_LANES];
	uint64_t sector[AIO_LANES], sectors[AIO_LANES], grain = model->dev->block / SECTOR;
	uint64_t lane = writer->count / AIO_LANES / grain * grain;
	uint32_t seq[AIO_LANES];
	struct io_event events[AIO_LANES];
	long submitted, finished = 0;
	bool good = true;

	memset(requests, 0, sizeof(requests));
	for (unsigned int i = 0; i < AIO_LANES; i++) {
		char *part = buffer + i * writer->limit * SECTOR;

		pick_extent(rng, writer->first + i * lane, lane, writer->limit, model->dev->block,
			    &sector[i], &sectors[i]);
		seq[i] = sequence_next();
		encode_range(model, part, sector[i], sectors[i], seq[i]);
		requests[i].aio_lio_opcode = IOCB_CMD_PWRITE;
		requests[i].aio_fildes = fd;
		requests[i].aio_buf = (uintptr_t)part;
		requests[i].aio_nbytes = sectors[i] * SECTOR;
		requests[i].aio_offset = sector[i] * SECTOR;
		requests[i].aio_data = i;
		list[i] = &requests[i];
	}
	submitted = syscall(SYS_io_submit, context, AIO_LANES, list);
	if (!CHECK_EQ(submitted, AIO_LANES))
		return false;
	while (finished < submitted) {
		long count = syscall(SYS_io_getevents, context, 1, submitted - finished, events,
				     NULL);

		if (!CHECK(count > 0))
			return false;
		finished += count;
		for (long e = 0; e < count; e++) {
			unsigned int i = events[e].data;
			bool written = events[e].res == (long long)(sectors[i] * SECTOR);

			if (!written)
				FAIL("%s: write of %llu sectors at %llu: %lld", model->dev->path,
				     (unsigned long long)sectors[i], (unsigned long long)sector[i],
				     (long long)events[e].res);
			model_set(model, sector[i], sectors[i], written ? seq[i] : SEQ_UNKNOWN);
			good &= written;
		}
	}
	return good;
}

void *writer_run(void *argument)
{
	struct writer *writer = argument;
	bool aio = writer->mode == write_aio;
	unsigned int buffers = aio ? AIO_LANES : 1;
	char *buffer = page_alloc((writer->limit + 8) * SECTOR * buffers);
	int fd = dev_reopen(writer->model->dev,
			    O_RDWR | (writer->mode == write_buffered ? 0 : O_DIRECT));
	aio_context_t context = 0;
	struct rng rng;

	rng_init(&rng, writer->stream);
	writer->done = 0;
	writer->failed = 0;
	if (aio && !CHECK_EQ(syscall(SYS_io_setup, AIO_LANES, &context), 0))
		aio = false;
	while (fd >= 0 && !workers_stopping() &&
	       (!writer->writes || writer->done < writer->writes)) {
		if (!(aio ? write_lanes(writer, context, fd, &rng, buffer)
			  : write_one(writer, fd, &rng, buffer)))
			break;
		writer->done += buffers;
	}
	if (aio)
		syscall(SYS_io_destroy, context);
	if (fd >= 0) {
		if (writer->mode == write_buffered)
			CHECK_EQ(fsync(fd), 0);
		close(fd);
	}
	free(buffer);
	__atomic_store_n(&writer->finished, true, __ATOMIC_RELEASE);
	return NULL;
}

void writers_wait(const struct writer *writers, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		while (!__atomic_load_n(&writers[i].finished, __ATOMIC_ACQUIRE))
			sleep_ms(5);
}

void *reader_run(void *argument)
{
	struct reader *reader = argument;
	const struct dev *image = reader->image;
	uint64_t next = reader->first, grain = image->block / SECTOR;
	void *buffer = page_alloc(PIECE_SECTORS * SECTOR);
	int flags = O_RDONLY | O_CLOEXEC | (reader->buffered ? 0 : O_DIRECT);
	/* An image that may fail may also be gone before this thread gets to it. */
	int fd = reader->errors == read_error_allowed ? open(image->path, flags)
						      : dev_reopen(image, flags);
	char what[200];
	struct rng rng;

	snprintf(what, sizeof(what), "%s (image of %s, %s%s reader)", image->path,
		 reader->model->dev->path, reader->sequential ? "sequential" : "random",
		 reader->buffered ? ", buffered" : "");
	rng_init(&rng, reader->stream);
	while (fd >= 0 && !workers_stopping()) {
		uint64_t sector, sectors;
		long result;

		if (reader->sequential) {
			sector = next;
			sectors = reader->first + reader->count - next;
			if (sectors > PIECE_SECTORS / 4)
				sectors = PIECE_SECTORS / 4;
			next += sectors;
			if (next >= reader->first + reader->count)
				next = reader->first;
		} else {
			pick_extent(&rng, reader->first, reader->count, PIECE_SECTORS,
				    grain * SECTOR, &sector, &sectors);
		}
		if (!sectors)
			continue;
		result = read_and_check(fd, buffer, what, reader->model->tag, reader->seq, sector,
					sectors, reader->errors);
		if (result < 0)
			reader->errors_seen++;
		if (result > 0 || (result < 0 && reader->errors == read_error_fails))
			break;
		if (result < 0)
			sleep_ms(5);
		reader->sectors_read += sectors;
	}
	if (fd >= 0)
		close(fd);
	free(buffer);
	return NULL;
}
