/*
 * Plays the agent: performs the steps of one row of the corpus, one after another, with raw system calls.
 *
 *   driver FILE
 *
 * FILE (`-` is standard input) has one step a line: words separated by spaces, bytes escaped as %XX. After each step a line
 * "NUMBER RESULT" goes to standard output: 0 or the negated errno. `ask` prints "NUMBER ask" and waits for
 * a line on standard input: meanwhile the person, outside the session, does something.
 *
 * Paths are used exactly as they stand. `cwd` stands for AT_FDCWD, d0…d9 for descriptors that `opendir`
 * and `openfd` made: descriptor 100 + n, so that a row can write /proc/self/fd/100.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 12, LINE = 65536, SLOT = 100 };
enum { NULL_DEVICE = 1 << 8 | 3 }; /* that of /dev/null */

/* Which entry to the kernel the next calls take. */
enum entry { NATIVE, I386, X32 };
static enum entry entry = NATIVE;

static long native(long nr, const long *a)
{
	long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	return r == -1 ? -errno : r;
}

#ifdef __x86_64__
/* Only paths and small numbers are passed, and the paths lie in memory below 4 GiB. */
static long i386(long nr, const long *a)
{
	long r;
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
			 : "memory", "r8", "r9", "r10", "r11");
	return r;
}
#define NUMBERS(name, x86) SYS_##name, x86
#else
static long i386(long nr, const long *a)
{
	(void)nr, (void)a;
	return -ENOSYS;
}
#define NUMBERS(name, x86) SYS_##name, x86
#endif

static long call(long nr, long nr_i386, ...)
{
	long a[6];
	va_list list;
	va_start(list, nr_i386);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	switch (entry) {
	case I386:
		return i386(nr_i386, a);
	case X32:
		return native(nr | 0x40000000, a);
	default:
		return native(nr, a);
	}
}
#define CALL1(n, a) call(n, (long)(a), 0L, 0L, 0L, 0L, 0L)
#define CALL2(n, a, b) call(n, (long)(a), (long)(b), 0L, 0L, 0L, 0L)
#define CALL3(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0L, 0L, 0L)
#define CALL4(n, a, b, c, d) call(n, (long)(a), (long)(b), (long)(c), (long)(d), 0L, 0L)
#define CALL5(n, a, b, c, d, e) call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0L)

static char *low; /* memory below 4 GiB for the words */

static int number_of_fd(const char *word)
{
	if (!strcmp(word, "cwd"))
		return AT_FDCWD;
	if (word[0] == 'd')
		return SLOT + atoi(word + 1);
	return atoi(word);
}

static const struct {
	const char *word;
	long value;
} flags_known[] = {
	{"creat", O_CREAT},	  {"excl", O_EXCL},		  {"trunc", O_TRUNC},
	{"append", O_APPEND},	  {"wronly", O_WRONLY},		  {"rdwr", O_RDWR},
	{"nofollow", O_NOFOLLOW}, {"directory", O_DIRECTORY},	  {"path", O_PATH},
	{"tmpfile", O_TMPFILE},	  {"dir", AT_REMOVEDIR},	  {"follow", AT_SYMLINK_FOLLOW},
	{"empty", AT_EMPTY_PATH}, {"noreplace", RENAME_NOREPLACE}, {"exchange", RENAME_EXCHANGE},
	{"whiteout", RENAME_WHITEOUT}, {"user", CLONE_NEWUSER},	  {"mount", CLONE_NEWNS},
	{"pid", CLONE_NEWPID},	  {"ipc", CLONE_NEWIPC},	  {"nonblock", O_NONBLOCK},
};

static long flags_of(const char *words)
{
	long flags = 0;
	char copy[256], *rest = NULL;
	if (!words)
		return 0;
	snprintf(copy, sizeof copy, "%s", words);
	for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		size_t i, n = sizeof flags_known / sizeof *flags_known;
		for (i = 0; i < n && strcmp(word, flags_known[i].word); i++)
			;
		if (i < n)
			flags |= flags_known[i].value;
		else
			flags |= strtol(word, NULL, 0);
	}
	return flags;
}

static long open_kept(const char *path, long flags, const char *slot)
{
	int fd = open(path, (int)flags, 0644);
	if (fd < 0)
		return -errno;
	int to = dup2(fd, number_of_fd(slot));
	long r = to < 0 ? -errno : 0;
	close(fd);
	return r;
}

static long drop(long fd)
{
	if (fd >= 0)
		close((int)fd);
	return fd < 0 ? fd : 0;
}

static long result(int r) { return r == -1 ? -errno : 0; }

static long write_text(const char *path, long flags, const char *text)
{
	int fd = open(path, O_WRONLY | flags, 0644);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	long r = n < 0 ? -errno : 0;
	close(fd);
	return r;
}

#ifdef __x86_64__
/* socketcall(SYS_BIND): the arguments in memory, as 32-bit words. */
static long bind_i386(int fd, const struct sockaddr_un *name)
{
	struct { uint32_t words[3]; struct sockaddr_un name; } *args;
	args = mmap(NULL, sizeof *args, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (args == MAP_FAILED)
		return -errno;
	args->name = *name;
	args->words[0] = fd;
	args->words[1] = (uint32_t)(uintptr_t)&args->name;
	args->words[2] = sizeof *name;
	long a[6] = {2, (long)args->words};
	long r = i386(102, a);
	munmap(args, sizeof *args);
	return r;
}
#else
static long bind_i386(int fd, const struct sockaddr_un *name)
{
	(void)fd, (void)name;
	return -ENOSYS;
}
#endif

static long bind_socket(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof name.sun_path)
		return -ENAMETOOLONG;
	strcpy(name.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	long r = entry == I386 ? bind_i386(fd, &name) : result(bind(fd, (struct sockaddr *)&name, sizeof name));
	close(fd);
	return r;
}

static long openat2_call(int dirfd, const char *path, long flags, long resolve)
{
	struct open_how how = {.flags = (uint64_t)flags, .mode = flags & O_CREAT ? 0644 : 0, .resolve = (uint64_t)resolve};
	long a[6] = {dirfd, (long)path, (long)&how, sizeof how, 0, 0};
	return drop(native(SYS_openat2, a));
}

/* The first process of a new namespace of processes, which lives as long as this one: without it no other begins. */
static pid_t hold_processes(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

/* New namespaces, with the caller mapped to root as `unshare -r` does; nothing mounted gets out. */
static long unshare_all(long flags)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];
	if (unshare((int)flags))
		return -errno;
	if (flags & CLONE_NEWPID && hold_processes() < 0)
		return -errno;
	if (flags & CLONE_NEWUSER) {
		long r = write_text("/proc/self/setgroups", 0, "deny");
		snprintf(map, sizeof map, "0 %u 1", uid);
		r = r ? r : write_text("/proc/self/uid_map", 0, map);
		snprintf(map, sizeof map, "0 %u 1", gid);
		r = r ? r : write_text("/proc/self/gid_map", 0, map);
		if (r)
			return r;
	}
	if (flags & CLONE_NEWNS)
		return result(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	return 0;
}

static long overlay(const char *lower, const char *upper, const char *work, const char *at)
{
	char options[LINE];
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
	return result(mount("overlay", at, "overlay", 0, options));
}

/* As a container's first process: DIR becomes the root, and nothing of the old one stays in sight. */
static long pivot(const char *dir)
{
	if (mount(dir, dir, NULL, MS_BIND | MS_REC, NULL) || chdir(dir) || syscall(SYS_pivot_root, ".", "."))
		return -errno;
	return result(umount2(".", MNT_DETACH) || chdir("/") ? -1 : 0);
}

static long chdir_down(const char *name, int count)
{
	for (int i = 0; i < count; i++)
		if (chdir(name))
			return -errno;
	return 0;
}

static long perform(int n, char **w);

struct work {
	char **words;
	int count;
	long result;
};

/* in_thread DIR STEP…: a thread with its own working directory, as some runtimes have. */
static void *in_thread(void *p)
{
	struct work *work = p;
	if (unshare(CLONE_FS) || chdir(work->words[0]))
		work->result = -errno;
	else
		work->result = perform(work->count - 1, work->words + 1);
	return NULL;
}

static long on_thread(int n, char **w)
{
	struct work work = {.words = w, .count = n};
	pthread_t thread;
	if (pthread_create(&thread, NULL, in_thread, &work))
		return -EAGAIN;
	pthread_join(thread, NULL);
	return work.result;
}

/* bind_apart PATH: a thread with descriptors of its own binds one of them, whose number is another socket to all others. */
struct apart {
	const char *path;
	int fd;
	long result;
};

static void *apart(void *p)
{
	struct apart *work = p;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = unshare(CLONE_FILES) ? -1 : socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(name.sun_path, sizeof name.sun_path, "%s", work->path);
	if (fd < 0 || dup2(fd, work->fd) < 0)
		work->result = -errno;
	else
		work->result = result(bind(work->fd, (struct sockaddr *)&name, sizeof name));
	return NULL;
}

static long bind_apart(const char *path)
{
	struct apart work = {path, socket(AF_UNIX, SOCK_STREAM, 0), 0};
	struct sockaddr_un name;
	socklen_t length = sizeof name;
	pthread_t thread;

	if (work.fd < 0 || pthread_create(&thread, NULL, apart, &work))
		return -EAGAIN;
	pthread_join(thread, NULL);
	if (getsockname(work.fd, (struct sockaddr *)&name, &length))
		return -errno;
	close(work.fd);
	/* Without a name it has a family alone. */
	return work.result || length == sizeof(sa_family_t) ? work.result : -EILSEQ;
}

static volatile sig_atomic_t signalled;

static void note(int signal) { signalled = signal; }

/* How long files may become from now on; what is sent then is noted. */
static long limit_size(long bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, note);
	if (getrlimit(RLIMIT_FSIZE, &limit))
		return -errno;
	limit.rlim_cur = bytes;
	return result(setrlimit(RLIMIT_FSIZE, &limit));
}

/* Whether a file that is opened with these flags is told to have them. */
static long flags_are(const char *path, int flags)
{
#ifdef __aarch64__
	const int large = 0400000;
#else
	const int large = 0100000;
#endif
	int fd = open(path, flags, 0644), told = fd < 0 ? 0 : fcntl(fd, F_GETFL);

	if (fd < 0)
		return -errno;
	close(fd);
	return (told & ~large) == (flags & ~(O_CREAT | O_EXCL | O_TRUNC)) ? 0 : -EILSEQ;
}

static long in_child(int n, char **w)
{
	int status, ends[2];
	long r = -ECHILD;
	if (pipe(ends))
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		r = perform(n, w);
		_exit(write(ends[1], &r, sizeof r) == sizeof r ? 0 : 1);
	}
	close(ends[1]);
	if (read(ends[0], &r, sizeof r) != sizeof r)
		r = -ECHILD;
	close(ends[0]);
	waitpid(pid, &status, 0);
	return r;
}

static long with_entry(enum entry which, int n, char **w)
{
	entry = which;
	long r = perform(n, w);
	entry = NATIVE;
	return r;
}

static long read_text(const char *path, const char *expected)
{
	char text[4096];
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof text);
	close(fd);
	return n == (ssize_t)strlen(expected) && !memcmp(text, expected, n) ? 0 : -EILSEQ;
}

static long perform(int n, char **w)
{
	const char *c = w[0];
#define IS(word, args) (!strcmp(c, word) && n > (args))
	if (IS("i386", 1))
		return with_entry(I386, n - 1, w + 1);
	if (IS("x32", 1))
		return with_entry(X32, n - 1, w + 1);
	if (IS("in_thread", 2))
		return on_thread(n - 1, w + 1);
	if (IS("in_child", 1))
		return in_child(n - 1, w + 1);
	if (IS("setfsuid", 1))
		return setfsuid(atoi(w[1])), setfsuid(-1) == atoi(w[1]) ? 0 : -EPERM;
	if (IS("bad_address", 0))
		return CALL1(NUMBERS(unlinkat, 301), 8);
	if (IS("unlinkat", 2))
		return CALL3(NUMBERS(unlinkat, 301), number_of_fd(w[1]), w[2], flags_of(w[3]));
	if (IS("renameat2", 5))
		return CALL5(NUMBERS(renameat2, 353), number_of_fd(w[1]), w[2], number_of_fd(w[3]), w[4], flags_of(w[5]));
	if (IS("openat", 3))
		return drop(CALL4(NUMBERS(openat, 295), number_of_fd(w[1]), w[2], flags_of(w[3]), 0644));
	if (IS("mkdirat", 2))
		return CALL3(NUMBERS(mkdirat, 296), number_of_fd(w[1]), w[2], 0755);
	if (IS("mknodat", 2))
		return CALL4(NUMBERS(mknodat, 297), number_of_fd(w[1]), w[2], S_IFIFO | 0644, 0);
	if (IS("symlinkat", 3))
		return CALL3(NUMBERS(symlinkat, 304), w[1], number_of_fd(w[2]), w[3]);
	if (IS("linkat", 4))
		return CALL5(NUMBERS(linkat, 303), number_of_fd(w[1]), w[2], number_of_fd(w[3]), w[4], flags_of(w[5]));
#ifdef SYS_unlink
	if (IS("unlink", 1))
		return CALL1(NUMBERS(unlink, 10), w[1]);
	if (IS("rmdir", 1))
		return CALL1(NUMBERS(rmdir, 40), w[1]);
	if (IS("rename", 2))
		return CALL2(NUMBERS(rename, 38), w[1], w[2]);
	if (IS("open", 2))
		return drop(CALL3(NUMBERS(open, 5), w[1], flags_of(w[2]), 0644));
	if (IS("creat", 1))
		return drop(CALL2(NUMBERS(creat, 8), w[1], 0644));
	if (IS("mkdir", 1))
		return CALL2(NUMBERS(mkdir, 39), w[1], 0755);
	if (IS("mkfifo", 1))
		return CALL3(NUMBERS(mknod, 14), w[1], S_IFIFO | 0644, 0);
	if (IS("mkdevice", 1))
		return CALL3(NUMBERS(mknod, 14), w[1], S_IFCHR | 0644, NULL_DEVICE);
	if (IS("mknod", 1))
		return CALL3(NUMBERS(mknod, 14), w[1], S_IFREG | 0644, 0);
	if (IS("symlink", 2))
		return CALL2(NUMBERS(symlink, 83), w[1], w[2]);
	if (IS("link", 2))
		return CALL2(NUMBERS(link, 9), w[1], w[2]);
#else
	if (IS("unlink", 1))
		return CALL3(NUMBERS(unlinkat, 301), AT_FDCWD, w[1], 0);
	if (IS("rmdir", 1))
		return CALL3(NUMBERS(unlinkat, 301), AT_FDCWD, w[1], AT_REMOVEDIR);
	if (IS("rename", 2))
		return CALL5(NUMBERS(renameat2, 353), AT_FDCWD, w[1], AT_FDCWD, w[2], 0);
	if (IS("open", 2))
		return drop(CALL4(NUMBERS(openat, 295), AT_FDCWD, w[1], flags_of(w[2]), 0644));
	if (IS("creat", 1))
		return drop(CALL4(NUMBERS(openat, 295), AT_FDCWD, w[1], O_CREAT | O_WRONLY | O_TRUNC, 0644));
	if (IS("mkdir", 1))
		return CALL3(NUMBERS(mkdirat, 296), AT_FDCWD, w[1], 0755);
	if (IS("mkfifo", 1))
		return CALL4(NUMBERS(mknodat, 297), AT_FDCWD, w[1], S_IFIFO | 0644, 0);
	if (IS("mkdevice", 1))
		return CALL4(NUMBERS(mknodat, 297), AT_FDCWD, w[1], S_IFCHR | 0644, NULL_DEVICE);
	if (IS("mknod", 1))
		return CALL4(NUMBERS(mknodat, 297), AT_FDCWD, w[1], S_IFREG | 0644, 0);
	if (IS("symlink", 2))
		return CALL3(NUMBERS(symlinkat, 304), w[1], AT_FDCWD, w[2]);
	if (IS("link", 2))
		return CALL5(NUMBERS(linkat, 303), AT_FDCWD, w[1], AT_FDCWD, w[2], 0);
#endif
#ifdef SYS_renameat
	if (IS("renameat", 4))
		return CALL4(NUMBERS(renameat, 302), number_of_fd(w[1]), w[2], number_of_fd(w[3]), w[4]);
#else
	if (IS("renameat", 4))
		return CALL5(NUMBERS(renameat2, 353), number_of_fd(w[1]), w[2], number_of_fd(w[3]), w[4], 0);
#endif
	if (IS("openat2", 3))
		return openat2_call(number_of_fd(w[1]), w[2], flags_of(w[3]), n > 4 ? strtol(w[4], NULL, 0) : 0);
	if (IS("bind_socket", 1))
		return bind_socket(w[1]);
	if (IS("bind_apart", 1))
		return bind_apart(w[1]);
	if (IS("write", 2))
		return write_text(w[1], flags_of(w[3]), w[2]);
	if (IS("save", 2))
		return write_text(w[1], O_CREAT | O_TRUNC | flags_of(w[3]), w[2]);
	if (IS("append", 2))
		return write_text(w[1], O_APPEND | flags_of(w[3]), w[2]);
	if (IS("read", 2))
		return read_text(w[1], w[2]);
	if (IS("truncate", 1))
		return result(truncate(w[1], 0));
	if (IS("truncate_to", 2))
		return result(truncate(w[1], atol(w[2])));
	if (IS("limit_size", 1))
		return limit_size(atol(w[1]));
	if (IS("was_signalled", 0))
		return signalled ? signalled = 0, 0 : -ESRCH;
	if (IS("flags_are", 2))
		return flags_are(w[1], (int)flags_of(w[2]));
	if (IS("mknod_of", 2))
		return CALL3(NUMBERS(mknodat, 297), AT_FDCWD, w[1], strtol(w[2], NULL, 8));
	if (IS("chmod", 2))
		return result(chmod(w[1], (mode_t)strtol(w[2], NULL, 8)));
	if (IS("stat", 1)) {
		struct stat st;
		return result(lstat(w[1], &st));
	}
	if (IS("mode_is", 2)) {
		struct stat st;
		if (lstat(w[1], &st))
			return -errno;
		return (st.st_mode & 07777) == (mode_t)strtol(w[2], NULL, 8) ? 0 : -EILSEQ;
	}
	if (IS("umask", 1))
		return umask((mode_t)strtol(w[1], NULL, 8)), 0;
	if (IS("chdir", 1))
		return result(chdir(w[1]));
	if (IS("chdir_down", 2))
		return chdir_down(w[1], atoi(w[2]));
	if (IS("fchdir", 1))
		return result(fchdir(number_of_fd(w[1])));
	if (IS("opendir", 2))
		return open_kept(w[2], O_PATH | O_DIRECTORY, w[1]);
	if (IS("openfd", 3))
		return open_kept(w[2], flags_of(w[3]), w[1]);
	if (IS("close", 1))
		return result(close(number_of_fd(w[1])));
	if (IS("chroot", 1))
		return result(chroot(w[1]));
	if (IS("pivot_root", 1))
		return pivot(w[1]);
	if (IS("unshare", 1))
		return unshare_all(flags_of(w[1]));
	if (IS("bind_mount", 2))
		return result(mount(w[1], w[2], NULL, MS_BIND | MS_REC, NULL));
	if (IS("tmpfs", 1))
		return result(mount("tmpfs", w[1], "tmpfs", 0, NULL));
	if (IS("overlay", 4))
		return overlay(w[1], w[2], w[3], w[4]);
	if (IS("undumpable", 0))
		return result(prctl(PR_SET_DUMPABLE, 0));
	fprintf(stderr, "driver: unknown step %s with %d words\n", c, n);
	exit(99);
}

static int digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

/* Splits a line into words, in place, and takes the escapes away. */
static int split(char *line, char **words)
{
	int n = 0;
	char *rest = NULL;
	for (char *word = strtok_r(line, " \n", &rest); word && n < WORDS; word = strtok_r(NULL, " \n", &rest)) {
		char *to = word;
		words[n++] = word;
		for (char *from = word; *from; from++, to++) {
			if (*from == '%') {
				*to = (char)(digit(from[1]) << 4 | digit(from[2]));
				from += 2;
			} else {
				*to = *from;
			}
		}
		*to = 0;
	}
	words[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	FILE *steps = argc != 2 ? NULL : !strcmp(argv[1], "-") ? stdin : fopen(argv[1], "re");
	char *words[WORDS + 2] = {0}, answer[16];
#ifdef MAP_32BIT
	int where = MAP_32BIT;
#else
	int where = 0;
#endif
	low = mmap(NULL, LINE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | where, -1, 0);
	if (!steps || low == MAP_FAILED) {
		fprintf(stderr, "usage: driver FILE\n");
		return 98;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int number = 0; fgets(low, LINE, steps); number++) {
		int n = split(low, words);
		if (n == 0)
			continue;
		words[n + 1] = NULL;
		if (!strcmp(words[0], "ask")) {
			printf("%d ask\n", number);
			if (!fgets(answer, sizeof answer, stdin))
				return 97;
			continue;
		}
		printf("%d %ld\n", number, perform(n, words));
	}
	return 0;
}
