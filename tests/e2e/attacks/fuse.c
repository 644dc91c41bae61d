/*
 * A small FUSE file system that speaks the kernel's protocol itself (linux/fuse.h), mounted for one user as
 * fusermount(1) does it: others, root too, are kept out by the kernel.
 *
 *   fuse MOUNTPOINT UID GID [OWNER]
 *
 * Run by root. Flat: files and directories in one directory, in memory, OWNER's (the user's) at first; the
 * kernel checks owners and modes. Says "ready" when it is mounted. Removing or opening a name that begins with "stall" is
 * answered only when a line comes on standard input, or its end; "stalled" is said meanwhile. Ends with its mount. With
 * NLINK in the environment that is how many names everything is told to have.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 128, CONTENT = 64, BUFFER = 1 << 17 };

static struct file {
	int used, linked;
	char name[64], content[CONTENT];
	size_t size;
	uint32_t mode, uid, gid;
} files[FILES + 2];

static int device;
static uint32_t names = 1;
static char buffer[BUFFER];

static void reply(uint64_t unique, int error, const void *data, size_t size)
{
	struct fuse_out_header head = {.len = sizeof head + size, .error = -error, .unique = unique};
	struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, size}};
	if (error)
		head.len = sizeof head, size = 0;
	/* Fails when the caller was interrupted: nobody wants the answer. */
	if (writev(device, parts, size ? 2 : 1) < 0 && errno != ENOENT)
		perror("fuse: answer");
}

static struct fuse_attr attributes(uint64_t id)
{
	struct file *f = &files[id];
	return (struct fuse_attr){.ino = id, .size = f->size, .mode = f->mode, .nlink = names, .uid = f->uid, .gid = f->gid,
				  .blksize = 4096};
}

static uint64_t named(const char *name)
{
	for (uint64_t id = 2; id < FILES + 2; id++)
		if (files[id].used && files[id].linked && !strcmp(files[id].name, name))
			return id;
	return 0;
}

static uint64_t make(const char *name, uint32_t mode, const struct fuse_in_header *in)
{
	uint64_t id = 2;
	while (id < FILES + 1 && files[id].used)
		id++;
	files[id] = (struct file){.used = 1, .linked = 1, .mode = mode, .uid = in->uid, .gid = in->gid};
	snprintf(files[id].name, sizeof files[id].name, "%s", name);
	return id;
}

static struct fuse_entry_out entry(uint64_t id)
{
	return (struct fuse_entry_out){.nodeid = id, .generation = 1, .attr = attributes(id)};
}

static void take(const char *name)
{
	uint64_t id = named(name);
	if (id)
		files[id].linked = 0;
}

static void stall(const char *name)
{
	char line[16];
	if (strncmp(name, "stall", 5))
		return;
	puts("stalled");
	fflush(stdout);
	if (!fgets(line, sizeof line, stdin))
		clearerr(stdin);
}

/* One request, answered. */
static void serve(const struct fuse_in_header *in, const char *body)
{
	uint64_t id, at = in->nodeid;
	switch (in->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096};
		return reply(in->unique, 0, &out, sizeof out);
	}
	case FUSE_LOOKUP: {
		struct fuse_entry_out out = {0};
		if ((id = named(body)))
			out = entry(id);
		return reply(in->unique, id ? 0 : ENOENT, &out, sizeof out);
	}
	case FUSE_GETATTR:
	case FUSE_SETATTR: {
		const struct fuse_setattr_in *set = (const void *)body;
		if (in->opcode == FUSE_SETATTR && set->valid & FATTR_SIZE)
			files[at].size = set->size < CONTENT ? set->size : CONTENT;
		if (in->opcode == FUSE_SETATTR && set->valid & FATTR_MODE)
			files[at].mode = set->mode;
		struct fuse_attr_out out = {.attr = attributes(at)};
		return reply(in->unique, 0, &out, sizeof out);
	}
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK: {
		uint32_t mode = S_IFLNK | 0777;
		const char *name = body;
		if (in->opcode == FUSE_MKNOD)
			mode = ((const struct fuse_mknod_in *)body)->mode, name += sizeof(struct fuse_mknod_in);
		if (in->opcode == FUSE_MKDIR)
			mode = S_IFDIR | ((const struct fuse_mkdir_in *)body)->mode, name += sizeof(struct fuse_mkdir_in);
		id = make(name, mode, in);
		if (in->opcode == FUSE_SYMLINK)
			snprintf(files[id].content, CONTENT, "%s", name + strlen(name) + 1);
		struct fuse_entry_out out = entry(id);
		return reply(in->unique, 0, &out, sizeof out);
	}
	case FUSE_CREATE: {
		const struct fuse_create_in *create = (const void *)body;
		struct {
			struct fuse_entry_out entry;
			struct fuse_open_out open;
		} out = {0};
		out.entry = entry(make(body + sizeof *create, create->mode, in));
		return reply(in->unique, 0, &out, sizeof out);
	}
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		stall(body);
		take(body);
		return reply(in->unique, 0, NULL, 0);
	case FUSE_RENAME:
	case FUSE_RENAME2: {
		const char *old = body + (in->opcode == FUSE_RENAME ? sizeof(struct fuse_rename_in) : sizeof(struct fuse_rename2_in));
		const char *new = old + strlen(old) + 1;
		if ((id = named(old))) {
			take(new);
			snprintf(files[id].name, sizeof files[id].name, "%s", new);
		}
		return reply(in->unique, id ? 0 : ENOENT, NULL, 0);
	}
	case FUSE_OPEN:
	case FUSE_OPENDIR: {
		struct fuse_open_out out = {.fh = at};
		stall(files[at].name);
		return reply(in->unique, 0, &out, sizeof out);
	}
	case FUSE_READLINK:
		return reply(in->unique, 0, files[at].content, strlen(files[at].content));
	case FUSE_READ:
		return reply(in->unique, 0, files[at].content, files[at].size);
	case FUSE_WRITE: {
		const struct fuse_write_in *write = (const void *)body;
		struct fuse_write_out out = {.size = write->size};
		if (write->offset + write->size > CONTENT)
			return reply(in->unique, ENOSPC, NULL, 0);
		memcpy(files[at].content + write->offset, body + sizeof *write, write->size);
		if (files[at].size < write->offset + write->size)
			files[at].size = write->offset + write->size;
		return reply(in->unique, 0, &out, sizeof out);
	}
	case FUSE_READDIR: {
		const struct fuse_read_in *read = (const void *)body;
		char out[256];
		size_t size = 0;
		/* One entry an answer: enough for one who asks on. */
		for (id = read->offset < 2 ? 2 : read->offset + 1; id < FILES + 2 && !size; id++) {
			if (at != FUSE_ROOT_ID || !files[id].used || !files[id].linked)
				continue;
			struct fuse_dirent *dirent = (void *)out;
			dirent->ino = id, dirent->off = id, dirent->namelen = strlen(files[id].name);
			dirent->type = files[id].mode >> 12;
			memset(dirent->name, 0, 8 * ((dirent->namelen + 7) / 8));
			memcpy(dirent->name, files[id].name, dirent->namelen);
			size = FUSE_DIRENT_SIZE(dirent);
		}
		return reply(in->unique, 0, out, size);
	}
	case FUSE_STATFS: {
		struct fuse_statfs_out out = {.st = {.bsize = 4096, .namelen = 63}};
		return reply(in->unique, 0, &out, sizeof out);
	}
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		return reply(in->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		return reply(in->unique, ENOSYS, NULL, 0);
	}
}

static void fill(struct fuse_in_header owner)
{
	char name[16];
	for (int n = 1; n <= 30; n++) {
		snprintf(name, sizeof name, "f%d", n);
		struct file *f = &files[make(name, S_IFREG | 0644, &owner)];
		f->size = 4, memcpy(f->content, "old\n", 4);
	}
	for (int n = 1; n <= 4; n++) {
		snprintf(name, sizeof name, "empty%d", n);
		make(name, S_IFDIR | 0755, &owner);
	}
	for (int n = 1; n <= 5; n++) {
		snprintf(name, sizeof name, "link%d", n);
		struct file *f = &files[make(name, S_IFLNK | 0777, &owner)];
		snprintf(f->content, CONTENT, "f%d", 25 + n);
	}
	make("stall-1", S_IFREG | 0644, &owner);
	make("stall-2", S_IFREG | 0644, &owner);
}

int main(int argc, char **argv)
{
	if (getenv("NLINK"))
		names = atoi(getenv("NLINK"));
	char options[128];
	if (argc < 4)
		return fprintf(stderr, "usage: fuse MOUNTPOINT UID GID [OWNER]\n"), 98;
	struct fuse_in_header owner = {.uid = atoi(argv[2]), .gid = atoi(argv[3])};
	files[FUSE_ROOT_ID] = (struct file){.used = 1, .mode = S_IFDIR | 0755, .uid = owner.uid, .gid = owner.gid};
	struct fuse_in_header other = {.uid = atoi(argv[argc - 1]), .gid = atoi(argv[argc - 1])};
	struct stat at;
	int is_file = !stat(argv[1], &at) && S_ISREG(at.st_mode);
	if (is_file)
		files[FUSE_ROOT_ID].mode = S_IFREG | 0644, files[FUSE_ROOT_ID].size = 4, memcpy(files[FUSE_ROOT_ID].content, "old\n", 4);
	else
		fill(argc > 4 ? other : owner);
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof options, "fd=%d,rootmode=%o,user_id=%u,group_id=%u,default_permissions", device,
		 files[FUSE_ROOT_ID].mode, owner.uid, owner.gid);
	if (device < 0 || mount("es-guard-test", argv[1], "fuse", MS_NOSUID | MS_NODEV, options))
		return perror("fuse: mount"), 97;
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t n = read(device, buffer, sizeof buffer);
		if (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (n < (ssize_t)sizeof(struct fuse_in_header))
			return errno == ENODEV ? 0 : 1;
		serve((void *)buffer, buffer + sizeof(struct fuse_in_header));
	}
}
