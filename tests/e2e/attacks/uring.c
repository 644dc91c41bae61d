/*
 * Removing and renaming without a system call of that name: asked of the kernel through io_uring.
 *
 *   uring unlink PATH      uring rename FROM TO
 *
 * Ends with 0 if it was done, with 1 and the error's number on standard output if not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *map(int fd, size_t size, off_t what)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);
	return at == MAP_FAILED ? NULL : at;
}

/* What came of one request, a negative errno where it failed. */
static int submit(struct io_uring_sqe *request)
{
	struct io_uring_params params;
	memset(&params, 0, sizeof(params));
	int fd = syscall(SYS_io_uring_setup, 1, &params);
	if (fd < 0)
		return -errno;
	char *submissions = map(fd, params.sq_off.array + params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	char *completions = map(fd, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	struct io_uring_sqe *entries = map(fd, params.sq_entries * sizeof(*entries), IORING_OFF_SQES);
	if (!submissions || !completions || !entries)
		return -errno;
	entries[0] = *request;
	((unsigned *)(submissions + params.sq_off.array))[0] = 0;
	atomic_store((atomic_uint *)(submissions + params.sq_off.tail), 1);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	return ((struct io_uring_cqe *)(completions + params.cq_off.cqes))[0].res;
}

int main(int argc, char **argv)
{
	struct io_uring_sqe request;
	memset(&request, 0, sizeof(request));
	request.fd = AT_FDCWD;
	if (argc == 3 && !strcmp(argv[1], "unlink")) {
		request.opcode = IORING_OP_UNLINKAT;
		request.addr = (unsigned long)argv[2];
	} else if (argc == 4 && !strcmp(argv[1], "rename")) {
		request.opcode = IORING_OP_RENAMEAT;
		request.len = (unsigned)AT_FDCWD;
		request.addr = (unsigned long)argv[2];
		request.addr2 = (unsigned long)argv[3];
	} else {
		return 2;
	}
	int result = submit(&request);
	if (result >= 0)
		return 0;
	printf("%d\n", -result);
	return 1;
}
