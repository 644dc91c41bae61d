/*
 * Makes and removes a file of its own, again and again.
 *
 *   churn DIRECTORY PAIRS
 *
 * Exits with 1 when any call fails.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3 || chdir(argv[1]) != 0)
		return 1;
	long pairs = atol(argv[2]);
	for (long i = 0; i < pairs; i++) {
		char name[32];
		/* Names come again, as those of temporary files do, but not soon. */
		snprintf(name, sizeof(name), "own-%ld", i % 5000);
		int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0 || close(fd) != 0 || unlink(name) != 0)
			return 1;
	}
	return 0;
}
