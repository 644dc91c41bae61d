/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ways to get at es-guard itself: its processes, and the programs and maps here. */
#ifndef ES_REACH_H
#define ES_REACH_H

#include "tell.h"

/* Whether a task is one of es-guard's own processes. */
static __always_inline int is_ward(struct task_struct *task)
{
	struct task_struct *leader = GET(task, group_leader);
	es_u32 tgid = GET(task, tgid);
	struct es_ward *ward = bpf_map_lookup_elem(&wards, &tgid);

	return ward && ward->start == GET(leader, start_boottime) / ES_TICK;
}

SEPARATE int refuse(struct es_member *m, es_u64 target_at, es_u32 op)
{
	struct task_struct *target = (struct task_struct *)target_at;

	if (!m || !is_ward(target))
		return 0;
	tell_reach(m, op, GET(target, tgid));
	return -EPERM;
}

SEC("lsm/task_kill")
int BPF_PROG(task_kill, struct task_struct *target, struct kernel_siginfo *info, int number, const struct cred *by,
	     int ret)
{
	struct es_member *m;

	if (ret || !number)
		return ret;
	m = member();
	return m ? refuse(m, at(target), ES_SIGNAL) : 0;
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(ptrace_access_check, struct task_struct *target, unsigned int mode, int ret)
{
	struct es_member *m;

	if (ret || !(mode & PTRACE_MODE_ATTACH))
		return ret;
	m = member();
	return m ? refuse(m, at(target), ES_MEDDLE) : 0;
}

SEC("lsm/task_setrlimit")
int BPF_PROG(task_setrlimit, struct task_struct *target, unsigned int resource, struct rlimit *limit, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m ? refuse(m, at(target), ES_MEDDLE) : 0;
}

/* A pin is a path in the caller's memory, and a link's number tells nothing of whose it is: neither is for a member. */
SEC("lsm/bpf")
int BPF_PROG(bpf, int command, union bpf_attr *attr, unsigned int size, int ret)
{
	struct es_member *m;

	if (ret || (command != BPF_OBJ_GET && command != BPF_LINK_GET_FD_BY_ID))
		return ret;
	m = member();
	if (!m)
		return 0;
	tell_reach(m, ES_MEDDLE, 0);
	return -EPERM;
}

SEPARATE int refuse_guarded(es_u64 which)
{
	struct es_member *m = member();

	if (!m || !bpf_map_lookup_elem(&guarded, &which))
		return 0;
	tell_reach(m, ES_MEDDLE, 0);
	return -EPERM;
}

SEC("lsm/bpf_map")
int BPF_PROG(bpf_map, struct bpf_map *map, unsigned int mode, int ret)
{
	return ret ? ret : refuse_guarded(1ULL << 32 | GET(map, id));
}

SEC("lsm/bpf_prog")
int BPF_PROG(bpf_prog, struct bpf_prog *program, int ret)
{
	struct bpf_prog_aux *aux = GET(program, aux);

	return ret ? ret : refuse_guarded(2ULL << 32 | GET(aux, id));
}

#endif
