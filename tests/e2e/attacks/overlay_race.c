/*
 * An overlay whose options another thread rewrites while it is mounted: it is to write to `upup` when it is looked at and
 * to `zone` when the kernel reads it, and then `f` is removed through it.
 *
 *   overlay_race TRIES
 *
 * Says "lost" once `f` is gone, else how often it was in sight through a mounted overlay.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile int done;
static char options[] = "userxattr,lowerdir=low,upperdir=upup,workdir=wk";

static void *flip(void *unused)
{
	volatile int *at = (volatile int *)strstr(options, "upup");
	int names[2];

	memcpy(&names[0], "upup", 4);
	memcpy(&names[1], "zone", 4);
	for (unsigned n = 0; !done; n++) {
		*at = names[n % 2];
		for (volatile int i = 0; i < 2000; i++)
			;
	}
	return unused;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd)) {
		perror(path);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	long tries = argc == 2 ? atol(argv[1]) : 0, seen = 0;
	char map[2][32];
	pthread_t thread;

	snprintf(map[0], sizeof map[0], "0 %u 1", geteuid());
	snprintf(map[1], sizeof map[1], "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) {
		perror("unshare");
		return 2;
	}
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", map[0]);
	write_text("/proc/self/gid_map", map[1]);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || mkdir("low", 0755) || mkdir("upup", 0755) ||
	    mkdir("wk", 0755) || mkdir("at", 0755) || pthread_create(&thread, NULL, flip, NULL)) {
		perror("overlay_race");
		return 2;
	}
	for (long n = 0; n < tries; n++) {
		if (mount("overlay", "at", "overlay", 0, options))
			continue;
		seen += !access("at/f", F_OK);
		if (!unlink("at/f")) {
			printf("lost after %ld\n", n + 1);
			done = 1;
			return 0;
		}
		umount2("at", MNT_DETACH);
	}
	done = 1;
	printf("held, and seen %ld\n", seen);
	return 0;
}
