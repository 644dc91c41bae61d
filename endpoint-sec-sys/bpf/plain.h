/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Files that go from a directory in no zone, one after the other: what was found out once of the directory holds until
 *
 *     something is renamed, anywhere            counted when the kernel has done it (vfs_rename)
 *     a mount comes, goes or moves              counted by the kernel, for each mount namespace (`event`)
 *     the tables change                         counted by the helper
 *
 * and what is not so counted is not kept: a file system on which others may change what is where (d_revalidate), or that
 * does not tell a directory from a later one of the same number (generation).
 */
#ifndef ES_PLAIN_H
#define ES_PLAIN_H

#include "walk.h"

static __always_inline es_u64 turn(es_u32 of)
{
	es_u64 *count = bpf_map_lookup_elem(&turns, &of);

	return count ? *(volatile es_u64 *)count : 0;
}

/* How often the mounts have changed that this one is among; 0: it is among none. */
static __always_inline es_u64 mounts_of(es_u64 visible)
{
	struct mount *mount = (void *)visible - __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);
	struct mnt_namespace *namespace = GET(mount, mnt_ns);

	return namespace ? GET(namespace, event) : 0;
}

static __always_inline int may_be_root(const struct es_plain *p, es_u64 ino)
{
	return p->roots[ino / 64 % ES_ROOTS] >> (ino % 64) & 1;
}

/* Whether a file plainly lies in no zone, by what was found out before: if so it may be removed, once. */
static __always_inline int is_plain(struct es_member *m, const struct path *dir, struct dentry *entry)
{
	struct es_plain *p = &m->plain;
	struct inode *directory = dir->dentry->d_inode, *inode = entry->d_inode;
	es_u64 mount;

	p->entry = 0;
	/* Through memory it becomes a number, to the verifier. */
	*(volatile es_u64 *)&p->now = (es_u64)dir->mnt;
	mount = *(volatile es_u64 *)&p->now;
	if (!p->mount || mount != p->mount || !directory || !inode || directory->i_ino != p->ino ||
	    directory->i_generation != p->generation || directory->i_sb->s_dev != p->dev)
		return 0;
	if (turn(ES_TABLES) != p->tables || turn(ES_MOVES) != p->moves || may_be_root(p, inode->i_ino) ||
	    mounts_of(mount) != p->mounts)
		return 0;
	*(volatile es_u64 *)&p->entry = (es_u64)entry;
	return 1;
}

/* Whether this removal was let through so: it is done now, or not at all. */
static __always_inline int was_plain(struct es_member *m, struct dentry *entry)
{
	struct es_plain *p = &m->plain;

	if (!p->entry || p->entry != (es_u64)entry)
		return 0;
	p->entry = 0;
	return 1;
}

/* What is looked at on either side of this is looked at in that order, on every processor. */
static __always_inline void order(struct es_plain *p)
{
	es_u64 before = __sync_fetch_and_add(&p->now, 1);

	asm volatile("" : : "r"(before));
}

/* Before a directory is looked at: what would show that it was not the same all the while. */
SEPARATE int begin_plain(struct es_member *m, es_u64 mount)
{
	struct es_plain *p;

	if (!m)
		return 0;
	p = &m->plain;
	p->mount = 0;
	p->entry = 0;
	p->tables = turn(ES_TABLES);
	p->moves = turn(ES_MOVES);
	p->mounts = mounts_of(mount);
	order(p);
	return 0;
}

/* Afterwards: keeps what was found out, if nothing of a zone was met, and it is the same still. */
SEPARATE int end_plain(struct es_member *m, es_u64 entry_at, es_u64 mount)
{
	struct dentry *entry = (struct dentry *)entry_at, *parent = GET(entry, d_parent);
	struct inode *directory = GET(parent, d_inode);
	struct es_table_key key = {};
	struct es_table *table;
	struct es_plain *p;
	struct es_place *place;

	if (!m)
		return 0;
	p = &m->plain;
	place = &m->found[0].place;
	if (m->removal.reason != ES_ALLOWED || place->within || place->unclear || m->look.named || !m->look.seen)
		return 0;
	if (!turn(ES_FOLLOWED) || m->look.others || is_others(parent))
		return 0;
	key.session = m->session;
	key.version = m->look.version;
	table = bpf_map_lookup_elem(&tables, &key);
	if (!table)
		return 0;
	__builtin_memcpy(p->roots, table->roots, sizeof(p->roots));
	p->ino = GET(directory, i_ino);
	p->generation = GET(directory, i_generation);
	p->dev = device_of(parent);
	order(p);
	if (!p->generation || !p->mounts || p->tables != turn(ES_TABLES) || p->moves != turn(ES_MOVES) ||
	    p->mounts != mounts_of(mount))
		return 0;
	p->mount = mount;
	return 0;
}

/* Whatever was renamed, and whether it was. */
SEC("fexit/vfs_rename")
int BPF_PROG(vfs_rename)
{
	es_u32 of = ES_MOVES;
	es_u64 *count = bpf_map_lookup_elem(&turns, &of);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

#endif
