/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The maps. What a program writes while it runs is allocated beforehand: memory that can't be had at once must not
 * be why a child is no member. What only the helper writes is not.
 */
#ifndef ES_MAPS_H
#define ES_MAPS_H

#include "kernel.h"
#include "judge.h"

HASH(members, es_u64, struct es_member, 16384, 0);
HASH(own, struct es_own_key, struct es_own, 65536, 0);
HASH(own_directories, struct es_directory_key, struct es_directory, 32768, 0);
HASH(places, struct es_place_key, struct es_entry, 32768, 0);
HASH(names, struct es_name_key, struct es_entry, 8192, 0);
HASH(exempt, struct es_exempt_key, es_u64, 8192, 0);
HASH(tables, struct es_table_key, struct es_table, 512, 0);
HASH(versions, es_u32, es_u32, 1024, 0);
HASH(sessions, es_u32, struct es_session, 1024, 0);
HASH(joining, es_u32, struct es_joining, 64, 0);
HASH(wards, es_u32, struct es_ward, 4096, 0);
/* Files a name of which a session has saved over, while they had another: whose. */
HASH(saved_over, struct es_directory_key, es_u32, 8192, 0);
/* Mount namespaces that es-guard's own processes, and the first process, are in: by number. */
HASH(homes, es_u32, es_u32, 4096, 0);
/* Ids of these maps and programs: 1 << 32 | id, 2 << 32 | id. The helper writes them. */
HASH(guarded, es_u64, es_u32, 4096, 0);
/* What no session knows: the key of names' hashes. The helper writes it once. */
ARRAY(secret, es_u64, 2);
/* How many members there are by a part of their tasks' addresses: most tasks are told from all of them by that. */
ARRAY(crowd, es_u32, ES_CROWD);
ARRAY(turns, es_u64, ES_TURNS);
/* A member that has nothing yet. */
ARRAY(blank, struct es_member, 1);
ARRAY(desks, struct es_desk, ES_DESKS);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} records SEC(".maps");

static __always_inline es_u64 this_task(void)
{
	return bpf_get_current_task();
}

static __always_inline es_u32 *crowd_of(es_u64 task)
{
	es_u32 index = (es_u32)(task >> 6) * 0x9e3779b1U >> 18;

	return bpf_map_lookup_elem(&crowd, &index);
}

/* Gone from it, or not come. */
static __always_inline void leave_crowd(es_u64 task)
{
	es_u32 *count = crowd_of(task);

	if (count)
		__sync_fetch_and_add(count, -1);
}

static __always_inline struct es_member *member_of(es_u64 task)
{
	es_u32 *count = crowd_of(task);

	if (!count || !*(volatile es_u32 *)count)
		return NULL;
	return bpf_map_lookup_elem(&members, &task);
}

static __always_inline struct es_member *member(void)
{
	return member_of(this_task());
}

static __always_inline struct es_session *session_of(struct es_member *m)
{
	es_u32 session = m->session;

	return bpf_map_lookup_elem(&sessions, &session);
}

#endif
