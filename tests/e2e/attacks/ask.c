/*
 * Says one thing to the system's helper, and prints the answer: frames as docs/protocol.md has them, without
 * anything of es-guard's own code.
 *
 *   ask SOCKET JSON             connects and asks
 *   ask SOCKET --hand COMMAND…  connects, and becomes a command that has the connection as descriptor 3
 *   ask 3 JSON                  asks on that one
 *   ask SOCKET --of PID JSON    asks on the connection that a process has, as root can
 *
 * Prints the answer's JSON on one line, or "closed".
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int connected(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		exit(2);
	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* The first descriptor of a process that is connected there. */
static int taken(const char *path, int pid)
{
	int process = syscall(SYS_pidfd_open, pid, 0);

	for (int number = 0; number < 256; number++) {
		struct sockaddr_un address = { 0 };
		socklen_t size = sizeof(address) - 1;
		int fd = syscall(SYS_pidfd_getfd, process, number, 0);
		if (fd < 0)
			continue;
		if (!getpeername(fd, (struct sockaddr *)&address, &size) && !strcmp(address.sun_path, path))
			return fd;
		close(fd);
	}
	fprintf(stderr, "%d has no connection to %s\n", pid, path);
	exit(1);
}

static int filled(int fd, char *into, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = read(fd, into + done, size - done);
		if (count <= 0)
			return 0;
		done += count;
	}
	return 1;
}

int main(int argc, char **argv)
{
	uint32_t length;
	char *body;
	int fd;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[2], "--of") && argc == 5) {
		fd = taken(argv[1], atoi(argv[3]));
		argv += 2;
	} else {
		fd = strcmp(argv[1], "3") ? connected(argv[1]) : 3;
	}
	if (!strcmp(argv[2], "--hand") && argc > 3) {
		if (dup2(fd, 3) < 0)
			return 1;
		execvp(argv[3], argv + 3);
		perror(argv[3]);
		return 1;
	}
	/* One that has closed may have said why before. */
	signal(SIGPIPE, SIG_IGN);
	length = htonl(strlen(argv[2]));
	if (write(fd, &length, 4) == 4 && write(fd, argv[2], strlen(argv[2])) < 0)
		perror("write");
	if (!filled(fd, (char *)&length, 4)) {
		puts("closed");
		return 0;
	}
	length = ntohl(length);
	body = calloc(1, (size_t)length + 1);
	if (!body || !filled(fd, body, length)) {
		puts("closed");
		return 0;
	}
	puts(body);
	return 0;
}
