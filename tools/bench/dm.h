/* SPDX-License-Identifier: MIT */
/* The device mapper, by its ioctl interface: no udev and no tools are needed. Errors end the program. */
#ifndef BENCH_DM_H
#define BENCH_DM_H

#include <stddef.h>
#include <stdint.h>

#include "media.h"

/* Makes an active device of one target. */
struct disk dm_create(const char *name, uint64_t sectors, const char *target, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* One of two targets, one behind the other. */
struct disk dm_concat(const char *name, const struct disk *first, const struct disk *second);

void dm_remove(const char *name);
void dm_suspend(const char *name);
void dm_resume(const char *name);
void dm_message(const char *name, const char *text);

/* The status line of the first target. */
void dm_status(const char *name, char *text, size_t size);

#endif
