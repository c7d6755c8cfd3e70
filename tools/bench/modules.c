// SPDX-License-Identifier: MIT
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "harness.h"

#define OTHER_NODE "/dev/veeamblksnap"

static char loaded[64];

void must(int result, const char *what)
{
	if (result)
		die("%s: %s", what, strerror(-result));
}

/* The name that a module has in the kernel: it stands in the file, whose own name may be another one. */
static void find_name(const char *file, const char *content, size_t size)
{
	static const char key[] = "\0name=";
	const char *at = memmem(content, size, key, sizeof(key) - 1);

	if (!at)
		die("%s is not a kernel module", file);
	snprintf(loaded, sizeof(loaded), "%s", at + sizeof(key) - 1);
}

void modules_load(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *content;

	if (fd < 0 || fstat(fd, &stat))
		die("%s: %s", file, strerror(errno));
	content = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (content == MAP_FAILED)
		die("%s: %s", file, strerror(errno));
	find_name(file, content, stat.st_size);
	munmap(content, stat.st_size);
	if (syscall(SYS_finit_module, fd, "", 0))
		die("%s cannot be loaded: %s", file, strerror(errno));
	close(fd);
	/* Some modules of this interface have another name for their control device. */
	for (int tries = 0; tries < 50 && access(BLK_SNAP_CTL, F_OK); tries++) {
		if (!access(OTHER_NODE, F_OK) && symlink(OTHER_NODE, BLK_SNAP_CTL))
			die("%s: %s", BLK_SNAP_CTL, strerror(errno));
		sleep_ms(10);
	}
	must(control_open(), BLK_SNAP_CTL);
}

void modules_unload(void)
{
	int tries = 0;

	control_close();
	/* Whoever had an image open may hold the module for a moment longer. */
	while (syscall(SYS_delete_module, loaded, O_NONBLOCK)) {
		if ((errno != EWOULDBLOCK && errno != EBUSY) || ++tries == 100)
			die("%s cannot be unloaded: %s", loaded, strerror(errno));
		sleep_ms(20);
	}
	if (access(BLK_SNAP_CTL, F_OK))
		unlink(BLK_SNAP_CTL);	/* a link that points to nothing now */
}

void modules_track(const struct disk *disk)
{
	snap_id id;

	must(snap_create(&disk->id, 1, &id), "creation of a snapshot");
	must(snap_destroy(&id), "destruction of a snapshot");
}

void modules_untrack(const struct disk *disk)
{
	must(tracker_remove(disk->id), "end of tracking");
}

snap_id modules_hold(const struct disk *disk, const struct disk *storage)
{
	snap_id id;

	must(snap_create(&disk->id, 1, &id), "creation of a snapshot");
	must(snap_append_one(&id, storage->id, 0, storage->sectors), "adding of storage");
	must(snap_take(&id), "take");
	return id;
}

void modules_release(const snap_id *id)
{
	must(snap_destroy(id), "destruction of a snapshot");
}

int64_t modules_used(const snap_id *id)
{
	struct blk_snap_snapshot_status status;

	return snap_status(id, &status) ? -1 : (int64_t)status.storage_filled * 512;
}
