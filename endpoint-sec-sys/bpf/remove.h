/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Removals, moves and exchanges.
 *
 *     path_unlink, path_rmdir, path_rename      know the mount: what it comes to is found out and left with the member
 *     inode_unlink, inode_rmdir, inode_rename   come after the kernel's own checks: here it is refused and recorded
 *
 * What lies in a directory that was just found to be in no zone is let through without being looked at (plain.h).
 *
 * So what bare refuses has bare's error, and no record. An inode hook without a path hook before it (an overlay
 * that removes in its upper directory) finds out for itself, inside the file system.
 */
#ifndef ES_REMOVE_H
#define ES_REMOVE_H

#include "own.h"
#include "plain.h"
#include "tell.h"

/* What a layer says, left in m->layer. Gives whether it denies. */
SEPARATE int denies(struct es_member *m, struct es_found *other, struct es_table *table, es_u64 zones, es_u32 op)
{
	if (!m || !other || !table)
		return 1;
	es_judge_in(&m->layer, zones, table, &m->found[0].place, &other->place, op, m->look.now);
	return m->layer.reason != ES_ALLOWED;
}

SEPARATE int consider_once(struct es_member *m, es_u64 first, es_u64 second, es_u64 mount, es_u32 op)
{
	struct es_table_key key = {};
	struct es_removal *r;
	struct es_look *l;
	struct es_found *other;
	struct es_table *table;
	es_u32 *version;

	if (!m)
		return 0;
	l = &m->look;
	r = &m->removal;
	other = &m->found[0];
	key.session = m->session;
	version = bpf_map_lookup_elem(&versions, &key.session);
	if (!version)
		return 0;
	key.version = *version;
	table = bpf_map_lookup_elem(&tables, &key);
	if (!table)
		return 0;
	l->op = op;
	l->now = bpf_ktime_get_boot_ns();
	l->version = key.version;
	l->exempt_lengths = table->exempt_lengths;
	l->exempt.session = key.session;
	l->exempt.version = key.version;
	l->name.parent.session = key.session;
	l->name.parent.version = key.version;
	l->name.parent.zero = 0;
	look(m, &m->found[0], first, mount, table);
	if (second || (op < ES_OPS && m->found[0].place.guarding))
		identify(m, &m->found[0], first);
	if (second) {
		other = &m->found[1];
		look(m, other, second, mount, table);
		identify(m, other, second);
		es_lie(&m->found[0].place, &other->place, op);
	}
	for (int layer = 0; layer < ES_LAYERS; layer++)
		if ((layer && !table->layers[layer]) || denies(m, other, table, table->layers[layer], op))
			break;
	/*
	 * Another version may count by now, and this one's entries may have gone while they were looked up. It is looked
	 * up anew: what was found before keeps the old number.
	 */
	version = bpf_map_lookup_elem(&versions, &key.session);
	if (!version || *version != key.version)
		return 0;
	r->reason = m->layer.reason;
	r->zone = m->layer.zone;
	return 1;
}

/* What an operation comes to, left in m->removal. Where that can't be told it is refused. */
SEPARATE int consider(struct es_member *m, es_u64 first, es_u64 second, es_u64 mount, es_u32 op)
{
	struct dentry *entry = (struct dentry *)first;
	struct es_removal *r;

	if (!m)
		return 0;
	r = &m->removal;
	m->plain.entry = 0;
	r->entry[0] = first;
	r->entry[1] = second;
	r->inode = (es_u64)GET(entry, d_inode);
	r->op = op;
	r->reason = ES_UNCLEAR;
	r->zone = ES_NO_ZONE;
	__builtin_memset(&r->after, 0, sizeof(r->after));
	if (!consider_once(m, first, second, mount, op) && !consider_once(m, first, second, mount, op))
		return 0;
	if (r->reason == ES_ALLOWED)
		settle(m, op);
	return 0;
}

static long see_child(es_u32 step, struct climbing *c)
{
	struct es_look *l = &c->member->look;
	struct dentry *child;
	struct list_head *node;
	struct hlist_node *later;
	es_u64 next;

	if (bpf_core_field_exists(((struct dentry___later *)0)->d_children)) {
		later = (struct hlist_node *)l->below;
		if (!later)
			return 1;
		child = (void *)later - __builtin_preserve_field_info(((struct dentry___later *)0)->d_sib, 0);
		next = (es_u64)GET(later, next);
	} else {
		node = (struct list_head *)l->below;
		if (!node || l->below == l->entry)
			return 1;
		child = (void *)node - __builtin_preserve_field_info(((struct dentry *)0)->d_child, 0);
		next = (es_u64)GET(node, next);
	}
	/* There is something, and it is still found by its name. */
	if (GET(child, d_inode) && GET(child, d_hash.pprev)) {
		l->done = 1;
		return 1;
	}
	l->below = next;
	return 0;
}

/*
 * Whether a directory, locked by the kernel, is known to have something in it: its removal fails with ENOTEMPTY. Not
 * where somebody else may change it meanwhile, as on a network's file system.
 */
SEPARATE int is_full(struct es_member *m, es_u64 entry_at)
{
	struct climbing c = { m };
	struct es_look *l;
	struct dentry *entry = (struct dentry *)entry_at;
	struct dentry_operations *ops = GET(entry, d_op);
	struct inode *inode = GET(entry, d_inode);
	struct dentry___later *later = (struct dentry___later *)entry;

	if (!m || !inode || (ops && GET(ops, d_revalidate)))
		return 0;
	if (GET(inode, i_nlink) > 2)
		return 1;
	l = &m->look;
	l->done = 0;
	if (bpf_core_field_exists(((struct dentry___later *)0)->d_children)) {
		l->below = (es_u64)GET(later, d_children.first);
	} else {
		l->below = (es_u64)GET(entry, d_subdirs.next);
		l->entry = (es_u64)entry + __builtin_preserve_field_info(((struct dentry *)0)->d_subdirs, 0);
	}
	bpf_loop(1 << 16, see_child, &c, 0);
	return l->done;
}

/* Refuses what was found out to be refused, or sees to what becomes of what is kept. */
SEPARATE int enforce(struct es_member *m, es_u64 first, es_u64 second, es_u32 op)
{
	struct dentry *entry = (struct dentry *)first;
	struct es_removal *r;
	struct es_session *session;

	if (!m)
		return 0;
	r = &m->removal;
	if (r->op == ES_EXCHANGE && op == ES_RENAME && r->entry[0] == second && r->entry[1] == first) {
		/* The other way round of an exchange, of which the kernel asks first. */
		if (r->reason == ES_ALLOWED)
			return 0;
		tell_removal(m, second, first);
		return -EPERM;
	}
	if (r->entry[0] != first || r->entry[1] != second || r->inode != (es_u64)GET(entry, d_inode) ||
	    (r->op != op && !(r->op == ES_EXCHANGE && op == ES_RENAME)))
		consider(m, first, second, 0, op);
	if (r->reason != ES_ALLOWED) {
		if (op == ES_RMDIR && is_full(m, first))
			return 0;
		tell_removal(m, first, second);
		return -EPERM;
	}
	/* The kernel refuses it yet, and it stays what it was. */
	if (op == ES_RMDIR && r->after.counts && is_full(m, first))
		return 0;
	carry_out(m, first, second);
	if (r->after.counts) {
		session = session_of(m);
		if (session)
			__sync_fetch_and_add(&session->own, 1);
	}
	return 0;
}

SEC("lsm/path_unlink")
int BPF_PROG(path_unlink, const struct path *dir, struct dentry *entry, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	if (!m || is_plain(m, dir, entry))
		return 0;
	begin_plain(m, at(dir->mnt));
	consider(m, at(entry), 0, at(dir->mnt), ES_UNLINK);
	end_plain(m, at(entry), at(dir->mnt));
	return 0;
}

SEC("lsm/path_rmdir")
int BPF_PROG(path_rmdir, const struct path *dir, struct dentry *entry, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	if (m)
		consider(m, at(entry), 0, at(dir->mnt), ES_RMDIR);
	return 0;
}

SEC("lsm/path_rename")
int BPF_PROG(path_rename, const struct path *from, struct dentry *old, const struct path *to, struct dentry *new,
	     unsigned int flags, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	if (m)
		consider(m, at(old), at(new), at(from->mnt),
			 flags & RENAME_EXCHANGE ? ES_EXCHANGE : ES_RENAME);
	return 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(inode_unlink, struct inode *dir, struct dentry *entry, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return !m || was_plain(m, entry) ? 0 : enforce(m, at(entry), 0, ES_UNLINK);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(inode_rmdir, struct inode *dir, struct dentry *entry, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m ? enforce(m, at(entry), 0, ES_RMDIR) : 0;
}

SEC("lsm/inode_rename")
int BPF_PROG(inode_rename, struct inode *from, struct dentry *old, struct inode *to, struct dentry *new, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	if (m)
		return enforce(m, at(old), at(new), ES_RENAME);
	/* Somebody else puts something into a directory that may be a session's own. */
	mark_near(new);
	mark_near(old);
	return 0;
}

#endif
