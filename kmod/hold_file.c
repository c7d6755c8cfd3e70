// SPDX-License-Identifier: GPL-2.0
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pagemap.h>

#include "hold_file.h"

/**
 * hold_file() - keep a file open and its blocks where they are.
 * @fd: descriptor of the caller, of a regular file opened for reading only.
 *
 * The file is treated as a swap file is: nobody can write, truncate, rename,
 * remove, clone or defragment it, or open it for writing. May sleep.
 *
 * Return: the file, for release_file(), or ERR_PTR: -EBADF, -EINVAL (not a
 * regular file, or open for writing by the caller), -EBUSY (held already),
 * -ETXTBSY (open for writing by somebody).
 */
struct file *hold_file(int fd)
{
	struct file *file = fget(fd);
	struct inode *inode;
	int ret;

	if (!file)
		return ERR_PTR(-EBADF);
	inode = file_inode(file);
	ret = -EINVAL;
	if (!S_ISREG(inode->i_mode) || (file->f_mode & FMODE_WRITE))
		goto out_put;

	ret = deny_write_access(file);
	if (ret)
		goto out_put;

	inode_lock(inode);
	ret = -EBUSY;
	if (IS_SWAPFILE(inode))
		goto out_unlock;
	inode->i_flags |= S_SWAPFILE;
	inode_unlock(inode);

	/* Nothing of the page cache may reach the blocks once they are in use. */
	ret = filemap_write_and_wait(file->f_mapping);
	if (ret) {
		release_file(file);
		return ERR_PTR(ret);
	}
	invalidate_mapping_pages(file->f_mapping, 0, -1);
	return file;

out_unlock:
	inode_unlock(inode);
	allow_write_access(file);
out_put:
	fput(file);
	return ERR_PTR(ret);
}

/** release_file() - undo hold_file(). May sleep. */
void release_file(struct file *file)
{
	struct inode *inode = file_inode(file);

	inode_lock(inode);
	inode->i_flags &= ~S_SWAPFILE;
	inode_unlock(inode);
	/* What the page cache kept of it is older than what the blocks hold. */
	invalidate_mapping_pages(file->f_mapping, 0, -1);
	allow_write_access(file);
	fput(file);
}
