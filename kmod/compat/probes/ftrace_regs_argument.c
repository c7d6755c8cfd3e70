// SPDX-License-Identifier: GPL-2.0
/* The arguments of a traced function are read through an accessor (6.2). */
#include <linux/ftrace.h>

unsigned long probe(struct ftrace_regs *fregs);
unsigned long probe(struct ftrace_regs *fregs)
{
	return ftrace_regs_get_argument(fregs, 0);
}
