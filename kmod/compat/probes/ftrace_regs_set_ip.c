// SPDX-License-Identifier: GPL-2.0
/* The instruction pointer setter has its later name (6.2). */
#include <linux/ftrace.h>

void probe(struct ftrace_regs *fregs, unsigned long ip);
void probe(struct ftrace_regs *fregs, unsigned long ip)
{
	ftrace_regs_set_instruction_pointer(fregs, ip);
}
