/* SPDX-License-Identifier: MIT */
/* Loading, unloading and the parameters of the module under test. */
#ifndef KERNEL_TESTS_MODULE_H
#define KERNEL_TESTS_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness.h"

/*
 * Loads the file that BLKSNAP_MODULE_KO names, with parameters as insmod takes
 * them, and opens the control device. 0 or a negative errno.
 */
int module_load(const char *parameters);

/* Closes the control device and unloads. 0 or a negative errno. */
int module_unload(void);
bool module_loaded(void);

/*
 * Makes sure that the module runs with just these parameters; else leaves the
 * test. The cleanup brings the defaults back.
 */
void module_require(const char *parameters);

/* The value of a parameter; leaves the test if there is none. */
uint64_t module_parameter(const char *name);

/* The setup and the cleanup of suites that need the module and devices. */
void module_setup(void);
void module_cleanup(void);
int module_suite(const struct test *tests, size_t count, int argc, char **argv);

#endif
