// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The guard in the kernel.
 *
 *     remove.h   path_ and inode_ unlink, rmdir, rename     what may be removed, moved, exchanged
 *     make.h     path_mknod, mkdir, symlink, link, truncate; inode_init_security, d_instantiate, file_open
 *                                                           what a session makes is its own; es-guard's own is not written
 *     cover.h    sb_mount, move_mount, sb_umount            es-guard's own is not hidden or moved
 *     reach.h    task_kill, ptrace_access_check, task_setrlimit, bpf, bpf_map, bpf_prog
 *                                                           nor its processes, programs and maps
 *     tree.h     task_alloc, task_free, fork, exit; enrol   who belongs to a session
 *     plain.h    vfs_rename                                 what was found out once, and how long it holds
 *     walk.h, judge.h, own.h, tell.h                        how it is decided, and recorded
 *
 * For a process outside every session a hook is one look-up. An earlier module's refusal stands.
 */
#include "remove.h"
#include "make.h"
#include "cover.h"
#include "reach.h"
#include "tree.h"

char terms[] SEC("license") = "Dual MIT/GPL";
