// SPDX-License-Identifier: GPL-2.0
#include <linux/blkdev.h>
#include <linux/highmem.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "cbt_map.h"
#include "copy.h"
#include "diff_area.h"
#include "image_io.h"

#define IMAGE_IO_RESERVE 64

/* struct image_io - a bio of an image, until all pieces of it are done. */
struct image_io {
	struct bio *bio;
	struct diff_area *area;		/* holds a reference */
	struct cbt_map *cbt;
	struct bvec_iter rest;		/* owner only: what no piece was made for yet */
	atomic_t pending;		/* pieces, and the one who makes them */
	blk_status_t status;		/* of the last piece that failed; several may at once */
	struct preserve preserve;	/* for a write */
	struct work_struct work;
};

/* struct image_piece - part of an image bio, read from or written to one place. */
struct image_piece {
	struct image_io *io;		/* NULL if it is all of the bio */
	struct bio *all;		/* then: that bio, */
	struct diff_area *area;		/* a reference, */
	struct cbt_map *cbt;		/* and the map */
	enum data_place place;
	struct bvec_iter part;		/* of the image bio */
	struct page *block;		/* a whole block of the storage, for a part of one */
	unsigned int block_offset;	/* bytes */
	struct work_struct work;
	struct bio bio;			/* last: its vectors may follow */
};

static struct kmem_cache *image_io_cache;
static mempool_t image_io_pool;
static mempool_t block_pool;
struct bio_set image_piece_bios;
static struct workqueue_struct *image_queue;

static void image_io_work(struct work_struct *work);

int __init image_io_module_init(void)
{
	int ret = -ENOMEM;

	image_io_cache = KMEM_CACHE(image_io, 0);
	if (!image_io_cache)
		return ret;
	ret = mempool_init_slab_pool(&image_io_pool, IMAGE_IO_RESERVE, image_io_cache);
	if (ret)
		goto out_cache;
	ret = mempool_init_page_pool(&block_pool, IMAGE_IO_RESERVE, 0);
	if (ret)
		goto out_pool;
	ret = bioset_init(&image_piece_bios, IMAGE_IO_RESERVE, offsetof(struct image_piece, bio),
			  BIOSET_NEED_BVECS);
	if (ret)
		goto out_block_pool;
	ret = -ENOMEM;
	image_queue = alloc_workqueue("blksnap_image", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!image_queue)
		goto out_bios;
	return 0;

out_bios:
	bioset_exit(&image_piece_bios);
out_block_pool:
	mempool_exit(&block_pool);
out_pool:
	mempool_exit(&image_io_pool);
out_cache:
	kmem_cache_destroy(image_io_cache);
	return ret;
}

void image_io_module_exit(void)
{
	destroy_workqueue(image_queue);
	bioset_exit(&image_piece_bios);
	mempool_exit(&block_pool);
	mempool_exit(&image_io_pool);
	kmem_cache_destroy(image_io_cache);
}

static void image_io_put(struct image_io *io)
{
	struct diff_area *area = io->area;
	struct bio *bio = io->bio;

	if (!atomic_dec_and_test(&io->pending))
		return;
	/* Another bio of a chain may have left an error here. */
	if (io->status)
		bio->bi_status = io->status;
	mempool_free(io, &image_io_pool);
	bio_endio(bio);
	diff_area_put(area);
}

static void piece_end_io(struct bio *bio)
{
	struct image_piece *piece = container_of(bio, struct image_piece, bio);
	struct image_io *io = piece->io;
	sector_t sector = piece->part.bi_sector;
	sector_t count = piece->part.bi_size >> SECTOR_SHIFT;

	if (bio->bi_status) {
		WRITE_ONCE(io->status, bio->bi_status);
	} else if (piece->place == data_in_original) {
		/*
		 * The data are right if the original could not be overwritten
		 * until now: the bits are set before it is.
		 */
		smp_mb();
		if (diff_area_failed(io->area)) {
			WRITE_ONCE(io->status, BLK_STS_IOERR);
		} else if (diff_area_touched(io->area, sector, count)) {
			queue_work(image_queue, &piece->work);
			return;
		}
	}
	bio_put(bio);
	image_io_put(io);
}

static void piece_again(struct work_struct *work);

static struct image_piece *init_piece(struct image_io *io, const struct data_run *run,
				      struct bvec_iter part, struct bio *bio)
{
	struct image_piece *piece = container_of(bio, struct image_piece, bio);

	piece->io = io;
	piece->place = run->place;
	piece->part = part;
	piece->block = NULL;
	INIT_WORK(&piece->work, piece_again);
	atomic_inc(&io->pending);
	return piece;
}

static int start_piece(struct image_io *io, const struct data_run *run, struct bvec_iter part,
		       gfp_t gfp)
{
	struct bio *bio = bio_alloc_clone(run->region.bdev, io->bio, gfp, &image_piece_bios);

	if (!bio)
		return -ENOMEM;
	init_piece(io, run, part, bio);
	bio->bi_iter = part;
	bio->bi_iter.bi_sector = run->region.sector;
	/* The storage lives as long as the snapshot: nothing has to be durable. */
	bio->bi_opf &= ~(REQ_PREFLUSH | REQ_FUA);
	bio->bi_end_io = piece_end_io;
	submit_bio_noacct(bio);
	return 0;
}

static void block_end_io(struct bio *bio)
{
	struct image_piece *piece = container_of(bio, struct image_piece, bio);
	struct image_io *io = piece->io;
	unsigned int offset = piece->block_offset;
	struct bvec_iter iter;
	struct bio_vec bvec;

	if (bio->bi_status)
		WRITE_ONCE(io->status, bio->bi_status);
	else
		__bio_for_each_segment(bvec, io->bio, iter, piece->part) {
			memcpy_page(bvec.bv_page, bvec.bv_offset, piece->block, offset, bvec.bv_len);
			flush_dcache_page(bvec.bv_page);
			offset += bvec.bv_len;
		}
	mempool_free(piece->block, &block_pool);
	bio_put(bio);
	image_io_put(io);
}

/* Part of a block of a storage whose blocks are larger than those of the image. */
static int start_block(struct image_io *io, const struct data_run *run, struct bvec_iter part,
		       unsigned int head, gfp_t gfp)
{
	struct bio *bio = bio_alloc_bioset(run->region.bdev, 1, REQ_OP_READ, gfp, &image_piece_bios);
	struct image_piece *piece;
	struct page *block;

	if (!bio)
		return -ENOMEM;
	block = mempool_alloc(&block_pool, gfp);
	if (!block) {
		bio_put(bio);
		return -ENOMEM;
	}
	piece = init_piece(io, run, part, bio);
	piece->block = block;
	piece->block_offset = head << SECTOR_SHIFT;
	__bio_add_page(bio, block, bdev_logical_block_size(run->region.bdev), 0);
	bio->bi_iter.bi_sector = run->region.sector - head;
	bio->bi_end_io = block_end_io;
	submit_bio_noacct(bio);
	return 0;
}

/* Read from or write to the storage, as much as can be done in one. */
static int start_stored(struct image_io *io, const struct data_run *run, struct bvec_iter *part,
			gfp_t gfp)
{
	unsigned int block = bdev_logical_block_size(run->region.bdev) >> SECTOR_SHIFT;
	unsigned int head = run->region.sector & (block - 1);
	unsigned int sectors = part->bi_size >> SECTOR_SHIFT;

	if (!head && sectors >= block) {
		part->bi_size = round_down(sectors, block) << SECTOR_SHIFT;
		return start_piece(io, run, *part, gfp);
	}
	part->bi_size = min(sectors, block - head) << SECTOR_SHIFT;
	if (op_is_write(bio_op(io->bio))) {
		WRITE_ONCE(io->status, BLK_STS_IOERR);
		return 0;
	}
	return start_block(io, run, *part, head, gfp);
}

/*
 * Make pieces of a part of the bio. @part is what is left of it, also when there
 * is no memory to go on.
 */
static int make_pieces(struct image_io *io, struct bvec_iter *part, gfp_t gfp)
{
	while (part->bi_size) {
		struct bvec_iter piece = *part;
		struct data_run run;

		if (diff_area_failed(io->area))
			goto fail;
		diff_area_locate(io->area, part->bi_sector, part->bi_size >> SECTOR_SHIFT, &run);
		if (!run.sectors)
			goto fail;
		/* image_write() has seen to that. */
		if (run.place == data_in_original && op_is_write(bio_op(io->bio)))
			goto fail;
		piece.bi_size = run.sectors << SECTOR_SHIFT;
		if (run.place == data_in_memory) {
			if (!op_is_write(bio_op(io->bio)))
				copy_read(run.copy, run.copy_offset, io->bio, piece);
			copy_put(run.copy);
		} else if (run.place == data_in_storage) {
			if (start_stored(io, &run, &piece, gfp))
				return -ENOMEM;
		} else if (start_piece(io, &run, piece, gfp)) {
			return -ENOMEM;
		}
		bio_advance_iter(io->bio, part, piece.bi_size);
	}
	return 0;

fail:
	WRITE_ONCE(io->status, BLK_STS_IOERR);
	part->bi_size = 0;
	return 0;
}

/* The original was overwritten while it was read: the old data are elsewhere by now. */
static void piece_again(struct work_struct *work)
{
	struct image_piece *piece = container_of(work, struct image_piece, work);
	struct image_io *io = piece->io;
	struct bvec_iter part = piece->part;

	bio_put(&piece->bio);
	make_pieces(io, &part, GFP_NOIO);
	image_io_put(io);
}

static void image_io_continue(struct image_io *io, gfp_t gfp)
{
	if (make_pieces(io, &io->rest, gfp))
		queue_work(image_queue, &io->work);
	else
		image_io_put(io);
}

/* A write: first see to it that the storage holds all units that it touches, whole. */
static void image_write(struct image_io *io)
{
	if (diff_area_preserve(io->area, &io->preserve, GFP_NOIO) == -EINPROGRESS)
		return;
	cbt_map_mark_both(io->cbt, io->rest.bi_sector, io->rest.bi_size >> SECTOR_SHIFT);
	image_io_continue(io, GFP_NOIO);
}

static void image_io_work(struct work_struct *work)
{
	struct image_io *io = container_of(work, struct image_io, work);

	if (op_is_write(bio_op(io->bio)))
		image_write(io);
	else
		image_io_continue(io, GFP_NOIO);
}

static void image_write_ready(struct preserve *preserve)
{
	struct image_io *io = container_of(preserve, struct image_io, preserve);

	queue_work(image_queue, &io->work);
}

/* The bio as a whole, from one place: nothing but a clone of it is needed. */
static void whole_end_io(struct bio *clone)
{
	struct image_piece *piece = container_of(clone, struct image_piece, bio);
	struct diff_area *area = piece->area;
	struct bio *bio = piece->all;

	if (clone->bi_status) {
		bio->bi_status = clone->bi_status;
	} else if (piece->place == data_in_original) {
		/* As in piece_end_io(). */
		smp_mb();
		if (diff_area_failed(area)) {
			bio->bi_status = BLK_STS_IOERR;
		} else if (diff_area_touched(area, piece->part.bi_sector,
					     piece->part.bi_size >> SECTOR_SHIFT)) {
			queue_work(image_queue, &piece->work);
			return;
		}
	}
	bio_put(clone);
	bio_endio(bio);
	diff_area_put(area);
}

static void start_io(struct image_io *io, struct diff_area *area, struct cbt_map *cbt,
		     struct bio *bio)
{
	io->bio = bio;
	io->area = area;
	io->cbt = cbt;
	io->rest = bio->bi_iter;
	io->status = BLK_STS_OK;
	atomic_set(&io->pending, 1);
	INIT_WORK(&io->work, image_io_work);
}

/* The original was overwritten meanwhile: now in pieces. */
static void whole_again(struct work_struct *work)
{
	struct image_piece *piece = container_of(work, struct image_piece, work);
	struct image_io *io = mempool_alloc(&image_io_pool, GFP_NOIO);

	start_io(io, piece->area, piece->cbt, piece->all);
	bio_put(&piece->bio);
	image_io_continue(io, GFP_NOIO);
}

/* Return: false if it has to be done in pieces. The caller's reference to @area is used. */
static bool read_whole(struct diff_area *area, struct cbt_map *cbt, struct bio *bio)
{
	struct image_piece *piece;
	struct data_run run;
	struct bio *clone;
	unsigned int block;

	if (diff_area_failed(area))
		return false;
	diff_area_locate(area, bio->bi_iter.bi_sector, bio_sectors(bio), &run);
	if (run.place == data_in_memory) {
		bool all = run.sectors == bio_sectors(bio);

		if (all)
			copy_read(run.copy, run.copy_offset, bio, bio->bi_iter);
		copy_put(run.copy);
		if (!all)
			return false;
		atomic64_add(run.sectors, &area->image_read);
		bio_endio(bio);
		diff_area_put(area);
		return true;
	}
	if (run.sectors != bio_sectors(bio))
		return false;
	block = bdev_logical_block_size(run.region.bdev) >> SECTOR_SHIFT;
	if ((run.region.sector | run.sectors) & (block - 1))
		return false;
	clone = bio_alloc_clone(run.region.bdev, bio, GFP_NOWAIT | __GFP_NOWARN, &image_piece_bios);
	if (!clone)
		return false;
	piece = container_of(clone, struct image_piece, bio);
	piece->io = NULL;
	piece->all = bio;
	piece->area = area;
	piece->cbt = cbt;
	piece->place = run.place;
	piece->part = bio->bi_iter;
	INIT_WORK(&piece->work, whole_again);
	clone->bi_iter.bi_sector = run.region.sector;
	clone->bi_opf &= ~(REQ_PREFLUSH | REQ_FUA);
	clone->bi_end_io = whole_end_io;
	atomic64_add(run.sectors, &area->image_read);
	submit_bio_noacct(clone);
	return true;
}

/**
 * image_io_start() - read or write an image.
 * @area: the area of the image; the caller's reference is passed on.
 * @cbt: the map of the original.
 * @bio: not beyond the end of the image.
 * @gfp: GFP_NOIO, or without __GFP_DIRECT_RECLAIM.
 *
 * Return: false if there is no memory, and nothing was done; only where @gfp
 * cannot wait.
 */
bool image_io_start(struct diff_area *area, struct cbt_map *cbt, struct bio *bio, gfp_t gfp)
{
	bool is_write = op_is_write(bio_op(bio));
	sector_t count = bio_sectors(bio);
	struct image_io *io;

	if (!is_write && read_whole(area, cbt, bio))
		return true;
	io = mempool_alloc(&image_io_pool, gfp);
	if (!io)
		return false;
	start_io(io, area, cbt, bio);

	if (is_write) {
		io->preserve.pos = bio->bi_iter.bi_sector;
		io->preserve.end = bio_end_sector(bio);
		io->preserve.until_stored = true;
		io->preserve.reserved = 0;
		io->preserve.ready = image_write_ready;
		queue_work(image_queue, &io->work);
		return true;
	}
	atomic64_add(count, &area->image_read);
	image_io_continue(io, gfp);
	return true;
}
