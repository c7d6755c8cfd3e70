/* SPDX-License-Identifier: MIT */
/*
 * A small test harness: TAP on standard output, checks that say where and with
 * which values they failed, a limit for every test so that a hang is a failure
 * with a name, and threads that are always joined before the next test starts.
 */
#ifndef KERNEL_TESTS_HARNESS_H
#define KERNEL_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define KIB 1024ULL
#define MIB (1024ULL * 1024)

struct test {
	const char *name;
	void (*run)(void);
	unsigned int seconds; /* before it counts as hung; ten times that in the long run */
};

struct suite {
	const struct test *tests;
	size_t count;
	void (*setup)(void);	/* once, before the first test; may be NULL */
	void (*cleanup)(void);	/* after every test, whatever happened; may be NULL */
};

/*
 * BLKSNAP_TEST_LONG=1 in the environment asks for the long run: many times as
 * many rounds where chance decides, and limits that allow for it.
 */
bool test_long(void);

/* Runs all tests, or those named in the arguments. The exit code of main(). */
int suite_main(const struct suite *suite, int argc, char **argv);

/* A line of explanation in the output. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reports a failure of the running test; it goes on. Usable in any thread. */
void fail_at(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool test_failed(void);

/* Leaves the running test. In the main thread only. */
void test_abandon(void) __attribute__((noreturn));
void test_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

bool check_true(const char *file, int line, bool condition, const char *text);
bool check_equal(const char *file, int line, long long got, long long want, const char *text);
bool check_between(const char *file, int line, long long got, long long low, long long high,
		   const char *text);
/* got is a result of the client: a negative value is an errno. */
bool check_result(const char *file, int line, long long got, long long want, const char *text);
bool check_result_in(const char *file, int line, long long got, const int *wanted, size_t count,
		     const char *text);

#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition) check_true(__FILE__, __LINE__, (condition), #condition)
#define CHECK_EQ(got, want) \
	check_equal(__FILE__, __LINE__, (long long)(got), (long long)(want), #got)
#define CHECK_BETWEEN(got, low, high) \
	check_between(__FILE__, __LINE__, (long long)(got), (long long)(low), \
		      (long long)(high), #got)
#define CHECK_RESULT(got, want) check_result(__FILE__, __LINE__, (got), (want), #got)
#define CHECK_RESULT_IN(got, ...) \
	check_result_in(__FILE__, __LINE__, (got), (const int[]){ __VA_ARGS__ }, \
			ARRAY_SIZE(((const int[]){ __VA_ARGS__ })), #got)

/* As above, and the test ends there when they fail. In the main thread only. */
#define REQUIRE(condition) do { if (!CHECK(condition)) test_abandon(); } while (0)
#define REQUIRE_EQ(got, want) do { if (!CHECK_EQ(got, want)) test_abandon(); } while (0)
#define REQUIRE_OK(got) do { if (!CHECK_RESULT(got, 0)) test_abandon(); } while (0)

/*
 * Threads. They are to look at workers_stopping() now and then; the harness
 * stops and joins those that a test leaves behind.
 */
void worker_start(void *(*run)(void *), void *argument);
void workers_stop(void);	/* ask all to end, and join them */
void workers_join(void);	/* join all without asking */
bool workers_stopping(void);

/* Random numbers from the seed that the first line of output tells. */
struct rng {
	uint64_t state;
};
void rng_init(struct rng *rng, uint64_t stream);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t limit);

int64_t now_ns(void); /* CLOCK_MONOTONIC */
void sleep_ms(unsigned int ms);

/* Runs a shell command, its output as notes if it fails. The exit status. */
int command(const char *format, ...) __attribute__((format(printf, 1, 2)));

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *page_alloc(size_t size); /* aligned for direct I/O */

#endif
