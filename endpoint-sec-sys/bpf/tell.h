/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Records. One is put together at a desk of its own, not at one that a processor has: another thread could sit down
 * at that one meanwhile. A record for which there is no desk or no room is counted, never silent.
 */
#ifndef ES_TELL_H
#define ES_TELL_H

#include "maps.h"

#define DESK_MASK (ES_TEXT - 1)

struct telling {
	struct es_desk *desk;
};

static __always_inline struct es_desk *sit_down(void)
{
	es_u32 from = bpf_get_smp_processor_id();

	for (es_u32 i = 0; i < ES_DESKS; i++) {
		es_u32 number = (from + i) % ES_DESKS;
		struct es_desk *desk = bpf_map_lookup_elem(&desks, &number);

		if (desk && !__sync_val_compare_and_swap(&desk->busy, 0, 1))
			return desk;
	}
	return NULL;
}

static __always_inline void append(struct es_desk *desk, struct dentry *entry)
{
	const unsigned char *text = GET(entry, d_name.name);
	es_u32 length = GET(entry, d_name.len), at = desk->at;

	length &= ES_NAME - 1;
	if (at > ES_TEXT - 2 * ES_NAME) {
		desk->record.flags |= ES_CUT;
		return;
	}
	at &= DESK_MASK;
	if (length && bpf_probe_read_kernel(&desk->record.text[at], length, text))
		desk->record.flags |= ES_CUT;
	at += length;
	desk->record.text[at & DESK_MASK] = 0;
	desk->at = at + 1;
}

/* Whether the zone that is told of is rooted here. */
static __always_inline void met(struct es_desk *desk, struct inode *inode)
{
	struct es_entry *here;
	struct es_place_key key;
	es_u32 zone = desk->record.zone, which = desk->which;

	if (which > 1 || zone >= ES_ZONES || !inode)
		return;
	desk->key.ino = GET(inode, i_ino);
	key = desk->key;
	here = bpf_map_lookup_elem(&places, &key);
	if (here && here->zones >> zone & 1 && desk->record.below[which & 1] == ES_NO_ZONE)
		desk->record.below[which & 1] = desk->count;
}

static long tell_name(es_u32 step, struct telling *t)
{
	struct es_desk *desk = t->desk;
	struct dentry *entry = (struct dentry *)desk->entry;
	struct vfsmount *visible = (struct vfsmount *)desk->mount;
	struct dentry *parent = GET(entry, d_parent), *root = NULL;
	struct super_block *super;

	met(desk, GET(entry, d_inode));
	if (visible)
		root = GET(visible, mnt_root);
	if (entry == root) {
		struct mount *mount = (void *)visible - __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);
		struct mount *above = GET(mount, mnt_parent);

		if (!above || above == mount)
			return 1;
		entry = GET(mount, mnt_mountpoint);
		super = GET(entry, d_sb);
		desk->key.dev = GET(super, s_dev);
		desk->entry = (es_u64)entry;
		desk->mount = (es_u64)above + __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);
		return 0;
	}
	if (!parent || parent == entry)
		return 1;
	append(desk, entry);
	desk->count++;
	desk->entry = (es_u64)parent;
	return 0;
}

static __always_inline void tell_names(struct es_desk *desk, struct es_span *span, struct telling *t, es_u64 entry_at,
				       es_u64 mount)
{
	struct dentry *entry = (struct dentry *)entry_at;
	struct super_block *super = GET(entry, d_sb);

	desk->count = 0;
	desk->key.dev = GET(super, s_dev);
	desk->entry = entry_at;
	desk->mount = mount;
	desk->at = span->at;
	bpf_loop(ES_DEPTH, tell_name, t, 0);
	span->length = desk->at - span->at;
}

/*
 * Tells a path, its last name first: as it is seen, but inside its file system where the zone lies on that path
 * alone, as below a mount of a part of it.
 */
SEPARATE int tell_path(struct es_desk *desk, struct es_span *span, es_u64 entry, es_u64 mount, es_u32 which)
{
	struct telling t = { desk };

	if (!desk || !span)
		return 0;
	span->at = desk->at;
	desk->which = which;
	tell_names(desk, span, &t, entry, mount);
	if (!mount)
		desk->record.flags |= ES_INSIDE;
	if (!mount || which > 1 || desk->record.zone >= ES_ZONES || desk->record.below[which & 1] != ES_NO_ZONE)
		return 0;
	tell_names(desk, span, &t, entry, 0);
	if (desk->record.below[which & 1] != ES_NO_ZONE)
		desk->record.flags |= ES_INSIDE;
	else
		tell_names(desk, span, &t, entry, mount);
	return 0;
}

SEPARATE int tell_arguments(struct es_desk *desk, es_u64 mm_at)
{
	struct mm_struct *mm = (struct mm_struct *)mm_at;
	unsigned long from = GET(mm, arg_start), to = GET(mm, arg_end);
	es_u32 length = to - from, at;

	if (!desk)
		return 0;
	at = desk->at;
	if (to <= from || at > ES_TEXT - 2 * ES_ARGUMENTS)
		return 0;
	if (to - from >= ES_ARGUMENTS) {
		length = ES_ARGUMENTS - 1;
		desk->record.flags |= ES_CUT;
	}
	length &= ES_ARGUMENTS - 1;
	at &= DESK_MASK;
	if (bpf_probe_read_user(&desk->record.text[at], length, (void *)from))
		return 0;
	desk->record.argv.at = at;
	desk->record.argv.length = length;
	desk->at = at + length;
	return 0;
}

/* Who it is, as far as it can be told here. */
SEPARATE int tell_who(struct es_desk *desk)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct mm_struct *mm = GET(task, mm);
	struct fs_struct *fs = GET(task, fs);
	struct file *exe;

	if (!desk)
		return 0;
	if (mm) {
		exe = GET(mm, exe_file);
		if (exe)
			tell_path(desk, &desk->record.exe, (es_u64)GET(exe, f_path.dentry),
				  (es_u64)GET(exe, f_path.mnt), 2);
	}
	if (fs)
		tell_path(desk, &desk->record.cwd, (es_u64)GET(fs, pwd.dentry), (es_u64)GET(fs, pwd.mnt), 2);
	if (mm)
		tell_arguments(desk, (es_u64)mm);
	return 0;
}

static __always_inline void fill_in(struct es_record *record, struct es_member *m, es_u32 kind)
{
	es_u64 ids = bpf_get_current_pid_tgid();

	__builtin_memset(record, 0, __builtin_offsetof(struct es_record, text));
	record->kind = kind;
	record->session = m->session;
	record->time = bpf_ktime_get_boot_ns();
	record->zone = ES_NO_ZONE;
	record->below[0] = ES_NO_ZONE;
	record->below[1] = ES_NO_ZONE;
	record->start = m->start;
	record->tgid = ids >> 32;
	record->pid = ids;
	record->uid = bpf_get_current_uid_gid();
}

/* Hands a record over, and leaves the desk. */
static __always_inline void hand_over(struct es_desk *desk, struct es_session *session)
{
	es_u32 text = desk->at;
	es_u64 size;

	if (text > ES_TEXT)
		text = ES_TEXT;
	size = __builtin_offsetof(struct es_record, text) + text;
	if (bpf_ringbuf_output(&records, &desk->record, size, 0) && session)
		__sync_fetch_and_add(&session->lost, 1);
	__sync_lock_test_and_set(&desk->busy, 0);
}

static __always_inline struct es_desk *open_record(struct es_member *m, struct es_session *session, es_u32 kind)
{
	struct es_desk *desk = sit_down();

	if (!desk) {
		if (session)
			__sync_fetch_and_add(&session->lost, 1);
		return NULL;
	}
	desk->at = 0;
	fill_in(&desk->record, m, kind);
	return desk;
}

/* A denial of what is done to names. */
SEPARATE int tell_removal(struct es_member *m, es_u64 first, es_u64 second)
{
	struct es_session *session;
	struct es_desk *desk;

	if (!m)
		return 0;
	session = session_of(m);
	if (session)
		__sync_fetch_and_add(&session->denied, 1);
	desk = open_record(m, session, ES_DENIAL);
	if (!desk)
		return 0;
	desk->record.op = m->removal.op;
	desk->record.reason = m->removal.reason;
	desk->record.zone = m->removal.zone;
	desk->record.version = m->look.version;
	desk->record.kinds[0] = m->found[0].place.kind;
	desk->record.kinds[1] = second ? m->found[1].place.kind : ES_NOTHING;
	desk->key.session = m->session;
	desk->key.version = m->look.version;
	desk->key.zero = 0;
	tell_path(desk, &desk->record.path, first, m->found[0].mount, 0);
	if (second)
		tell_path(desk, &desk->record.dest, second, m->found[1].mount, 1);
	tell_who(desk);
	hand_over(desk, session);
	return 0;
}

/* A denial of what is done to a process, or to the programs here. */
SEPARATE int tell_reach(struct es_member *m, es_u32 op, es_u32 target)
{
	struct es_session *session;
	struct es_desk *desk;

	if (!m)
		return 0;
	session = session_of(m);
	if (session)
		__sync_fetch_and_add(&session->denied, 1);
	desk = open_record(m, session, ES_DENIAL);
	if (!desk)
		return 0;
	desk->record.op = op;
	desk->record.reason = ES_SEALED;
	desk->record.target = target;
	tell_who(desk);
	hand_over(desk, session);
	return 0;
}

/* Not counted where it is lost: whoever reads looks at `alive`, too. */
SEPARATE int tell_end(struct es_member *m)
{
	struct es_desk *desk;

	if (!m)
		return 0;
	desk = open_record(m, NULL, ES_TREE_ENDED);
	if (desk)
		hand_over(desk, NULL);
	return 0;
}

#endif
