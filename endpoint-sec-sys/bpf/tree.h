/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who belongs to a session: whoever a member starts, from before it can run until its task is gone. A child that can't
 * be made a member is not started. The task's address is the key: it is nobody else's until then, unlike a number.
 */
#ifndef ES_TREE_H
#define ES_TREE_H

#include "tell.h"

static __always_inline es_u64 started(struct task_struct *task)
{
	struct task_struct *leader = GET(task, group_leader);

	return GET(leader, start_boottime) / ES_TICK;
}

/* Makes a task a member. Null where there is no room, or with BPF_NOEXIST where it is one. */
static __always_inline struct es_member *admit(es_u64 task, es_u32 session, es_u64 flags)
{
	es_u32 zero = 0;
	struct es_member *m = bpf_map_lookup_elem(&blank, &zero);
	es_u32 *count = crowd_of(task);

	if (!m || !count)
		return NULL;
	/* Too many are harmless there, one too few is a member that is not seen. */
	__sync_fetch_and_add(count, 1);
	if (bpf_map_update_elem(&members, &task, m, flags)) {
		leave_crowd(task);
		return NULL;
	}
	m = bpf_map_lookup_elem(&members, &task);
	if (m)
		m->session = session;
	return m;
}

SEC("lsm/task_alloc")
int BPF_PROG(task_alloc, struct task_struct *task, unsigned long flags, int ret)
{
	es_u64 key = at(task);
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	if (m)
		return admit(key, m->session, BPF_ANY) ? 0 : -EAGAIN;
	/* Somebody's who had this address before, and whose end fell into a moment at which the map was locked. */
	if (member_of(key) && !bpf_map_delete_elem(&members, &key))
		leave_crowd(key);
	return 0;
}

SEC("lsm/task_free")
int BPF_PROG(task_free, struct task_struct *task)
{
	es_u64 key = at(task);

	if (member_of(key) && !bpf_map_delete_elem(&members, &key))
		leave_crowd(key);
	return 0;
}

/* The child has its number by now, and does not run yet. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	es_u64 key = at(child);
	struct es_member *m = member_of(key);
	struct es_session *session;

	if (!m)
		return 0;
	m->pid = GET(child, pid);
	m->tgid = GET(child, tgid);
	m->start = started(child);
	session = session_of(m);
	if (session)
		__sync_fetch_and_add(&session->alive, 1);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	es_u64 key = at(task);
	struct es_member *m = member_of(key);
	struct es_session *session;

	if (!m || m->ended)
		return 0;
	m->ended = 1;
	session = session_of(m);
	if (session && __sync_fetch_and_add(&session->alive, -1) == 1)
		tell_end(m);
	return 0;
}

/* Run by the helper, over all tasks: makes members of the threads of a process that waits to be one. */
SEC("iter/task")
int enrol(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct es_session *session;
	struct es_joining *joins;
	struct es_member *m;
	es_u32 tgid;

	if (!task)
		return 0;
	tgid = task->tgid;
	joins = bpf_map_lookup_elem(&joining, &tgid);
	if (!joins || joins->start != started(task))
		return 0;
	m = admit(at(task), joins->session, BPF_NOEXIST);
	if (!m)
		return 0;
	m->pid = task->pid;
	m->tgid = tgid;
	m->start = joins->start;
	session = session_of(m);
	if (session)
		__sync_fetch_and_add(&session->alive, 1);
	joins->found++;
	return 0;
}

#endif
