/* SPDX-License-Identifier: MIT */
/* Device-mapper devices: stacks, and devices that fail, are slow or die. */
#ifndef KERNEL_TESTS_MAPPER_H
#define KERNEL_TESTS_MAPPER_H

#include "devices.h"

/* Skips the test when the kernel has no such target. */
void mapper_needs(const char *target);

/* A device with this table, its lines separated by \n. It is gone after dev_close(). */
struct dev *mapper_new(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Another table from now on. I/O under way is not waited for: it meets the new table. */
void mapper_swap(struct dev *dev, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* I/O of a suspended device waits until it is resumed. */
void mapper_suspend(struct dev *dev);
void mapper_resume(struct dev *dev);

void mapper_message(struct dev *dev, const char *message);

/* A plain one over the whole of another device, and back to it; one where every I/O fails. */
struct dev *mapper_linear(const struct dev *below);
void mapper_mend(struct dev *dev, const struct dev *below);
void mapper_break(struct dev *dev);

#endif
