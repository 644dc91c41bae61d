/*
 * The floor of the seccomp engine: traps what es-guard must trap for a create+unlink pair and lets the kernel
 * continue every call, without a look at it.
 *
 *   floor COMMAND [ARGUMENT]...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1UL

static void must(int succeeded, const char *what)
{
	if (!succeeded) {
		fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
		exit(125);
	}
}

static int listener(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_unlink
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unlink, 5, 0),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unlinkat, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 2),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	must(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
}

static void hand_over(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, byte = 0;
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	must(sendmsg(socket, &message, 0) == 1, "send the listener");
}

static int taken_over(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int fd;
	must(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message), "receive the listener");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void answer(int fd)
{
	for (;;) {
		struct seccomp_notif asked;
		struct seccomp_notif_resp told;
		memset(&asked, 0, sizeof(asked));
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &asked)) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			_exit(0);
		}
		memset(&told, 0, sizeof(told));
		told.id = asked.id;
		told.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &told);
	}
}

int main(int argc, char **argv)
{
	int sockets[2], status = 0;
	if (argc < 2)
		return 2;
	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), "socketpair");
	pid_t child = fork();
	must(child >= 0, "fork");
	if (!child) {
		int fd = listener();
		must(fd >= 0, "seccomp");
		hand_over(sockets[1], fd);
		close(fd);
		execvp(argv[1], argv + 1);
		must(0, argv[1]);
	}
	int fd = taken_over(sockets[0]);
	/* From kernel 6.6; the engine sets it too. */
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP);
	pid_t answering = fork();
	must(answering >= 0, "fork");
	if (!answering)
		answer(fd);
	close(fd);
	waitpid(child, &status, 0);
	kill(answering, SIGKILL);
	waitpid(answering, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
