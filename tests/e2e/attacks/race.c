/*
 * Tries to make a judged name stand for another one by the time it is acted on.
 *
 *   race bytes|link|swap unlink|rename TRIES
 *
 * In the current directory: zone/old/f is precious. One thread makes a decoy f of the session's own and takes
 * it away (by unlink, or by a rename out of the zone), TRIES times; the other meanwhile
 *
 *   bytes  rewrites the path in memory, between zone/own/f and zone/old/f,
 *   link   points the symlink `way` at zone/own and at zone/old in turn; the path is way/f,
 *   swap   exchanges the directories zone/own and zone/old; the path is zone/own/f.
 *
 * Prints "lost after N" when no name of the precious inode is left, else "kept after TRIES, took N".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const OWN = "zone/own/f", *const OLD = "zone/old/f";
static char path[64] = "zone/own/f";
static atomic_int over;
static ino_t precious;

static void *flip_bytes(void *unused)
{
	/* Three bytes differ; written as the attacker would, as fast as it goes. */
	volatile char *differs = path + strlen("zone/o");
	(void)unused;
	while (!over) {
		differs[0] = 'l', differs[1] = 'd';
		for (volatile int i = 0; i < 50; i++)
			;
		differs[0] = 'w', differs[1] = 'n';
		for (volatile int i = 0; i < 50; i++)
			;
	}
	return NULL;
}

static void point_at(const char *target)
{
	unlink("way.new");
	if (!symlink(target, "way.new"))
		rename("way.new", "way");
}

static void *flip_link(void *unused)
{
	(void)unused;
	while (!over) {
		point_at("zone/old");
		point_at("zone/own");
	}
	return NULL;
}

static void *flip_directories(void *unused)
{
	(void)unused;
	while (!over)
		syscall(SYS_renameat2, AT_FDCWD, "zone/own", AT_FDCWD, "zone/old", 2 /* RENAME_EXCHANGE */);
	return NULL;
}

static int is_precious(const char *name)
{
	struct stat st;
	return !lstat(name, &st) && st.st_ino == precious;
}

/* While directories are exchanged, one look at each name can miss it: look a few times. */
static int still_there(void)
{
	for (int i = 0; i < 1000; i++)
		if (is_precious(OLD) || is_precious(OWN))
			return 1;
	return 0;
}

/* The decoy is made where `path` does not point: its name was free, so it is the session's own. */
static void make_decoy(int swap)
{
	int fd = open(OWN, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd >= 0)
		close(fd);
	if (swap && (fd = open(OLD, O_CREAT | O_EXCL | O_WRONLY, 0644)) >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct stat st;
	pthread_t thread;
	if (argc != 4 || lstat(OLD, &st))
		return fprintf(stderr, "usage: race bytes|link|swap unlink|rename TRIES, with %s\n", OLD), 98;
	precious = st.st_ino;
	int renames = !strcmp(argv[2], "rename"), link = !strcmp(argv[1], "link"), swap = !strcmp(argv[1], "swap");
	long tries = atol(argv[3]), took = 0, i;
	if (mkdir("zone/own", 0755) && errno != EEXIST)
		return perror("zone/own"), 97;
	if (link) {
		point_at("zone/own");
		strcpy(path, "way/f");
	}
	pthread_create(&thread, NULL, link ? flip_link : swap ? flip_directories : flip_bytes, NULL);
	for (i = 0; i < tries; i++) {
		make_decoy(swap);
		int r = renames ? rename(path, "taken") : unlink(path);
		took += r == 0;
		if (r == 0 && !is_precious(OLD) && !still_there())
			break;
	}
	over = 1;
	pthread_join(thread, NULL);
	if (!still_there())
		printf("lost after %ld\n", i + 1);
	else
		printf("kept after %ld, took %ld\n", i, took);
	return 0;
}
