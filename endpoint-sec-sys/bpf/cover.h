/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Mounts over what es-guard keeps for itself, and its removal with a mount: its pins are gone with theirs. */
#ifndef ES_COVER_H
#define ES_COVER_H

#include "make.h"

SEC("lsm/sb_mount")
int BPF_PROG(sb_mount, const char *device, const struct path *path, const char *type, unsigned long flags, void *data,
	     int ret)
{
	struct es_member *m;

	if (ret || flags & MS_CHANGES)
		return ret;
	m = member();
	return m && is_sealed(m, at(path->dentry), at(path->mnt), ES_COVER) ? -EPERM : 0;
}

SEC("lsm/move_mount")
int BPF_PROG(move_mount, const struct path *from, const struct path *to, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m && is_sealed(m, at(to->dentry), at(to->mnt), ES_COVER) ? -EPERM : 0;
}

SEC("lsm/sb_umount")
int BPF_PROG(sb_umount, struct vfsmount *mount, int flags, int ret)
{
	struct es_member *m;

	if (ret)
		return ret;
	m = member();
	return m && is_sealed(m, at(mount->mnt_root), at(mount), ES_COVER) ? -EPERM : 0;
}

#endif
