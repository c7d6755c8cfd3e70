// SPDX-License-Identifier: MIT
/* The tools of the tests, tested: they need neither the module nor a device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "sectors.h"
#include "workload.h"

static void codec_round_trip(void)
{
	unsigned char sector[SECTOR];
	struct sector_label label;

	sector_encode(sector, 0xfd00003, 123456789012ULL, 77);
	label = sector_decode(sector);
	CHECK_EQ(label.kind, sector_described);
	CHECK_EQ(label.tag, 0xfd00003);
	CHECK_EQ(label.sector, 123456789012ULL);
	CHECK_EQ(label.seq, 77);
	CHECK(sector_matches(sector, 0xfd00003, 123456789012ULL, 77));
	CHECK(!sector_matches(sector, 0xfd00002, 123456789012ULL, 77));
	CHECK(!sector_matches(sector, 0xfd00003, 123456789013ULL, 77));
	CHECK(!sector_matches(sector, 0xfd00003, 123456789012ULL, 78));
	CHECK(!sector_matches(sector, 0xfd00003, 123456789012ULL, SEQ_ZERO));
}

static void codec_sees_every_byte(void)
{
	unsigned char sector[SECTOR];

	for (unsigned int i = 0; i < SECTOR; i++) {
		sector_encode(sector, 1, 2, 3);
		sector[i] ^= 0x40;
		if (sector_matches(sector, 1, 2, 3))
			FAIL("a change of byte %u is not seen", i);
		if (sector_decode(sector).kind == sector_described)
			FAIL("a change of byte %u is not seen by the checksum", i);
	}
}

static void codec_tells_kinds(void)
{
	unsigned char sector[SECTOR] = { 0 };
	char text[120];

	CHECK_EQ(sector_decode(sector).kind, sector_zero);
	CHECK(sector_matches(sector, 1, 2, SEQ_ZERO));
	sector[511] = 1;
	CHECK_EQ(sector_decode(sector).kind, sector_foreign);
	CHECK(!sector_matches(sector, 1, 2, SEQ_ZERO));
	sector_encode(sector, 0x0fd00003, 9, 4711);
	sector_describe(sector, text, sizeof(text));
	CHECK(!strcmp(text, "sector 9 of device 0fd00003, sequence 4711"));
	/* Half of a newer write over an older one. */
	sector_encode(sector, 1, 2, 3);
	sector_encode(sector, 1, 2, 4);
	memset(sector + 256, 0, 256);
	CHECK_EQ(sector_decode(sector).kind, sector_torn);
}

static void extents_stay_inside(void)
{
	uint64_t sector, sectors, crossing = 0, small = 0, large = 0;
	struct rng rng;

	rng_init(&rng, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int block = i % 2 ? 4096 : 512;

		pick_extent(&rng, 1000, 20000, 8192, block, &sector, &sectors);
		if (!CHECK(sectors > 0) || !CHECK(sectors <= 8192) || !CHECK(sector >= 1000) ||
		    !CHECK(sector + sectors <= 21000) ||
		    !CHECK_EQ(sector % (block / SECTOR), 0) ||
		    !CHECK_EQ(sectors % (block / SECTOR), 0))
			return;
		crossing += sector / CHUNK_SECTORS != (sector + sectors - 1) / CHUNK_SECTORS;
		small += sectors == block / SECTOR;
		large += sectors > 4096;
	}
	CHECK(crossing > 2000);
	CHECK(small > 1000);
	CHECK(large > 200);
}

static void random_numbers_repeat(void)
{
	struct rng a, b;

	rng_init(&a, 5);
	rng_init(&b, 5);
	for (unsigned int i = 0; i < 100; i++)
		if (!CHECK_EQ(rng_next(&a), rng_next(&b)))
			return;
	rng_init(&b, 6);
	CHECK(rng_next(&a) != rng_next(&b));
}

/* The suite that a child runs, to see what the harness makes of it. */
static void passes(void) { CHECK_EQ(1, 1); }
static void fails(void) { CHECK_EQ(1, 2); CHECK_RESULT(-EBUSY, 0); }
static void abandons(void) { REQUIRE(false); FAIL("not reached"); }
static void skips(void) { test_skip("no %s", "reason"); }
static void hangs(void) { pause(); }
static void *fail_in_thread(void *argument)
{
	(void)argument;
	while (!workers_stopping())
		sleep_ms(1);
	FAIL("from a thread");
	return NULL;
}
static void fails_in_a_thread(void) { worker_start(fail_in_thread, NULL); }

static int run_child(const struct suite *suite, char *output, size_t size)
{
	char *arguments[] = { "child", NULL };
	size_t length = 0;
	ssize_t got;
	int ends[2], status;
	pid_t child;

	REQUIRE_EQ(pipe(ends), 0);
	child = fork();
	if (!child) {
		unsetenv("BLKSNAP_MODULE_KO"); /* no stacks in the kernel log for this */
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		_exit(suite_main(suite, 1, arguments));
	}
	close(ends[1]);
	while ((got = read(ends[0], output + length, size - 1 - length)) > 0)
		length += got;
	output[length] = 0;
	close(ends[0]);
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void harness_reports(void)
{
	static const struct test tests[] = {
		{ "passes", passes, 5 }, { "fails", fails, 5 }, { "abandons", abandons, 5 },
		{ "skips", skips, 5 }, { "thread", fails_in_a_thread, 5 },
	};
	static const char *const wanted[] = {
		"1..5\n", "ok 1 - passes\n", "not ok 2 - fails\n", "1: got 1 (0x1), want 2 (0x2)",
		"-EBUSY: got -EBUSY (Device or resource busy), want 0", "not ok 3 - abandons\n",
		"not true: ", "ok 4 - skips # SKIP no reason\n", "not ok 5 - thread\n",
		": from a thread\n",
	};
	struct suite suite = { .tests = tests, .count = ARRAY_SIZE(tests) };
	char output[4096];

	CHECK_EQ(run_child(&suite, output, sizeof(output)), 1);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(output, wanted[i]))
			FAIL("the output lacks '%s'", wanted[i]);
	CHECK(!strstr(output, "not reached"));
}

static void harness_sees_hangs(void)
{
	static const struct test tests[] = { { "hangs", hangs, 1 }, { "passes", passes, 5 } };
	struct suite suite = { .tests = tests, .count = ARRAY_SIZE(tests) };
	char output[4096];

	CHECK_EQ(run_child(&suite, output, sizeof(output)), 3);
	CHECK(strstr(output, "not ok 1 - hangs\n"));
	CHECK(!strstr(output, "passes"));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "codec_round_trip", codec_round_trip, 20 },
		{ "codec_sees_every_byte", codec_sees_every_byte, 20 },
		{ "codec_tells_kinds", codec_tells_kinds, 20 },
		{ "extents_stay_inside", extents_stay_inside, 20 },
		{ "random_numbers_repeat", random_numbers_repeat, 20 },
		{ "harness_reports", harness_reports, 30 },
		{ "harness_sees_hangs", harness_sees_hangs, 30 },
	};
	struct suite suite = { .tests = tests, .count = ARRAY_SIZE(tests) };

	return suite_main(&suite, argc, argv);
}
