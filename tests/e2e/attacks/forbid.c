/*
 * A sandbox that forbids one system call and executes the command: the call answers with this errno (0: success
 * without effect), or kills who makes it.
 *
 *   forbid seccomp|unlink|no_new_privs ERRNO|kill PROGRAM ARGUMENT...
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_unlink
#define SYS_unlink SYS_unlinkat
#endif

int main(int argc, char **argv)
{
	/* Two numbers of the call, and a first argument that is asked for, or any. */
	static const struct call {
		const char *name;
		unsigned int nr, other;
		int any;
		unsigned int first;
	} calls[] = {
		{ "seccomp", SYS_seccomp, SYS_seccomp, 1, 0 },
		{ "unlink", SYS_unlink, SYS_unlinkat, 1, 0 },
		{ "no_new_privs", SYS_prctl, SYS_prctl, 0, PR_SET_NO_NEW_PRIVS },
	};
	const struct call *call = NULL;
	for (size_t i = 0; argc > 3 && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(argv[1], calls[i].name) == 0)
			call = &calls[i];
	if (!call)
		return 70;
	unsigned int answer = strcmp(argv[2], "kill") == 0 ? SECCOMP_RET_KILL_PROCESS
							   : SECCOMP_RET_ERRNO | (unsigned int)atoi(argv[2]);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->nr, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->other, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->first, 0, call->any ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 71;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
		perror("forbid");
		return 72;
	}
	execv(argv[3], argv + 3);
	return 73;
}
