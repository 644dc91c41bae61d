/*
 * Directories that are swapped for symlinks, at every step of a path, while names below it are removed, made,
 * renamed and cut.
 *
 *   swap DIR ELSEWHERE TRIES
 *
 * DIR has a/b/c and ELSEWHERE, which is somebody else's, the same. Three threads exchange each of DIR's three
 * directories with a symlink to ELSEWHERE's of the same name; this one acts on DIR/a/b/c/f. Prints how often it
 * came to something, and whatever error no race explains.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int over;
static char steps[3][2][512], path[512], other[512];

static void *swaps(void *step)
{
	char(*names)[512] = step;
	while (!over)
		syscall(SYS_renameat2, AT_FDCWD, names[0], AT_FDCWD, names[1], 2 /* RENAME_EXCHANGE */);
	return NULL;
}

static int open_and_close(int flags)
{
	int fd = open(path, flags, 0644);
	return fd < 0 ? -1 : close(fd);
}

static int act(long n)
{
	switch (n % 6) {
	case 0:
		return open_and_close(O_CREAT | O_WRONLY);
	case 1:
		return open_and_close(O_WRONLY | O_TRUNC);
	case 2:
		return truncate(path, 0);
	case 3:
		return rename(path, other);
	case 4:
		return rename(other, path);
	default:
		return unlink(path);
	}
}

int main(int argc, char **argv)
{
	static const char *const down[] = {"a", "a/b", "a/b/c"};
	pthread_t threads[3];
	long done = 0, tries = argc == 4 ? atol(argv[3]) : 0;
	if (!tries)
		return fprintf(stderr, "usage: swap DIR ELSEWHERE TRIES\n"), 98;
	snprintf(path, sizeof path, "%s/a/b/c/f", argv[1]);
	snprintf(other, sizeof other, "%s/a/b/c/g", argv[1]);
	for (int i = 2; i >= 0; i--) {
		char to[512];
		snprintf(to, sizeof to, "%s/%s", argv[2], down[i]);
		snprintf(steps[i][0], 512, "%s/%s", argv[1], down[i]);
		snprintf(steps[i][1], 512, "%s/%s.link", argv[1], down[i]);
		if (symlink(to, steps[i][1]))
			return perror("swap"), 97;
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, swaps, steps[i]);
	/* Until something was done too: else nothing would have been tried. */
	for (long n = 0; n < tries || !done; n++) {
		int r = act(n);
		done += r == 0;
		/* What is elsewhere may not be touched; a name may be gone; a rename may come to lie in two directories. */
		if (r && errno != ENOENT && errno != EACCES && errno != ELOOP && errno != EAGAIN)
			printf("act %ld: error %d\n", n % 6, errno);
	}
	over = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("done %ld\n", done);
	return 0;
}
