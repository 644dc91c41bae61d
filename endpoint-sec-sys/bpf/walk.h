/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The walk from a name upwards, across mounts or inside its file system, telling the decision what the table says.
 *
 * What changes from step to step is kept in the member's own memory, where the verifier takes nothing for known:
 * before 6.7 it looks at the body of a loop once, as it is at first.
 */
#ifndef ES_WALK_H
#define ES_WALK_H

#include "maps.h"

struct climbing {
	struct es_member *member;
};

/* Reads a name into the member's key, with NULs behind it. Gives its length, 0 where it can't be read. */
SEPARATE es_u32 read_name(struct es_member *m, es_u64 entry_at)
{
	struct dentry *entry = (struct dentry *)entry_at;
	const unsigned char *text = GET(entry, d_name.name);
	es_u32 length = GET(entry, d_name.len);
	es_u8 *to;

	if (!m)
		return 0;
	to = m->look.name.name;

	__builtin_memset(to, 0, ES_NAME);
	length &= ES_NAME - 1;
	if (!length || bpf_probe_read_kernel(to, length, text))
		return 0;
	return length;
}

/* The name that was met last, now that its directory is known. */
static __always_inline void name_met(struct es_look *l, struct es_member *m, struct es_entry *directory)
{
	/* Before 6.2 a key must be in a map itself, as far as the verifier sees; these are too big for the stack. */
	struct es_member *keys;
	struct dentry *entry = (struct dentry *)l->below;
	es_u32 length = GET(entry, d_name.len);
	int named = directory && directory->flags & ES_HAS_NAMES;
	int of_length = length < ES_EXEMPT_NAME && l->exempt_lengths >> (length & 63) & 1;
	struct es_entry *at_name = NULL;
	es_u64 exempt_from = 0, *found;

	if (l->first)
		l->named |= named;
	if (named || of_length) {
		keys = member();
		if (!keys || !read_name(m, (es_u64)entry)) {
			l->failed = 1;
			return;
		}
		if (named)
			at_name = bpf_map_lookup_elem(&names, &keys->look.name);
		if (of_length) {
			__builtin_memcpy(keys->look.exempt.name, keys->look.name.name, ES_EXEMPT_NAME);
			found = bpf_map_lookup_elem(&exempt, &keys->look.exempt);
			if (found)
				exempt_from = *found;
		}
	}
	es_named(&l->walk, at_name, exempt_from, l->first);
	l->first = 0;
}

/* Whether a file system asks anew whether what it has told is so still: others may change it meanwhile. */
static __always_inline int is_others(struct dentry *entry)
{
	struct dentry_operations *ops = GET(entry, d_op);

	return ops && GET(ops, d_revalidate);
}

static long climb(es_u32 step, struct climbing *c)
{
	struct es_member *m = c->member;
	struct es_look *l = &m->look;
	struct dentry *entry = (struct dentry *)l->entry, *parent, *root = NULL;
	struct vfsmount *visible = (struct vfsmount *)l->mount;
	struct inode *inode = GET(entry, d_inode);
	struct es_entry *here = NULL;
	struct es_place_key key;

	if (inode) {
		l->name.parent.ino = GET(inode, i_ino);
		key = l->name.parent;
		here = bpf_map_lookup_elem(&places, &key);
	}
	if (l->below)
		name_met(l, m, here);
	es_here(&l->walk, here, l->first);
	parent = GET(entry, d_parent);
	if (!parent) {
		l->failed = 1;
		return 1;
	}
	if (visible)
		root = GET(visible, mnt_root);
	if (entry == root) {
		struct mount *mount = (void *)visible - __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);
		struct mount *above = GET(mount, mnt_parent);
		struct super_block *super;

		if (parent != entry && !l->hops)
			l->partial = 1;
		if (!above || above == mount) {
			l->done = !!above;
			return 1;
		}
		es_hop(&l->walk);
		l->others |= is_others(GET(mount, mnt_mountpoint));
		/* The directory that is mounted on is the same component of the path: no name lies between. */
		entry = GET(mount, mnt_mountpoint);
		super = GET(entry, d_sb);
		l->name.parent.dev = GET(super, s_dev);
		l->entry = (es_u64)entry;
		l->mount = (es_u64)above + __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);
		l->below = 0;
		l->hops++;
		return 0;
	}
	if (parent == entry) {
		struct super_block *super = GET(entry, d_sb);

		/*
		 * Not below the root of its mount: what was seen is the path inside the file system, if it is the
		 * first. A file that was opened by its handle may hang on nothing: then nothing is known.
		 */
		l->done = (!visible || !l->hops) && GET(super, s_root) == entry;
		return 1;
	}
	l->below = (es_u64)entry;
	l->entry = (es_u64)parent;
	return 0;
}

/* One path of a name, from `entry` to the top. Gives whether it came there. */
SEPARATE int walk(struct es_member *m, struct es_found *found, es_u64 entry, es_u64 mount, es_u32 dev)
{
	struct climbing c = { m };
	struct es_look *l;

	if (!m || !found)
		return 0;
	l = &m->look;
	es_begin(&l->walk, l->op, l->now);
	l->entry = entry;
	l->mount = mount;
	l->below = 0;
	l->first = 1;
	l->done = 0;
	l->failed = 0;
	l->hops = 0;
	l->name.parent.dev = dev;
	bpf_loop(ES_DEPTH, climb, &c, 0);
	es_end(&l->walk, &found->place);
	return l->done && !l->failed;
}

static __always_inline es_u32 kind_of(struct inode *inode)
{
	es_u32 type;

	if (!inode)
		return ES_NOTHING;
	type = GET(inode, i_mode) & S_IFMT;
	return type == S_IFREG ? ES_REGULAR : type == S_IFDIR ? ES_DIRECTORY : ES_OTHER;
}

static __always_inline es_u32 device_of(struct dentry *entry)
{
	struct super_block *super = GET(entry, d_sb);

	return GET(super, s_dev);
}

static __always_inline int holds_zones(const struct es_table *table, es_u32 dev)
{
	es_u64 found = 0;

	/* Without branches: sixteen of them are 65536 ways to the verifier. */
	for (int i = 0; i < ES_DEVICES; i++)
		found |= es_less((es_u64)(table->devices[i] ^ dev), 1);
	return found && dev;
}

/* All that a verdict depends on, but whose it is. */
SEPARATE int look(struct es_member *m, struct es_found *found, es_u64 entry_at, es_u64 mount, struct es_table *table)
{
	struct dentry *entry = (struct dentry *)entry_at;
	struct inode *inode = GET(entry, d_inode);
	es_u32 dev = device_of(entry);
	int seen;

	if (!m || !found || !table)
		return 0;
	__builtin_memset(found, 0, sizeof(*found));
	found->entry = entry_at;
	found->mount = mount;
	found->inode = (es_u64)inode;
	found->place.kind = kind_of(inode);
	found->key.dev = dev;
	m->look.partial = 0;
	m->look.named = 0;
	m->look.others = 0;
	seen = walk(m, found, entry_at, mount, dev);
	if (m->look.partial) {
		/* What it shows is not all of where the name lies. */
		found->place.lies = 0;
		seen &= walk(m, found, entry_at, 0, dev);
	}
	m->look.seen = seen;
	found->place.unclear = !seen && holds_zones(table, dev);
	return 0;
}

#endif
