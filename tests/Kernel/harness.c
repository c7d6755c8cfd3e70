// SPDX-License-Identifier: MIT
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILURES_SHOWN 12
#define WORKERS_MAX 64

static struct {
	const char *name;
	unsigned int number;
	atomic_uint failures;
	char skip_reason[160];
	bool skipped;
	jmp_buf leave;
} current;

static struct {
	pthread_t threads[WORKERS_MAX];
	unsigned int count;
	atomic_bool stopping;
} workers;

static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t main_thread;
static uint64_t seed = 20221102;
static bool in_guest; /* with a kernel that may be asked for its stacks */

/* One write per line, so that lines of several threads never mix. */
static void print_line(const char *prefix, const char *format, va_list arguments)
{
	char line[512];
	int length = snprintf(line, sizeof(line), "%s", prefix);

	length += vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	pthread_mutex_lock(&output_lock);
	if (write(STDOUT_FILENO, line, length) < 0)
		abort();
	pthread_mutex_unlock(&output_lock);
}

static void tap(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line("", format, arguments);
	va_end(arguments);
}

void note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line("# ", format, arguments);
	va_end(arguments);
}

void fail_at(const char *file, int line, const char *format, ...)
{
	unsigned int earlier = atomic_fetch_add(&current.failures, 1);
	char prefix[128];
	va_list arguments;

	if (earlier == FAILURES_SHOWN)
		note("more failures of this test are not shown");
	if (earlier >= FAILURES_SHOWN)
		return;
	snprintf(prefix, sizeof(prefix), "# %s:%d: ", file, line);
	va_start(arguments, format);
	print_line(prefix, format, arguments);
	va_end(arguments);
}

bool test_failed(void)
{
	return atomic_load(&current.failures) != 0;
}

void test_abandon(void)
{
	/* A jump is possible on the stack of the main thread only. */
	if (!pthread_equal(pthread_self(), main_thread)) {
		note("a thread other than the main one left a test");
		abort();
	}
	longjmp(current.leave, 1);
}

void test_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(current.skip_reason, sizeof(current.skip_reason), format, arguments);
	va_end(arguments);
	current.skipped = true;
	test_abandon();
}

bool check_true(const char *file, int line, bool condition, const char *text)
{
	if (!condition)
		fail_at(file, line, "not true: %s", text);
	return condition;
}

bool check_equal(const char *file, int line, long long got, long long want, const char *text)
{
	if (got != want)
		fail_at(file, line, "%s: got %lld (0x%llx), want %lld (0x%llx)", text, got, got,
			want, want);
	return got == want;
}

bool check_between(const char *file, int line, long long got, long long low, long long high,
		   const char *text)
{
	bool good = got >= low && got <= high;

	if (!good)
		fail_at(file, line, "%s: got %lld, want %lld to %lld", text, got, low, high);
	return good;
}

static const char *result_name(long long result, char *buffer, size_t size)
{
	if (result >= 0)
		snprintf(buffer, size, "%lld", result);
	else
		snprintf(buffer, size, "-%s (%s)", strerrorname_np(-result) ?: "?",
			 strerrordesc_np(-result) ?: "?");
	return buffer;
}

bool check_result(const char *file, int line, long long got, long long want, const char *text)
{
	char got_name[80], want_name[80];

	if (got != want)
		fail_at(file, line, "%s: got %s, want %s", text,
			result_name(got, got_name, sizeof(got_name)),
			result_name(want, want_name, sizeof(want_name)));
	return got == want;
}

bool check_result_in(const char *file, int line, long long got, const int *wanted, size_t count,
		     const char *text)
{
	char name[80], list[200] = "";

	for (size_t i = 0; i < count; i++) {
		if (got == wanted[i])
			return true;
		result_name(wanted[i], name, sizeof(name));
		snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", name);
	}
	fail_at(file, line, "%s: got %s, want one of%s", text,
		result_name(got, name, sizeof(name)), list);
	return false;
}

void worker_start(void *(*run)(void *), void *argument)
{
	REQUIRE(workers.count < WORKERS_MAX);
	REQUIRE_EQ(pthread_create(&workers.threads[workers.count], NULL, run, argument), 0);
	workers.count++;
}

void workers_join(void)
{
	for (unsigned int i = 0; i < workers.count; i++)
		pthread_join(workers.threads[i], NULL);
	workers.count = 0;
	atomic_store(&workers.stopping, false);
}

void workers_stop(void)
{
	atomic_store(&workers.stopping, true);
	workers_join();
}

bool workers_stopping(void)
{
	return atomic_load_explicit(&workers.stopping, memory_order_relaxed);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void rng_init(struct rng *rng, uint64_t stream)
{
	rng->state = mix(seed) + mix(stream + 1);
}

uint64_t rng_next(struct rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15ULL;
	return mix(rng->state);
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

int64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

int command(const char *format, ...)
{
	char line[512], output[400];
	va_list arguments;
	FILE *pipe;
	size_t length;
	int status;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	if (length + 6 > sizeof(line))
		return -1;
	strcat(line, " 2>&1");
	pipe = popen(line, "r");
	if (!pipe)
		return -1;
	length = fread(output, 1, sizeof(output) - 1, pipe);
	output[length] = 0;
	while (fgetc(pipe) != EOF)
		;
	status = pclose(pipe);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (status) {
		note("'%s' ended with %d", line, status);
		for (char *text = strtok(output, "\n"); text; text = strtok(NULL, "\n"))
			note("  %s", text);
	}
	return status;
}

void *xmalloc(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		abort();
	return memory;
}

void *xcalloc(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort();
	return memory;
}

void *page_alloc(size_t size)
{
	void *memory;

	if (posix_memalign(&memory, 4096, size))
		abort();
	return memory;
}

/*
 * A hang: name the test, ask the kernel for the stacks of blocked tasks, leave.
 * Only async-signal-safe calls, since any lock may be held by the hung thread.
 */
static void on_alarm(int signal)
{
	char line[200];
	int trigger, length;

	(void)signal;
	length = snprintf(line, sizeof(line), "# hang: no end within the limit\nnot ok %u - %s\n",
			  current.number, current.name);
	if (write(STDOUT_FILENO, line, length) < 0)
		_exit(4);
	trigger = in_guest ? open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC) : -1;
	if (trigger >= 0 && write(trigger, "w", 1) < 0)
		_exit(4);
	_exit(3);
}

bool test_long(void)
{
	const char *wanted = getenv("BLKSNAP_TEST_LONG");

	return wanted && *wanted && strcmp(wanted, "0");
}

/* On a kernel with checks everything takes long. */
static unsigned int slowness(void)
{
	const char *wanted = getenv("BLKSNAP_TEST_SLOW");
	unsigned int times = wanted ? strtoul(wanted, NULL, 0) : 1;

	return (times ?: 1) * (test_long() ? 10 : 1);
}

static bool selected(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc < 2;
}

static bool run_one(const struct suite *suite, const struct test *test)
{
	int64_t start = now_ns();

	current.name = test->name;
	atomic_store(&current.failures, 0);
	current.skipped = false;
	alarm(test->seconds * slowness());
	if (!setjmp(current.leave))
		test->run();
	workers_stop();
	/* A failing cleanup is the failure of its test, and must not loop. */
	if (suite->cleanup && !setjmp(current.leave))
		suite->cleanup();
	alarm(0);
	if (now_ns() - start > 8000000000LL)
		note("%s took %lld s", test->name, (long long)(now_ns() - start) / 1000000000);
	if (test_failed())
		tap("not ok %u - %s", current.number, test->name);
	else if (current.skipped)
		tap("ok %u - %s # SKIP %s", current.number, test->name, current.skip_reason);
	else
		tap("ok %u - %s", current.number, test->name);
	return !test_failed();
}

static bool set_up(const struct suite *suite)
{
	current.name = "setup";
	alarm(120 * slowness());
	if (suite->setup && !setjmp(current.leave))
		suite->setup();
	if (!test_failed() && !current.skipped)
		return true;
	tap("Bail out! %s", current.skipped ? current.skip_reason : "setup failed");
	return false;
}

int suite_main(const struct suite *suite, int argc, char **argv)
{
	const char *wanted_seed = getenv("BLKSNAP_TEST_SEED");
	unsigned int count = 0, bad = 0;

	in_guest = getenv("BLKSNAP_MODULE_KO");
	current.number = 0;
	main_thread = pthread_self();
	signal(SIGALRM, on_alarm);
	if (wanted_seed)
		seed = strtoull(wanted_seed, NULL, 0);
	note("seed %llu", (unsigned long long)seed);
	for (size_t i = 0; i < suite->count; i++)
		count += selected(suite->tests[i].name, argc, argv);
	tap("1..%u", count);

	if (!set_up(suite))
		return 2;
	for (size_t i = 0; i < suite->count; i++) {
		if (!selected(suite->tests[i].name, argc, argv))
			continue;
		current.number++;
		bad += !run_one(suite, &suite->tests[i]);
	}
	return bad ? 1 : 0;
}
