/* SPDX-License-Identifier: GPL-2.0 */
/* Control device: the requests of user space. */
#ifndef BLKSNAP_CTRL_H
#define BLKSNAP_CTRL_H

int ctrl_module_init(void);
void ctrl_module_exit(void);

#endif
