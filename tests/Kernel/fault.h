/* SPDX-License-Identifier: MIT */
/* Allocations and requests of a disk that fail, on a kernel that makes them fail on demand. */
#ifndef KERNEL_TESTS_FAULT_H
#define KERNEL_TESTS_FAULT_H

#define FAULT_OBJECTS	"failslab"
#define FAULT_PAGES	"fail_page_alloc"
#define FAULT_REQUESTS	"fail_make_request"

/* Skips the test on a kernel that cannot do that. */
void faults_need(void);

/* So many percent of a kind fail from now on, but only below functions of the module. */
void faults_begin(const char *kind, unsigned int percent);
/* The same, but one percent of each n-th. */
void faults_begin_rare(const char *kind, unsigned int n);
void faults_end(const char *kind);

/* From now on the n-th allocation of the main thread fails, and no other; 0: none. */
void fail_nth(unsigned int n);
/* How many more there would have been to it, 0: it has failed. And that was all. */
unsigned int fail_nth_end(void);

/* Nothing fails any more. For the cleanup. */
void faults_reset(void);

#endif
