// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Whether the kernel asks programs at all: it attaches them where `bpf` is not among its security modules, too, and
 * then never runs them. Counts who asks for a process's group.
 */
#include "kernel.h"

ARRAY(asked, __u64, 1);

SEC("lsm/task_getpgid")
int BPF_PROG(task_getpgid, struct task_struct *of, int ret)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&asked, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	return ret;
}

char terms[] SEC("license") = "Dual MIT/GPL";
