// SPDX-License-Identifier: MIT
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define DEPTH_MAX 64

/* One thread. It has every jobs-th transfer of the plan, so that all of them end at about the same time. */
struct job {
	const struct engine *engine;
	pthread_barrier_t *start;
	pthread_t thread;
	unsigned int number;
	int fd;
	int copy_fd;
	aio_context_t context;	/* made and destroyed outside of the time taken: that waits for the kernel's RCU */
	char *buffers;		/* one block for each transfer under way */
	int64_t begun;
	int64_t ended;
	int64_t own_ns;
	unsigned int done;
	unsigned int writes;
	struct histogram latency;
};

void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("error: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

int open_device(const char *path, int flags)
{
	for (int tries = 0;; tries++) {
		int fd = open(path, flags | O_CLOEXEC);

		if (fd >= 0)
			return fd;
		if ((errno != ENOENT && errno != ENXIO && errno != EBUSY) || tries == 100)
			die("%s: %s", path, strerror(errno));
		sleep_ms(20);
	}
}

static bool next(struct job *job, unsigned int *position, unsigned int *index)
{
	const struct engine *engine = job->engine;
	const struct plan *plan = engine->plan;
	unsigned int count = plan->count;

	if (engine->limit && engine->limit < count)
		count = engine->limit;
	*index = *position * plan->pattern->jobs + job->number;
	if (engine->stop) {
		if (atomic_load_explicit(engine->stop, memory_order_relaxed))
			return false;
		*index %= count;
	} else if (*index >= count) {
		return false;
	}
	if (engine->limit_ns && *position && now_ns() - job->begun > engine->limit_ns)
		return false;
	++*position;
	return true;
}

static bool reads(const struct engine *engine, unsigned int index)
{
	return engine->mode == engine_read || (engine->plan->reads && engine->plan->reads[index]);
}

static void expect(long long got, long long wanted, const char *what, const char *path)
{
	if (got != wanted)
		die("%s of %s: %s", what, path, got < 0 ? strerror(-got) : "short");
}

static long long result(ssize_t got)
{
	return got < 0 ? -errno : got;
}

/* One transfer at a time, with the plainest system calls that there are. */
static void run_one_by_one(struct job *job)
{
	const struct engine *engine = job->engine;
	const struct plan *plan = engine->plan;
	uint32_t block = plan->pattern->block;
	unsigned int position = 0, index;
	unsigned int copies = 0;
	struct io_event event;

	while (next(job, &position, &index)) {
		uint64_t offset = plan->offsets[index];
		int64_t before = now_ns();

		if (reads(engine, index)) {
			expect(result(pread(job->fd, job->buffers, block, offset)), block, "read", engine->path);
		} else {
			if (engine->mode != engine_plain)
				expect(result(pread(job->fd, job->buffers + block, block, offset)), block,
				       "read", engine->path);
			if (engine->mode == engine_floor_copy) {
				struct iocb copy = {
					.aio_fildes = job->copy_fd,
					.aio_lio_opcode = IOCB_CMD_PWRITE,
					.aio_buf = (uintptr_t)(job->buffers + block),
					.aio_nbytes = block,
					.aio_offset = (uint64_t)position * block,
				};
				struct iocb *list = &copy;

				/* The buffer is that of the copy before: the time to wait for that is the copy's. */
				if (copies && syscall(SYS_io_getevents, job->context, 1, 1, &event, NULL) != 1)
					die("io_getevents: %s", strerror(errno));
				if (syscall(SYS_io_submit, job->context, 1, &list) != 1)
					die("io_submit: %s", strerror(errno));
				copies = 1;
			}
			expect(result(pwrite(job->fd, job->buffers, block, offset)), block, "write", engine->path);
			if (plan->pattern->sync && fdatasync(job->fd))
				die("flush of %s: %s", engine->path, strerror(errno));
			job->writes++;
		}
		histogram_add(&job->latency, now_ns() - before);
		job->done++;
	}
	if (copies && syscall(SYS_io_getevents, job->context, 1, 1, &event, NULL) != 1)
		die("io_getevents: %s", strerror(errno));
}

static void run_at_depth(struct job *job)
{
	const struct engine *engine = job->engine;
	const struct plan *plan = engine->plan;
	uint32_t block = plan->pattern->block;
	unsigned int depth = plan->pattern->depth;
	unsigned int position = 0, under_way = 0, index, ready = 0;
	struct io_event events[DEPTH_MAX];
	struct iocb requests[DEPTH_MAX] = { 0 }, *list[DEPTH_MAX], *free_ones[DEPTH_MAX];
	int64_t begun[DEPTH_MAX];

	for (; ready < depth; ready++)
		free_ones[ready] = &requests[ready];
	for (;;) {
		unsigned int count = 0, sent = 0;
		long got;

		while (ready && next(job, &position, &index)) {
			struct iocb *request = free_ones[--ready];
			bool read = reads(engine, index);

			request->aio_fildes = job->fd;
			request->aio_lio_opcode = read ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
			request->aio_buf = (uintptr_t)(job->buffers + (request - requests) * (size_t)block);
			request->aio_nbytes = block;
			request->aio_offset = plan->offsets[index];
			begun[request - requests] = now_ns();
			job->writes += !read;
			list[count++] = request;
		}
		if (!count && !under_way)
			break;
		while (sent < count) {
			got = syscall(SYS_io_submit, job->context, count - sent, list + sent);
			if (got <= 0)
				die("transfer on %s: %s", engine->path, strerror(errno));
			sent += got;
		}
		under_way += count;
		got = syscall(SYS_io_getevents, job->context, 1, depth, events, NULL);
		if (got <= 0)
			die("io_getevents: %s", strerror(errno));
		for (long i = 0; i < got; i++) {
			struct iocb *request = (struct iocb *)(uintptr_t)events[i].obj;

			expect(events[i].res, block, "transfer", engine->path);
			histogram_add(&job->latency, now_ns() - begun[request - requests]);
			free_ones[ready++] = request;
		}
		under_way -= got;
		job->done += got;
	}
}

static int64_t processor_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void *run_job(void *argument)
{
	struct job *job = argument;

	pthread_barrier_wait(job->start);
	job->own_ns = -processor_time();
	job->begun = now_ns();
	if (job->engine->plan->pattern->depth == 1)
		run_one_by_one(job);
	else
		run_at_depth(job);
	job->ended = now_ns();
	job->own_ns += processor_time();
	return NULL;
}

static void start_job(struct job *job, const struct engine *engine, unsigned int number,
		      pthread_barrier_t *start)
{
	const struct pattern *pattern = engine->plan->pattern;
	size_t size = (size_t)pattern->block * (pattern->depth + 1);

	memset(job, 0, sizeof(*job));
	job->engine = engine;
	job->number = number;
	job->start = start;
	job->fd = open_device(engine->path, (engine->mode == engine_read ? O_RDONLY : O_RDWR) | O_DIRECT);
	job->copy_fd = engine->mode == engine_floor_copy ? open_device(engine->copy_path, O_RDWR | O_DIRECT) : -1;
	if (syscall(SYS_io_setup, pattern->depth, &job->context))
		die("io_setup: %s", strerror(errno));
	job->buffers = page_alloc(size);
	memset(job->buffers, 'a' + number, size);
	if (pthread_create(&job->thread, NULL, run_job, job))
		die("no thread: %s", strerror(errno));
}

void engine_run(const struct engine *engine, struct outcome *outcome)
{
	unsigned int count = engine->plan->pattern->jobs;
	struct job *jobs = xcalloc(count, sizeof(*jobs));
	int64_t begun = INT64_MAX, ended = 0;
	pthread_barrier_t start;

	memset(outcome, 0, sizeof(*outcome));
	outcome->done_evenly = -1U;
	pthread_barrier_init(&start, NULL, count);
	for (unsigned int i = 0; i < count; i++)
		start_job(&jobs[i], engine, i, &start);
	for (unsigned int i = 0; i < count; i++) {
		struct job *job = &jobs[i];

		pthread_join(job->thread, NULL);
		if (job->begun < begun)
			begun = job->begun;
		if (job->ended > ended)
			ended = job->ended;
		outcome->done += job->done;
		if (job->done < outcome->done_evenly / count)
			outcome->done_evenly = job->done * count;
		outcome->writes += job->writes;
		outcome->own_ns += job->own_ns;
		histogram_merge(&outcome->latency, &job->latency);
		syscall(SYS_io_destroy, job->context);
		close(job->fd);
		if (job->copy_fd >= 0)
			close(job->copy_fd);
		free(job->buffers);
	}
	outcome->ns = ended - begun;
	pthread_barrier_destroy(&start);
	free(jobs);
}

void engine_fill(const char *path, uint64_t bytes)
{
	static const struct pattern pattern = { .name = "fill", .block = MIB, .jobs = 1, .depth = 8, .count = -1U };
	struct outcome *outcome = xmalloc(sizeof(*outcome));
	struct plan plan;
	struct engine engine = { .plan = &plan, .path = path };

	plan_make(&plan, &pattern, bytes, 0);
	engine_run(&engine, outcome);
	plan_free(&plan);
	free(outcome);
}
