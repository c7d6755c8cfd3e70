/* SPDX-License-Identifier: MIT */
/* File systems of the tests: made, mounted, with small files in them. */
#ifndef KERNEL_TESTS_MOUNTS_H
#define KERNEL_TESTS_MOUNTS_H

#include "devices.h"

#define MOUNTS "/tmp/blksnap-test"

/* Of the kind and size on the device; skips the test without the program for it. */
void make_file_system(const char *kind, const struct dev *dev, unsigned int mib);

/* Mounts a device on MOUNTS/name. */
void mount_at(const char *device, const char *name, const char *options);
void unmount_last(void);
/* For the cleanup of a suite, before the one of the devices. */
void unmount_all(void);

void write_file(const char *path, const char *text);
/* The text of a file; NULL: there must be none. */
void expect_file(const char *path, const char *text);

#endif
