/*
 * Loops over one kind of work and says how long one turn took.
 *
 *   work pairs|opens|reads|writes|forks|execs DIR COUNT
 *   work unlinks DIR COUNT
 *   work memory DIR COUNT
 *
 * Prints nanoseconds per turn. `unlinks` removes the files `0` to COUNT-1 in DIR. `memory` makes and removes COUNT files and prints the peak memory of the
 * process's parent, in kB: in a session that is the helper.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char path[4096];
static char block[4096];

static void must(int succeeded, const char *what)
{
	if (!succeeded) {
		fprintf(stderr, "work: %s %s: %s\n", what, path, strerror(errno));
		exit(1);
	}
}

static void pair(void)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	must(fd >= 0, "create");
	close(fd);
	must(!unlink(path), "unlink");
}

static int existing(void)
{
	int fd = open(path, O_CREAT | O_RDWR, 0600);
	must(fd >= 0 && pwrite(fd, block, sizeof(block), 0) == (ssize_t)sizeof(block), "fill");
	return fd;
}

static void wait_for(pid_t child)
{
	int status;
	must(child > 0 && waitpid(child, &status, 0) == child && !status, "child of");
}

static void turn(const char *kind, int fd, long n)
{
	switch (kind[0]) {
	case 'u':
		snprintf(strrchr(path, '/') + 1, 24, "%ld", n);
		must(!unlink(path), "unlink");
		break;
	case 'p':
	case 'm':
		pair();
		break;
	case 'o':
		fd = open(path, O_RDONLY);
		must(fd >= 0, "open");
		close(fd);
		break;
	case 'r':
		must(pread(fd, block, sizeof(block), 0) == (ssize_t)sizeof(block), "read");
		break;
	case 'w':
		must(pwrite(fd, block, sizeof(block), 0) == (ssize_t)sizeof(block), "write");
		break;
	case 'f': {
		pid_t child = fork();
		if (!child)
			_exit(0);
		wait_for(child);
		break;
	}
	case 'e': {
		char *const arguments[] = { "true", NULL };
		pid_t child;
		must(!posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ), "spawn");
		wait_for(child);
		break;
	}
	}
}

static void print_peak_of_parent(void)
{
	char name[64], line[256];
	snprintf(name, sizeof(name), "/proc/%d/status", (int)getppid());
	FILE *status = fopen(name, "r");
	must(status != NULL, name);
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "VmHWM:", 6))
			printf("%ld\n", strtol(line + 6, NULL, 10));
	fclose(status);
}

int main(int argc, char **argv)
{
	struct timespec begin, end;
	int fd = -1;
	if (argc != 4 || !strchr("porwfemu", argv[1][0])) {
		fprintf(stderr, "usage: work KIND DIR COUNT\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/%s", argv[2], strchr("pm", argv[1][0]) ? "pair" : "file");
	if (strchr("orw", argv[1][0]))
		fd = existing();
	long count = strtol(argv[3], NULL, 10);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < count; i++)
		turn(argv[1], fd, i);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (argv[1][0] == 'm') {
		print_peak_of_parent();
		return 0;
	}
	double ns = (end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec);
	printf("%.1f\n", ns / count);
	return 0;
}
