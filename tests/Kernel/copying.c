// SPDX-License-Identifier: MIT
/* How old data get to the storage: in units, merged, within a limit of memory, in turns. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mapper.h"
#include "module.h"
#include "stored.h"
#include "workload.h"

#define AREA 32768
#define STORAGE 131072
#define UNIT 8				/* sectors: a page */

static uint64_t filled(const snap_id *id)
{
	struct blk_snap_snapshot_status status;

	REQUIRE_OK(snap_status(id, &status));
	return status.storage_filled;
}

/*
 * Single units all over two devices at once, into ranges of all lengths: what is
 * adjacent in the storage comes from everywhere, and is read back from there.
 */
static void scattered(void)
{
	struct dev *dev[] = { dev_disk(0), dev_disk(1) }, *image;
	struct dev *storage = mapper_linear(dev_storage_disk());
	struct writer writers[4];
	struct model *model[2];
	uint64_t before, place = 0;
	struct rng rng;
	uint32_t *seq[2];
	snap_id id;

	for (unsigned int i = 0; i < 2; i++) {
		model[i] = model_new(dev[i]);
		model_fill(model[i], 0, AREA);
		seq[i] = model_freeze(model[i]);
	}
	rng_init(&rng, 91);
	REQUIRE_OK(snap_create((dev_id[]){ dev[0]->id, dev[1]->id }, 2, &id));
	while (place < STORAGE) {
		uint64_t count = 1 + rng_below(&rng, rng_below(&rng, 2) ? 40 : 2000);

		REQUIRE_OK(snap_append_one(&id, storage->id, place, count));
		place += count + rng_below(&rng, 20);
	}
	REQUIRE_OK(snap_take(&id));
	before = dev_written(storage);
	for (unsigned int i = 0; i < 4; i++) {
		writers[i] = (struct writer){ .model = model[i / 2],
			.mode = i % 2 ? write_aio : write_single, .first = i % 2 * (AREA / 2),
			.count = AREA / 2, .limit = i % 2 ? 24 : UNIT, .writes = 400, .stride = 1,
			.stream = 92 + i };
		worker_start(writer_run, &writers[i]);
	}
	workers_join();
	wait_stored(&id, storage, before);
	for (unsigned int i = 0; i < 2; i++) {
		image = dev_image(&id, dev[i]);
		check_image(image, model[i], seq[i], 0, AREA);
		check_live(model[i], 0, AREA);
		dev_close(image);
		free(seq[i]);
		model_free(model[i]);
	}
	REQUIRE_OK(snap_destroy(&id));
}

/* One write after the other that meets its neighbour in the chunk and in the storage. */
static void in_a_row(void)
{
	struct dev *dev = dev_disk(0), *storage = mapper_linear(dev_storage_disk()), *image;
	struct model *model = model_new(dev);
	uint64_t before;
	uint32_t *seq;
	snap_id id;

	model_fill(model, 0, AREA);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	before = dev_written(storage);
	for (uint64_t unit = 0; unit < 512; unit++)
		REQUIRE(model_write(model, unit * UNIT, UNIT));
	for (uint64_t unit = 512; unit > 256; unit--)
		REQUIRE(model_write(model, 8192 + unit * UNIT, UNIT));
	for (uint64_t unit = 0; unit < 512; unit += 2)
		REQUIRE(model_write(model, 16384 + unit * UNIT, UNIT));
	wait_stored(&id, storage, before);
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, AREA);
	/* And the other half, between those. */
	for (uint64_t unit = 1; unit < 512; unit += 2)
		REQUIRE(model_write(model, 16384 + unit * UNIT, UNIT));
	wait_stored(&id, storage, before);
	check_image(image, model, seq, 0, AREA);
	CHECK_EQ(filled(&id), (512 + 256 + 512) * UNIT);
	free(seq);
	model_free(model);
}

/* Neighbours in the storage, of which some are there and some are on their way. */
static void half_stored(void)
{
	struct dev *dev = dev_disk(0), *below = dev_storage_disk(), *storage, *image;
	struct model *model = model_new(dev);
	uint64_t before;
	uint32_t *seq;
	snap_id id;

	mapper_needs("delay");
	storage = mapper_linear(below);
	model_fill(model, 0, AREA);
	mapper_swap(storage, "0 %llu delay %s 0 0 %s 0 500", (unsigned long long)storage->sectors,
		    below->path, below->path);
	snap_begin_one(&id, dev, storage, 0, STORAGE);
	seq = model_freeze(model);
	image = dev_image(&id, dev);
	before = dev_written(storage);
	for (unsigned int chunk = 0; chunk < 4; chunk++) {
		uint64_t first = chunk * CHUNK_SECTORS;

		REQUIRE(model_write(model, first, 2 * UNIT));
		wait_stored(&id, storage, before);
		REQUIRE(model_write(model, first + 2 * UNIT, UNIT));
		REQUIRE(model_write(model, first + 3 * UNIT, 4 * UNIT));
		check_image(image, model, seq, first, CHUNK_SECTORS);
	}
	wait_stored(&id, storage, before);
	check_image(image, model, seq, 0, AREA);
	free(seq);
	model_free(model);
}

/* Storage is used for what is written for the first time, and for no more. */
static void only_the_first_time(void)
{
	struct dev *dev = dev_disk(0), *storage = dev_storage_disk();
	struct model *model = model_new(dev);
	static bool seen[AREA / UNIT];
	uint64_t distinct = 0, last;
	struct rng rng;
	snap_id id;

	snap_begin_one(&id, dev, storage, 0, STORAGE);
	rng_init(&rng, 93);
	/* What a database does: 8 KiB here and there. */
	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t block = rng_below(&rng, AREA / 16);

		REQUIRE(model_write(model, block * 16, 16));
		for (unsigned int unit = 0; unit < 2; unit++) {
			distinct += !seen[block * 2 + unit];
			seen[block * 2 + unit] = true;
		}
	}
	CHECK_EQ(filled(&id), distinct * UNIT);
	CHECK_EQ(snap_copied(&id), distinct * UNIT);
	last = filled(&id);
	for (uint64_t unit = 0; unit < AREA / UNIT; unit++)
		if (seen[unit])
			REQUIRE(model_write(model, unit * UNIT, UNIT));
	CHECK_EQ(filled(&id), last);
	model_free(model);
}

struct share {
	struct model *model;
	uint64_t first, count;		/* sectors */
	_Atomic uint64_t done;		/* sectors */
};

static void *write_share(void *argument)
{
	struct share *share = argument;

	for (uint64_t at = 0; at < share->count && !workers_stopping(); at += 128) {
		if (!model_write(share->model, share->first + at, 128))
			break;
		atomic_store(&share->done, at + 128);
	}
	return NULL;
}

/*
 * Writers are faster than their storage. Old data in memory stay within the limit,
 * and everybody gets his turn.
 */
static void faster_than_the_storage(void)
{
	const uint64_t limit = 4 * MIB / SECTOR, area = 4 * AREA;
	struct dev *dev = dev_disk(0), *below = dev_storage_disk(), *storage, *image;
	struct model *model = model_new(dev);
	uint64_t before, ahead, most = 0, least_done, most_done = 0;
	struct share shares[4] = {};
	uint32_t *seq;
	snap_id id;

	mapper_needs("delay");
	module_require("copy_memory_limit=4");
	storage = mapper_linear(below);
	model_fill(model, 0, area);
	mapper_swap(storage, "0 %llu delay %s 0 0 %s 0 200", (unsigned long long)storage->sectors,
		    below->path, below->path);
	snap_begin_one(&id, dev, storage, 0, 2 * area);
	seq = model_freeze(model);
	before = dev_written(storage);
	for (unsigned int i = 0; i < 4; i++) {
		shares[i] = (struct share){ .model = model, .first = i * area / 4,
					    .count = area / 4 };
		worker_start(write_share, &shares[i]);
	}
	while (most_done < area / 8) {
		uint64_t loaded = snap_copied(&id);

		/* What was not stored after it was loaded was in memory before. */
		ahead = before + loaded - dev_written(storage);
		if ((int64_t)ahead > (int64_t)most)
			most = ahead;
		least_done = area;
		for (unsigned int i = 0; i < 4; i++) {
			uint64_t done = atomic_load(&shares[i].done);

			most_done = done > most_done ? done : most_done;
			least_done = done < least_done ? done : least_done;
		}
		usleep(5000);
	}
	note("at most %llu KiB in memory; %llu to %llu KiB written", (unsigned long long)most / 2,
	     (unsigned long long)least_done / 2, (unsigned long long)most_done / 2);
	CHECK_BETWEEN(most, 1, limit + limit / 4);
	CHECK(least_done * 4 >= most_done);
	workers_stop();
	mapper_mend(storage, below);
	image = dev_image(&id, dev);
	check_image(image, model, seq, 0, area);
	check_live(model, 0, area);
	free(seq);
	model_free(model);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "scattered", scattered, 120 },
		{ "in_a_row", in_a_row, 120 },
		{ "half_stored", half_stored, 120 },
		{ "only_the_first_time", only_the_first_time, 120 },
		{ "faster_than_the_storage", faster_than_the_storage, 200 },
	};

	return module_suite(tests, ARRAY_SIZE(tests), argc, argv);
}
