/*
 * Attacks on what guards a tree: on its files and on its processes.
 *
 *   assault open FLAGS PATH       wronly, rdwr, trunc, creat, append, nofollow: joined by commas
 *   assault openat2 FLAGS PATH    the same by the newer call
 *   assault truncate PATH         assault link FROM TO        assault bind FROM OVER
 *   assault move FROM TO          a mount, by move_mount(2)
 *   assault handle DIR NAME       removes what is reached by the directory's handle
 *   assault race PATH DECOY TRIES writing opens while another thread rewrites the path
 *   assault turn PATH LINK TRIES  the same with a symlink that is turned
 *   assault plant PATH DECOY TRIES symlinks at a path that another thread rewrites, until there is one at PATH
 *   assault kill|tkill|tgkill|queue|pidfd|owner PID SIGNAL
 *   assault trace|seize|read|write|limit PID               assault take PID FD
 *
 * Ends with 0 if the kernel let it, with 1 and the error's number on standard output if not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int done(long result)
{
	if (result >= 0)
		return 0;
	printf("%d\n", errno);
	return 1;
}

static int flags_of(char *words)
{
	static const struct { const char *word; int flag; } known[] = {
		{ "wronly", O_WRONLY }, { "rdwr", O_RDWR }, { "trunc", O_TRUNC },
		{ "creat", O_CREAT }, { "append", O_APPEND }, { "nofollow", O_NOFOLLOW },
	};
	int flags = 0;
	for (char *word = strtok(words, ","); word; word = strtok(NULL, ","))
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (!strcmp(word, known[i].word))
				flags |= known[i].flag;
	return flags;
}

static int opened(int fd, int flags)
{
	if (fd >= 0 && (flags & O_ACCMODE) && write(fd, "forged\n", 7) != 7)
		fd = -1;
	return done(fd);
}

static int open2(char *words, const char *path)
{
	int flags = flags_of(words);
	struct open_how how = { .flags = flags, .mode = flags & O_CREAT ? 0666 : 0 };
	return opened(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)), flags);
}

static char flipped[4096];
static const char *sides[2];
static volatile int over;

static void *flip(void *unused)
{
	for (unsigned i = 0; !over; i++)
		strcpy(flipped, sides[i & 1]);
	return unused;
}

static void *turn(void *link)
{
	char next[4200];
	snprintf(next, sizeof(next), "%s.next", (char *)link);
	for (unsigned i = 0; !over; i++) {
		unlink(next);
		if (!symlink(sides[i & 1], next))
			rename(next, link);
	}
	return link;
}

/* Succeeds as soon as PATH holds what was written through the other name. */
static int race(const char *path, const char *through, void *(*other)(void *), const char *name, int tries)
{
	pthread_t thread;
	pthread_create(&thread, NULL, other, (void *)name);
	int lost = 0;
	for (int i = 0; i < tries && !lost; i++) {
		int fd = open(through, O_WRONLY | (i % 2 ? O_TRUNC : 0));
		if (fd < 0)
			continue;
		struct stat found, wanted;
		lost = !fstat(fd, &found) && !stat(path, &wanted) && found.st_ino == wanted.st_ino &&
		       found.st_dev == wanted.st_dev;
		close(fd);
	}
	over = 1;
	pthread_join(thread, NULL);
	errno = EPERM;
	return done(lost ? 0 : -1);
}

static int plant(const char *path, const char *decoy, int tries)
{
	pthread_t thread;
	pthread_create(&thread, NULL, flip, NULL);
	struct stat found;
	int planted = 0;
	for (int i = 0; i < tries && !planted; i++) {
		if (!symlink("elsewhere", flipped))
			unlink(decoy);
		planted = !lstat(path, &found);
	}
	over = 1;
	pthread_join(thread, NULL);
	errno = EPERM;
	return done(planted ? 0 : -1);
}

/* A descriptor that becomes ready tells its owner, by whichever signal was asked for. */
static long own(pid_t pid, int signal)
{
	int ends[2];
	if (pipe(ends) || fcntl(ends[0], F_SETOWN, pid) || fcntl(ends[0], F_SETSIG, signal) ||
	    fcntl(ends[0], F_SETFL, O_ASYNC))
		return -1;
	return write(ends[1], "x", 1);
}

static long signalled(const char *how, pid_t pid, int number)
{
	siginfo_t info = { .si_signo = number, .si_code = SI_QUEUE };
	if (!strcmp(how, "kill"))
		return kill(pid, number);
	if (!strcmp(how, "tkill"))
		return syscall(SYS_tkill, pid, number);
	if (!strcmp(how, "tgkill"))
		return syscall(SYS_tgkill, pid, pid, number);
	if (!strcmp(how, "queue"))
		return syscall(SYS_rt_sigqueueinfo, pid, number, &info);
	if (!strcmp(how, "owner"))
		return own(pid, number);
	int fd = syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? fd : syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
}

static long moved(int reading, pid_t pid)
{
	static long here = 7;
	struct iovec one = { &here, sizeof(here) };
	/* Forked from one program, or executed: this address is somebody's stack or nobody's. Asking is enough. */
	struct iovec other = { &here, sizeof(here) };
	long done = reading ? process_vm_readv(pid, &one, 1, &other, 1, 0)
			    : process_vm_writev(pid, &one, 1, &other, 1, 0);
	return done < 0 && errno == EFAULT ? 0 : done;
}

static int by_handle(const char *path, const char *name)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} of = { .handle = { .handle_bytes = MAX_HANDLE_SZ } };
	int mount, at = open(path, O_RDONLY | O_DIRECTORY);

	if (at < 0 || name_to_handle_at(AT_FDCWD, path, &of.handle, &mount, 0))
		return done(-1);
	at = open_by_handle_at(at, &of.handle, O_RDONLY | O_DIRECTORY);
	return done(at < 0 ? -1 : unlinkat(at, name, 0));
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	pid_t pid = argc > 2 ? atoi(argv[2]) : 0;
	int number = argc > 3 ? atoi(argv[3]) : 0;
	if (argc == 4 && !strcmp(what, "open")) {
		int flags = flags_of(argv[2]);
		return opened(open(argv[3], flags, 0666), flags);
	}
	if (argc == 4 && !strcmp(what, "openat2"))
		return open2(argv[2], argv[3]);
	if (argc == 3 && !strcmp(what, "truncate"))
		return done(truncate(argv[2], 0));
	if (argc == 4 && !strcmp(what, "link"))
		return done(link(argv[2], argv[3]));
	if (argc == 4 && !strcmp(what, "bind"))
		return done(mount(argv[2], argv[3], NULL, MS_BIND, NULL));
	if (argc == 4 && !strcmp(what, "move"))
		return done(syscall(SYS_move_mount, AT_FDCWD, argv[2], AT_FDCWD, argv[3], 0));
	if (argc == 4 && !strcmp(what, "handle"))
		return by_handle(argv[2], argv[3]);
	if (argc == 5 && !strcmp(what, "race")) {
		sides[0] = argv[2], sides[1] = argv[3];
		strcpy(flipped, argv[3]);
		return race(argv[2], flipped, flip, NULL, atoi(argv[4]));
	}
	if (argc == 5 && !strcmp(what, "plant")) {
		sides[0] = argv[2], sides[1] = argv[3];
		strcpy(flipped, argv[3]);
		return plant(argv[2], argv[3], atoi(argv[4]));
	}
	if (argc == 5 && !strcmp(what, "turn")) {
		sides[0] = argv[2], sides[1] = "/dev/null";
		return race(argv[2], argv[3], turn, argv[3], atoi(argv[4]));
	}
	if (argc == 3 && !strcmp(what, "trace"))
		return done(ptrace(PTRACE_ATTACH, pid, 0, 0));
	if (argc == 3 && !strcmp(what, "seize"))
		return done(ptrace(PTRACE_SEIZE, pid, 0, 0));
	if (argc == 3 && !strcmp(what, "read"))
		return done(moved(1, pid));
	if (argc == 3 && !strcmp(what, "write"))
		return done(moved(0, pid));
	if (argc == 3 && !strcmp(what, "limit"))
		return done(prlimit(pid, RLIMIT_NPROC, &(struct rlimit){ 1000, 1000 }, NULL));
	if (argc == 4 && !strcmp(what, "take")) {
		int fd = syscall(SYS_pidfd_open, pid, 0);
		return done(fd < 0 ? fd : syscall(SYS_pidfd_getfd, fd, number, 0));
	}
	if (argc == 4)
		return done(signalled(what, pid, number));
	fputs("assault: see the source\n", stderr);
	return 2;
}
