/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Mounts over what es-guard keeps for itself, and its removal or move with a mount: its pins are gone with theirs. */
#ifndef ES_COVER_H
#define ES_COVER_H

#include "make.h"

/*
 * Whether a mount is where es-guard's own processes see it. What a container does to the mounts it was given copies
 * of hides nothing from anybody else.
 */
static __always_inline int is_at_home(struct vfsmount *visible)
{
	struct mount *mount = (void *)visible - __builtin_preserve_field_info(((struct mount *)0)->mnt, 0);
	struct mnt_namespace *namespace = GET(mount, mnt_ns);
	es_u32 number;

	if (!namespace)
		return 0;
	number = GET(namespace, ns.inum);
	return !!bpf_map_lookup_elem(&homes, &number);
}

static __always_inline int covers(struct dentry *entry, struct vfsmount *mount)
{
	struct es_member *m = member();

	if (!m || !is_at_home((struct vfsmount *)at(mount)))
		return 0;
	return is_sealed(m, at(entry), at(mount), ES_COVER) ? -EPERM : 0;
}

/*
 * A mount that is moved by its old name, in text: what that leads to the kernel finds out later, and asks nobody then.
 * So where es-guard's own is seen no member moves any; move_mount(2) is asked about with what it moves.
 */
static __always_inline int moves_untold(struct dentry *entry, struct vfsmount *mount)
{
	struct es_member *m = member();

	if (!m || !is_at_home((struct vfsmount *)at(mount)))
		return 0;
	consider(m, at(entry), 0, at(mount), ES_COVER);
	if (m->removal.reason == ES_ALLOWED)
		m->removal.reason = ES_SEALED;
	tell_removal(m, at(entry), 0);
	return -EPERM;
}

SEC("lsm/sb_mount")
int BPF_PROG(sb_mount, const char *device, const struct path *path, const char *type, unsigned long flags, void *data,
	     int ret)
{
	if (ret || flags & MS_CHANGES)
		return ret;
	if (flags & MS_MOVE && !(flags & MS_BIND))
		return moves_untold(path->dentry, path->mnt);
	return covers(path->dentry, path->mnt);
}

SEC("lsm/move_mount")
int BPF_PROG(move_mount, const struct path *from, const struct path *to, int ret)
{
	int refused;

	if (ret)
		return ret;
	refused = covers(from->dentry, from->mnt);
	return refused ? refused : covers(to->dentry, to->mnt);
}

SEC("lsm/sb_umount")
int BPF_PROG(sb_umount, struct vfsmount *mount, int flags, int ret)
{
	if (ret)
		return ret;
	return covers(mount->mnt_root, mount);
}

#endif
