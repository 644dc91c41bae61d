/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Names that are made, and what es-guard keeps for itself, into which nothing is made or written.
 *
 *     path_mknod (open with O_CREAT, too), path_mkdir, path_symlink, path_link   which name, and whether it is guarded
 *     inode_init_security                                                        the inode is a new one
 *     d_instantiate                                                              it has the name now
 *
 * All three must be of one name, by one thread: an open with O_CREAT may find a file that was there.
 */
#ifndef ES_MAKE_H
#define ES_MAKE_H

#include "remove.h"

/* Whether something es-guard keeps for itself would be changed: then it is recorded. */
static __always_inline int is_sealed(struct es_member *m, es_u64 entry, es_u64 mount, es_u32 op)
{
	if (!m)
		return 0;
	consider(m, entry, 0, mount, op);
	if (m->removal.reason == ES_ALLOWED)
		return 0;
	tell_removal(m, entry, 0);
	return 1;
}

static __always_inline int expect(struct es_member *m, es_u64 entry, es_u64 mount)
{
	struct es_birth *birth;

	if (!m)
		return 0;
	birth = &m->birth;
	birth->entry = 0;
	birth->inode = 0;
	birth->linked = 0;
	if (is_sealed(m, entry, mount, ES_WRITE))
		return -EPERM;
	birth->guarded = !!m->found[0].place.guarding;
	if (birth->guarded)
		key_of(m, (struct dentry *)entry, &m->found[0].key);
	birth->key = m->found[0].key;
	birth->entry = entry;
	return 0;
}

SEC("lsm/path_mknod")
int BPF_PROG(path_mknod, const struct path *dir, struct dentry *entry, unsigned short mode, unsigned int dev, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m ? expect(m, at(entry), at(dir->mnt)) : 0;
}

SEC("lsm/path_mkdir")
int BPF_PROG(path_mkdir, const struct path *dir, struct dentry *entry, unsigned short mode, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m ? expect(m, at(entry), at(dir->mnt)) : 0;
}

SEC("lsm/path_symlink")
int BPF_PROG(path_symlink, const struct path *dir, struct dentry *entry, const char *text, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m ? expect(m, at(entry), at(dir->mnt)) : 0;
}

static __always_inline int expect_link(struct es_member *m, es_u64 old_at, es_u64 new, es_u64 mount)
{
	struct dentry *old = (struct dentry *)old_at;
	struct inode *inode = GET(old, d_inode);
	int made;

	if (!m)
		return 0;
	/* Written through another name it would be written all the same. */
	if (is_sealed(m, old_at, mount, ES_WRITE))
		return -EPERM;
	identify(m, &m->found[0], old_at);
	/* A file without a name gets its first. */
	made = !GET(inode, i_nlink) || (m->found[0].place.own && !m->found[0].what.linked);
	if (expect(m, new, mount))
		return -EPERM;
	m->birth.inode = (es_u64)inode;
	m->birth.linked = made ? 1 : 2;
	return 0;
}

SEC("lsm/path_link")
int BPF_PROG(path_link, struct dentry *old, const struct path *dir, struct dentry *new, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m ? expect_link(m, at(old), at(new), at(dir->mnt)) : 0;
}

SEC("lsm/inode_init_security")
int BPF_PROG(inode_init_security, struct inode *inode, struct inode *dir)
{
	struct es_member *m = member();

	if (m && m->birth.entry && !m->birth.linked)
		m->birth.inode = (es_u64)inode;
	/* Nothing to add: what the kernel says by itself then counts. */
	return 0;
}

SEPARATE int keep_directory(es_u32 session, es_u64 entry_at, es_u64 inode_at)
{
	struct dentry *entry = (struct dentry *)entry_at, *parent = GET(entry, d_parent);
	struct inode *inode = (struct inode *)inode_at;
	struct es_directory_key key = {};
	struct es_directory directory = { .session = session }, *above;

	above = directory_of(parent);
	if (above) {
		directory.depth = above->depth + 1;
		directory.foreign = directory.depth >= OWN_DEPTH;
	}
	key.ino = GET(inode, i_ino);
	key.generation = GET(inode, i_generation);
	key.dev = device_of(entry);
	if (bpf_map_update_elem(&own_directories, &key, &directory, BPF_ANY) || directory.foreign)
		mark((es_u64)parent);
	return 0;
}

/* A name has come to stand for an inode, by this member. Gives whether it is new, or was kept as its own. */
SEPARATE int born(struct es_member *m, es_u64 entry_at, es_u64 inode_at)
{
	struct dentry *entry = (struct dentry *)entry_at, *parent = GET(entry, d_parent);
	struct inode *inode = (struct inode *)inode_at, *directory = GET(parent, d_inode);
	struct inode_operations *ops = GET(directory, i_op);
	struct es_birth *birth;
	struct es_own *what;
	struct es_own_key *key;
	es_u32 linked;

	if (!m)
		return 0;
	birth = &m->birth;
	what = &m->found[0].what;
	key = &m->found[1].key;
	linked = birth->linked;
	if (birth->entry != entry_at || birth->inode != inode_at)
		return 0;
	birth->entry = 0;
	/* Where the file system opens and creates in one, whether it was there is not known. */
	if (ops && GET(ops, atomic_open))
		return 0;
	if (!birth->guarded)
		return linked != 2;
	what->ino = GET(inode, i_ino);
	what->generation = GET(inode, i_generation);
	what->session = m->session;
	what->linked = linked == 2;
	what->zero = 0;
	key->dev = device_of(entry);
	key_of(m, entry, key);
	if (!what->generation || !key->name[0] || key->parent != birth->key.parent || key->dev != birth->key.dev ||
	    key->name[0] != birth->key.name[0] || key->name[1] != birth->key.name[1])
		return 0;
	if (!keep(m, key, what))
		return 0;
	if (kind_of(inode) == ES_DIRECTORY)
		keep_directory(m->session, (es_u64)entry, (es_u64)inode);
	return linked != 2;
}

static __always_inline int is_looked_up(struct dentry *entry)
{
	es_u32 looked_up = DCACHE_PAR_LOOKUP_6_1;

	if (bpf_core_enum_value_exists(enum dentry_flags___later, DCACHE_PAR_LOOKUP))
		looked_up = bpf_core_enum_value(enum dentry_flags___later, DCACHE_PAR_LOOKUP);
	return entry->d_flags & looked_up;
}

SEC("lsm/d_instantiate")
int BPF_PROG(d_instantiate, struct dentry *entry, struct inode *inode)
{
	struct es_member *m;
	struct es_directory *directory;

	if (!inode)
		return 0;
	m = member();
	if (is_looked_up(entry)) {
		/* It was there. */
		if (m && m->birth.entry == (es_u64)entry)
			m->birth.entry = 0;
		return 0;
	}
	directory = directory_near(entry->d_parent->d_inode);
	if (m && born(m, at(entry), at(inode)) && directory && directory->session == m->session)
		return 0;
	if (directory)
		mark((es_u64)at(entry->d_parent));
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(file_open, struct file *file, int ret)
{
	struct es_member *m;

	if (ret || !(file->f_mode & FMODE_WRITE))
		return ret;
	m = member();
	if (!m)
		return 0;
	return is_sealed(m, at(file->f_path.dentry), at(file->f_path.mnt), ES_WRITE) ? -EPERM : 0;
}

SEC("lsm/path_truncate")
int BPF_PROG(path_truncate, const struct path *path, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m && is_sealed(m, at(path->dentry), at(path->mnt), ES_WRITE) ? -EPERM : 0;
}

#endif
