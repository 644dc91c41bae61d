/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is a session's own: made by its tree at a name that was free.
 *
 * A name is told by its directory, its text (a keyed hash) and the inode that was made there, with its generation:
 * whatever a person puts in its place is another one. Where a file system gives no generation nothing is its own.
 * A directory is its own while nothing foreign was put into it, or into one below: whoever does so marks it. Where
 * anything is unsure it is not the session's own, and so protected.
 */
#ifndef ES_OWN_H
#define ES_OWN_H

#include "walk.h"

/* An own directory deeper than that in own directories counts as foreign: so far a mark climbs. */
#define OWN_DEPTH 48

SEPARATE int hash_name(struct es_member *m, es_u64 entry, struct es_own_key *key)
{
	es_u32 first = 0, second = 1;
	es_u64 *one = bpf_map_lookup_elem(&secret, &first), *two = bpf_map_lookup_elem(&secret, &second);
	const es_u64 *words;
	es_u64 a, b;

	if (!m || !key || !one || !two || !read_name(m, entry))
		return 0;
	words = (const es_u64 *)m->look.name.name;
	a = *one;
	b = *two;
	for (int i = 0; i < ES_NAME / 8; i++) {
		a = (a ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		a ^= a >> 29;
		b = (b + words[i]) * 0xd6e8feb86659fd93ULL;
		b ^= b >> 32;
	}
	key->name[0] = a;
	key->name[1] = b;
	return 0;
}

/* The key of a name, all but the device. */
static __always_inline void key_of(struct es_member *m, struct dentry *entry, struct es_own_key *key)
{
	struct dentry *parent = GET(entry, d_parent);
	struct inode *directory = GET(parent, d_inode);

	key->parent = GET(directory, i_ino);
	key->zero = 0;
	hash_name(m, (es_u64)entry, key);
}

static __always_inline struct es_directory *directory_of(struct dentry *entry)
{
	struct es_directory_key key = {};
	struct inode *inode = GET(entry, d_inode);

	if (!inode)
		return NULL;
	key.ino = GET(inode, i_ino);
	key.generation = GET(inode, i_generation);
	key.dev = device_of(entry);
	return bpf_map_lookup_elem(&own_directories, &key);
}

/* The same of what a hook was given, or what hangs on that: it is read at once. */
static __always_inline struct es_directory *directory_near(struct inode *inode)
{
	struct es_directory_key key = {};

	if (!inode)
		return NULL;
	key.ino = inode->i_ino;
	key.generation = inode->i_generation;
	key.dev = inode->i_sb->s_dev;
	return bpf_map_lookup_elem(&own_directories, &key);
}

/* Something foreign was put into this directory. */
SEPARATE int mark(es_u64 entry_at)
{
	struct dentry *entry = (struct dentry *)entry_at, *above;

	for (int i = 0; i < OWN_DEPTH + 2; i++) {
		struct es_directory *directory = directory_of(entry);

		if (!directory)
			break;
		directory->foreign = 1;
		above = GET(entry, d_parent);
		if (above == entry)
			break;
		entry = above;
	}
	return 0;
}

static __always_inline void mark_parent(struct dentry *entry)
{
	struct dentry *parent = GET(entry, d_parent);

	mark((es_u64)parent);
}

/* By somebody in no session: nearly always it is nobody's own. */
static __always_inline void mark_near(struct dentry *entry)
{
	if (directory_near(entry->d_parent->d_inode))
		mark((es_u64)at(entry->d_parent));
}

static __always_inline struct es_directory_key file_of(const struct es_found *f)
{
	struct es_directory_key key = { .ino = f->what.ino, .dev = f->key.dev, .generation = f->what.generation };

	return key;
}

/* Whether the session has replaced another name of the file: what it was is in this name alone, as a backup. */
static __always_inline int was_saved_over(struct es_member *m, const struct es_found *f)
{
	struct es_directory_key key = file_of(f);
	es_u32 *session = bpf_map_lookup_elem(&saved_over, &key);

	return session && *session == m->session;
}

/* Whose what stands at the name is, and what would be kept of it. */
SEPARATE int identify(struct es_member *m, struct es_found *f, es_u64 entry_at)
{
	struct dentry *entry = (struct dentry *)entry_at;
	struct inode *inode = GET(entry, d_inode);
	struct es_own *kept;
	struct es_own_key key;
	struct es_directory *directory;
	es_u32 links;

	if (!m || !f)
		return 0;
	key_of(m, entry, &f->key);
	if (!inode)
		return 0;
	links = GET(inode, i_nlink);
	f->what.ino = GET(inode, i_ino);
	f->what.generation = GET(inode, i_generation);
	f->what.session = f->what.generation && f->key.name[0] ? m->session : 0;
	f->what.linked = links > 1 && f->place.kind != ES_DIRECTORY;
	f->links = links;
	key = f->key;
	kept = bpf_map_lookup_elem(&own, &key);
	if (!kept || !f->what.session || kept->session != f->what.session || kept->ino != f->what.ino ||
	    kept->generation != f->what.generation)
		return 0;
	if (kept->linked && links < 2 && !was_saved_over(m, f))
		return 0;
	f->what.linked = kept->linked;
	/* The kernel itself removes empty directories alone. */
	if (f->place.kind == ES_DIRECTORY && m->look.op != ES_RMDIR) {
		directory = directory_of(entry);
		if (!directory || directory->foreign || directory->session != m->session)
			return 0;
	}
	f->place.own = 1;
	return 0;
}

#define FORGET 1
#define KEEP 2

static __always_inline void keep_along(struct es_after *after, int to, const struct es_found *from)
{
	if (!from->place.own)
		return;
	after->at[to] = KEEP;
	after->what[to] = from->what;
}

/* What an allowed operation makes of what is kept, for the moment at which it is done. */
SEPARATE int settle(struct es_member *m, es_u32 op)
{
	struct es_after *after;
	struct es_found *a, *b;
	int free;

	if (!m)
		return 0;
	after = &m->removal.after;
	a = &m->found[0];
	b = &m->found[1];
	after->counts = a->place.own && a->place.guarding;
	if (op == ES_UNLINK || op == ES_RMDIR) {
		after->at[0] = a->place.guarding ? FORGET : 0;
	} else if (op == ES_RENAME) {
		after->at[0] = FORGET;
		after->at[1] = FORGET;
		free = b->place.kind == ES_NOTHING || b->place.own;
		if (b->place.guarding && free && (a->place.own || !a->place.guarding) && a->what.session) {
			after->at[1] = KEEP;
			after->what[1] = a->what;
		}
		after->saved_over = es_protected(&b->place) && b->place.kind == ES_REGULAR && b->links > 1;
		after->foreign[1] = after->at[1] != KEEP || a->what.linked ||
				    (!a->place.own && a->place.kind == ES_DIRECTORY);
	} else if (op == ES_EXCHANGE) {
		after->at[0] = FORGET;
		after->at[1] = FORGET;
		/* Each takes its nature along, but in an edit by swap, of which the names keep theirs. */
		if (es_edit_by_swap(&a->place, &b->place) && b->what.session) {
			after->at[0] = KEEP;
			after->what[0] = b->what;
		} else if (es_edit_by_swap(&b->place, &a->place) && a->what.session) {
			after->at[1] = KEEP;
			after->what[1] = a->what;
		} else {
			keep_along(after, 0, b);
			keep_along(after, 1, a);
		}
		after->foreign[0] = !b->place.own;
		after->foreign[1] = !a->place.own;
		after->counts |= b->place.own && b->place.guarding;
	}
	return 0;
}

/* Gives whether it was kept. */
SEPARATE int keep(struct es_member *m, struct es_own_key *key_from, struct es_own *from)
{
	struct es_session *session;
	struct es_own_key key;
	struct es_own what;

	if (!m || !key_from || !from)
		return 0;
	key = *key_from;
	what = *from;
	if (!bpf_map_update_elem(&own, &key, &what, BPF_ANY))
		return 1;
	session = session_of(m);
	if (session)
		__sync_fetch_and_add(&session->forgotten, 1);
	return 0;
}

SEPARATE int forget(struct es_own_key *from)
{
	struct es_own_key key;

	if (!from)
		return 0;
	key = *from;
	bpf_map_delete_elem(&own, &key);
	return 0;
}

/* An own directory that comes into another: how deep it then lies in them is not known. */
static __always_inline void move_into(struct dentry *moved, struct dentry *there)
{
	struct es_directory *directory = directory_of(moved);
	struct dentry *parent = GET(there, d_parent);

	if (directory && directory_of(parent)) {
		directory->foreign = 1;
		mark((es_u64)parent);
	}
}

/* It is about to be done: if it then fails, less is the session's own than might be. */
SEPARATE int carry_out(struct es_member *m, es_u64 first_at, es_u64 second_at)
{
	struct dentry *first = (struct dentry *)first_at, *second = (struct dentry *)second_at;
	struct es_after *after;

	if (!m)
		return 0;
	after = &m->removal.after;
	if (after->at[0] == FORGET)
		forget(&m->found[0].key);
	else if (after->at[0] == KEEP)
		keep(m, &m->found[0].key, &after->what[0]);
	if (after->at[1] == FORGET)
		forget(&m->found[1].key);
	else if (after->at[1] == KEEP)
		keep(m, &m->found[1].key, &after->what[1]);
	if (after->foreign[0])
		mark_parent(first);
	if (after->foreign[1] && second)
		mark_parent(second);
	if (after->saved_over) {
		struct es_directory_key key = file_of(&m->found[1]);
		es_u32 session = m->session;

		bpf_map_update_elem(&saved_over, &key, &session, BPF_ANY);
	}
	if (second) {
		move_into(first, second);
		if (m->removal.op == ES_EXCHANGE)
			move_into(second, first);
	} else if (m->removal.op == ES_RMDIR) {
		struct es_directory_key key = file_of(&m->found[0]);

		bpf_map_delete_elem(&own_directories, &key);
	}
	return 0;
}

#endif
