/*
 * Looks, as soon as a call has returned, whether anybody else still has open what it gave.
 *
 *   let_go lease DIRECTORY TRIES    a file that was made and closed can be leased: nobody has it open for writing
 *   let_go umount DIRECTORY TRIES   a file system where something was made and removed can be unmounted
 *
 * Prints "done N"; a try that fails ends it with status 1 and says which.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *what, long at)
{
	printf("try %ld: %s: %s\n", at, what, strerror(errno));
	return 1;
}

static int lease(long at)
{
	static const int flags[] = { O_CREAT | O_EXCL | O_WRONLY, O_CREAT | O_RDWR, O_WRONLY | O_TRUNC };
	for (int i = 0; i < 3; i++) {
		int fd = open("leased", flags[i] | O_CLOEXEC, 0700);
		if (fd < 0 || close(fd) != 0)
			return failed("open", at);
		fd = open("leased", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
			return failed("lease", at);
		close(fd);
	}
	return unlink("leased") ? failed("unlink", at) : 0;
}

static int unmount(long at)
{
	if (mkdir("on", 0700) != 0 || mount("none", "on", "tmpfs", 0, NULL) != 0)
		return failed("mount", at);
	int fd = open("on/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) != 0 || umount2("on", 0) != 0)
		return failed("unmount after open", at);
	if (mount("none", "on", "tmpfs", 0, NULL) != 0 || mkdir("on/d", 0700) != 0 || umount2("on", 0) != 0)
		return failed("unmount after mkdir", at);
	if (mount("none", "on", "tmpfs", 0, NULL) != 0 || mkdir("on/d", 0700) != 0 || rmdir("on/d") != 0 ||
	    umount2("on", 0) != 0)
		return failed("unmount after rmdir", at);
	if (mount("none", "on", "tmpfs", 0, NULL) != 0 || mkdir("on/d", 0700) != 0 ||
	    rename("on/d", "on/e") != 0 || umount2("on", 0) != 0)
		return failed("unmount after rename", at);
	return rmdir("on") ? failed("rmdir", at) : 0;
}

static int say(const char *file, const char *format, unsigned id)
{
	char text[64];
	int length = snprintf(text, sizeof(text), format, id, id);
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	int said = fd >= 0 && write(fd, text, length) == length;
	if (fd >= 0)
		close(fd);
	return said;
}

/* Mounts of its own; for who is not root, in a user namespace where it keeps its ids. */
static int may_mount(void)
{
	unsigned uid = geteuid(), gid = getegid();
	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)) != 0)
		return 0;
	if (uid && !(say("/proc/self/setgroups", "deny", 0) && say("/proc/self/uid_map", "%u %u 1", uid) &&
		     say("/proc/self/gid_map", "%u %u 1", gid)))
		return 0;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

int main(int argc, char **argv)
{
	if (argc != 4 || chdir(argv[2]) != 0)
		return 2;
	int umounts = strcmp(argv[1], "umount") == 0;
	if (umounts && !may_mount())
		return failed("a mount namespace", 0);
	long tries = atol(argv[3]);
	for (long at = 0; at < tries; at++)
		if (umounts ? unmount(at) : lease(at))
			return 1;
	printf("done %ld\n", tries);
	return 0;
}
