/* SPDX-License-Identifier: GPL-2.0 */
/* A file whose blocks are difference storage must stay as it is. */
#ifndef BLKSNAP_HOLD_FILE_H
#define BLKSNAP_HOLD_FILE_H

struct file;

struct file *hold_file(int fd);
void release_file(struct file *file);

#endif
