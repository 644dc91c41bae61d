/*
 * Connects to the system's helper so many times, and begins on each connection a frame that it never ends: on every
 * second one it says nothing more, on the others a byte of it now and then.
 *
 *   stall SOCKET COUNT
 *
 * Says "connected", and "closed" once the other side has closed every connection.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int count = argc == 3 ? atoi(argv[2]) : 0;
	int fds[count + 1];
	char answer[512];

	if (count == 0 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	for (int n = 0; n < count; n++) {
		fds[n] = socket(AF_UNIX, SOCK_STREAM, 0);
		if (fds[n] < 0 || connect(fds[n], (struct sockaddr *)&address, sizeof(address))) {
			perror(argv[1]);
			return 1;
		}
		/* A frame of 64 KiB. One of those that are too many is closed already. */
		send(fds[n], "\0\1", 2, MSG_NOSIGNAL);
	}
	puts("connected");
	fflush(stdout);
	for (int n = 0; n < count; n++) {
		struct pollfd closes = { .fd = fds[n], .events = POLLIN };
		while (!poll(&closes, 1, 500) || read(fds[n], answer, sizeof(answer)) > 0)
			for (int other = n | 1; other < count; other += 2)
				send(fds[other], "", 1, MSG_NOSIGNAL);
	}
	puts("closed");
	return 0;
}
