/*
 * Guarded operations in numbers, denied and allowed mixed.
 *
 *   load work ZONE COUNT PAUSE     so many, about so many microseconds apart: each second one is of the file old-N,
 *                                  which is there, and must be denied, the others of files made for it
 *   load flood ZONE THREADS 0      denied ones, by so many threads, until it is told to stop
 *
 * Says "ready", and begins at the first line of input. Work says "done", and of a single operation the median
 * and the 99th percentile in nanoseconds; flood says so at the second line, and how many were denied. Both end
 * when their input does. Exits with 1, and says why, when any operation comes to what it must not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_bool over;
static atomic_long denied;

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "load: %s of %s: %s\n", what, name, strerror(errno));
	exit(1);
}

/* Waits for a line; 0 at the end of the input. */
static int line(void)
{
	char c = 0;
	while (c != '\n')
		if (read(0, &c, 1) != 1)
			return 0;
	return 1;
}

static void say(const char *word, long first, long second)
{
	printf("%s %ld %ld\n", word, first, second);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}

static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void one(long n)
{
	char name[32], out[40];
	snprintf(name, sizeof(name), n % 2 ? "own-%ld" : "old-%ld", n);
	snprintf(out, sizeof(out), "../%s", name);
	if (n % 2) {
		if (unlink(name) != 0)
			fail("removal", name);
		return;
	}
	int result = n % 4 ? rename(name, out) : unlink(name);
	if (result == 0 || errno != EPERM)
		fail(n % 4 ? "a move" : "a removal that must be denied", name);
}

static void work(long count, long pause)
{
	/* Agents that pause do not keep step with each other. */
	unsigned int seed = getpid();
	long *taken = calloc(count, sizeof(*taken));
	if (taken == NULL)
		fail("memory", "the figures");
	for (long n = 0; n < count; n++) {
		if (pause > 0)
			usleep(pause / 2 + rand_r(&seed) % pause);
		if (n % 2) {
			char name[32];
			snprintf(name, sizeof(name), "own-%ld", n);
			int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
			if (fd < 0 || close(fd) != 0)
				fail("making", name);
		}
		long begun = now();
		one(n);
		taken[n] = now() - begun;
	}
	qsort(taken, count, sizeof(*taken), compare);
	say("done", taken[count / 2], taken[count * 99 / 100]);
}

static void *flood(void *unused)
{
	while (!atomic_load(&over)) {
		if (unlink("old-0") == 0 || errno != EPERM)
			fail("a removal that must be denied", "old-0");
		atomic_fetch_add(&denied, 1);
	}
	return unused;
}

int main(int argc, char **argv)
{
	if (argc != 5 || chdir(argv[2]) != 0)
		return 1;
	long count = atol(argv[3]);
	say("ready", 0, 0);
	if (!line())
		return 1;
	if (strcmp(argv[1], "work") == 0) {
		work(count, atol(argv[4]));
	} else {
		pthread_t threads[count];
		for (long n = 0; n < count; n++)
			if (pthread_create(&threads[n], NULL, flood, NULL) != 0)
				fail("start", "a thread");
		line();
		atomic_store(&over, 1);
		for (long n = 0; n < count; n++)
			pthread_join(threads[n], NULL);
		say("done", atomic_load(&denied), 0);
	}
	while (line())
		;
	return 0;
}
