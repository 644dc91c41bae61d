/*
 * A sandbox of another kind: confines itself with Landlock, so that files may be removed in DIR alone, and
 * executes the command. Exits with 77 where the kernel has no Landlock.
 *
 *   confined DIR PROGRAM ARGUMENT...
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_REMOVE_FILE };
	struct landlock_path_beneath_attr beneath = { .allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE };
	if (argc < 3)
		return 70;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return 77;
	beneath.parent_fd = open(argv[1], O_PATH | O_CLOEXEC);
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
		perror("confined");
		return 71;
	}
	close(ruleset);
	close(beneath.parent_fd);
	execv(argv[2], argv + 2);
	return 73;
}
