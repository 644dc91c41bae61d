/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Of the kernel's structures what is looked at. Where each field lies is found when the programs are loaded, from
 * the types that the running kernel says it has: so there is neither vmlinux.h here nor a kernel version.
 */
#ifndef ES_KERNEL_H
#define ES_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;
#define NULL ((void *)0)

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_F_NO_PREALLOC = 1 };
enum {
	BPF_OBJ_GET = 7,
	BPF_PROG_GET_FD_BY_ID = 13,
	BPF_MAP_GET_FD_BY_ID = 14,
	BPF_LINK_GET_FD_BY_ID = 30,
};

/* include/uapi/asm-generic/errno-base.h */
#define EPERM 1
#define EAGAIN 11
/* include/linux/fs.h */
#define FMODE_WRITE 2
#define RENAME_EXCHANGE 2
#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_IFDIR 0040000
/* include/uapi/linux/mount.h */
#define MS_BIND (1UL << 12)
#define MS_MOVE (1UL << 13)
/* What changes a mount that is there, and covers nothing. */
#define MS_CHANGES (1UL << 5 | 1UL << 17 | 1UL << 18 | 1UL << 19 | 1UL << 20)
/* include/linux/ptrace.h */
#define PTRACE_MODE_ATTACH 2
/* include/linux/dcache.h of 6.1, where it is no enumerator whose value could be asked for. */
#define DCACHE_PAR_LOOKUP_6_1 0x10000000U

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry;
struct super_block {
	__u32 s_dev;
	struct dentry *s_root;
};

struct inode_operations {
	void *atomic_open;
};

struct dentry_operations {
	void *d_revalidate;
};

struct inode {
	__u16 i_mode;
	struct inode_operations *i_op;
	struct super_block *i_sb;
	unsigned long i_ino;
	__u32 i_nlink;
	__u32 i_generation;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct dentry {
	__u32 d_flags;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct dentry_operations *d_op;
	struct super_block *d_sb;
	struct list_head d_child;
	struct list_head d_subdirs;
};

/* From 6.8 on. */
struct dentry___later {
	struct hlist_node d_sib;
	struct hlist_head d_children;
};

enum dentry_flags___later {
	DCACHE_PAR_LOOKUP = 0,
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct ns_common {
	__u32 inum;
};

struct mnt_namespace {
	struct ns_common ns;
	__u64 event;
};

struct mount {
	struct mnt_namespace *mnt_ns;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	__u32 f_mode;
	struct path f_path;
};

struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
};

struct fs_struct {
	struct path pwd;
};

struct task_struct {
	int pid;
	int tgid;
	__u64 start_boottime;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct fs_struct *fs;
};

struct bpf_map {
	__u32 id;
};

struct bpf_prog_aux {
	__u32 id;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct bpf_iter_meta;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* Known by name alone. */
struct iattr;
struct cred;
struct kernel_siginfo;
struct linux_binprm;
union bpf_attr;
struct rlimit;

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* A field of a structure at any address, 0 where it can't be read. The address is looked at once. */
#define GET(from, field)                                                                       \
	({                                                                                     \
		typeof((from)->field) got_ = 0;                                                \
		bpf_core_read(&got_, sizeof(got_), &(from)->field);                               \
		got_;                                                                          \
	})

/*
 * A function that the verifier looks at by itself, once, whatever calls it: nothing is known of what it is given but
 * that pointers are to whole structures of these maps, or null. So what is in the kernel comes as a number.
 */
#define SEPARATE __attribute__((noinline))

/* The number of an address that a hook was given, which the verifier else takes for more than a number. */
static __always_inline __u64 at(const void *address)
{
	__u64 given = (__u64)address, number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &given);
	return number;
}

#define HASH(of, key_type, value_type, most, flags)                                            \
	struct {                                                                               \
		__uint(type, BPF_MAP_TYPE_HASH);                                               \
		__uint(max_entries, most);                                                     \
		__uint(map_flags, flags);                                                      \
		__type(key, key_type);                                                         \
		__type(value, value_type);                                                     \
	} of SEC(".maps")

#define ARRAY(of, value_type, most)                                                            \
	struct {                                                                               \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                              \
		__uint(max_entries, most);                                                     \
		__type(key, __u32);                                                           \
		__type(value, value_type);                                                     \
	} of SEC(".maps")

#endif
