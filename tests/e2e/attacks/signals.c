/*
 * Tells which signals arrive: holds all of them back and prints the number of each, one a line, until a line
 * "0" or the end of standard input says to stop. Prints "ready" first.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

int main(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	int arrived = signalfd(-1, &all, SFD_CLOEXEC);
	struct pollfd fds[] = { { .fd = arrived, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (poll(fds, 2, -1) > 0) {
		struct signalfd_siginfo info;
		if (fds[0].revents && read(arrived, &info, sizeof(info)) == sizeof(info))
			printf("%u\n", info.ssi_signo);
		else if (fds[1].revents)
			return 0;
	}
	return 1;
}
