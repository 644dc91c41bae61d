//! Where a handle lies: on which file system, at which path inside it, and through which mounts.
//!
//! A path as text names another place in another mount namespace, and a bind mount gives one directory two
//! paths. What does not change is the pair (file system, path inside it). So a place is told by a chain of
//! such pairs: its own, then that of the mount point it is seen through, and so on to the root. Source:
//! `proc_pid_mountinfo(5)`.

mod upwards;

use crate::linux::caller::{Caller, Unread};
use crate::linux::handle::{Handle, device};
use std::collections::HashMap;
use upwards::{depth, last_names};
pub use upwards::{from_mount_root, mount_root, text_of};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Id of the mount it is mounted on.
    pub parent: u64,
    /// The super block's device (on btrfs not the same as what `stat(2)` tells).
    pub dev: u64,
    /// Which directory of the file system is the root of this mount.
    pub root: Vec<u8>,
    /// Where it is mounted, relative to the root of the process whose table this is.
    pub point: Vec<u8>,
    /// File system type.
    pub fstype: Vec<u8>,
    /// The super block's options.
    pub options: Vec<u8>,
}

/// The mounts of one mount namespace, by id.
#[derive(Clone, Debug, Default)]
pub struct MountTable(HashMap<u64, Mount>);

/// One link of the chain: a place inside a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The super block's device.
    pub dev: u64,
    /// Path inside the file system, starting with `/`.
    pub path: Vec<u8>,
    /// What lies below this place on the way to the handle: empty, or components without a leading `/`.
    pub tail: Vec<u8>,
}

impl MountTable {
    /// The table of this process. Where its own root is no mount point (plain `chroot(2)`) the mount that
    /// holds the root is not listed; it is added as if mounted at `/`, so that places still compare.
    pub fn own() -> Result<Self, Unread> {
        let mut table = Self::parse(&Caller::new(std::process::id() as i32).mountinfo()?);
        let root = Handle::open("/".as_ref()).and_then(|root| root.stat()).map_err(Unread::Bare)?;
        table.0.entry(root.mount).or_insert_with(|| Mount {
            parent: root.mount,
            dev: root.dev,
            root: b"/".to_vec(),
            point: b"/".to_vec(),
            fstype: Vec::new(),
            options: Vec::new(),
        });
        Ok(table)
    }

    /// The table of a caller's mount namespace, as far as its root reaches. Its points are told from there, and the
    /// text of a handle is not: see [`levels_of`](Self::levels_of).
    pub fn of(caller: &Caller) -> Result<Self, Unread> {
        caller.mountinfo().map(|text| Self::parse(&text))
    }

    /// The chain of places of a directory on mount `id`, whatever root the points of this table are told from.
    ///
    /// How deep the directory lies below its mount's root is counted on the way up, so that nobody who changes roots
    /// meanwhile makes another place of it.
    pub fn levels_of(&self, id: u64, dir: &Handle) -> Option<Vec<Level>> {
        self.levels_below(id, &last_names(dir, depth(dir)?)?)
    }

    fn parse(text: &[u8]) -> Self {
        Self(text.split(|&b| b == b'\n').filter_map(parse_line).collect())
    }

    /// The mount of this id.
    pub fn get(&self, id: u64) -> Option<&Mount> {
        self.0.get(&id)
    }

    /// All mounts with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Mount)> {
        self.0.iter().map(|(&id, mount)| (id, mount))
    }

    /// The chain of places for a handle on mount `id` whose text is `text`; `None` where the text does not
    /// lie below the mount's point (the mount moved meanwhile, is detached, or is hidden from the table).
    pub fn levels(&self, id: u64, text: &[u8]) -> Option<Vec<Level>> {
        self.levels_below(id, below(text, &self.get(id)?.point)?)
    }

    /// The chain of places of what lies at `rest` below the root of mount `id`.
    fn levels_below(&self, id: u64, rest: &[u8]) -> Option<Vec<Level>> {
        let mut mount = self.get(id)?;
        let mut levels = vec![Level { dev: mount.dev, path: join(&mount.root, rest), tail: Vec::new() }];
        let mut tail = rest.to_vec();
        // A table of n mounts has no chain longer than n, whatever a racing reader was shown.
        for _ in 0..self.0.len() {
            let Some(parent) = self.get(mount.parent).filter(|p| !std::ptr::eq(*p, mount)) else { break };
            let Some(point) = below(&mount.point, &parent.point) else { break };
            levels.push(Level { dev: parent.dev, path: join(&parent.root, point), tail: tail.clone() });
            tail = join_relative(point, &tail);
            mount = parent;
        }
        Some(levels)
    }
}

impl Level {
    /// The chain of an entry `name` of the directory that `levels` tells.
    pub fn entry(levels: &[Level], name: &[u8]) -> Vec<Level> {
        let entry = |(i, level): (usize, &Level)| match i {
            0 => Level { path: join(&level.path, name), ..level.clone() },
            _ => Level { tail: join_relative(&level.tail, name), ..level.clone() },
        };
        levels.iter().enumerate().map(entry).collect()
    }
}

/// What of `path` lies below `base`, compared component by component: without a leading `/`, empty when they
/// are the same, `None` when `path` is elsewhere.
pub fn below<'a>(path: &'a [u8], base: &[u8]) -> Option<&'a [u8]> {
    let base = base.strip_suffix(b"/").unwrap_or(base);
    match path.strip_prefix(base)? {
        [] => Some(&[]),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// `base` and something below it as one path.
pub fn join(base: &[u8], below: &[u8]) -> Vec<u8> {
    let mut out = base.to_vec();
    if !below.is_empty() {
        if !out.ends_with(b"/") {
            out.push(b'/');
        }
        out.extend_from_slice(below);
    }
    out
}

fn join_relative(first: &[u8], second: &[u8]) -> Vec<u8> {
    if first.is_empty() { second.to_vec() } else { join(first, second) }
}

/// `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse_line(line: &[u8]) -> Option<(u64, Mount)> {
    let mut fields = line.split(|&b| b == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let mut device_fields = fields.next()?.split(|&b| b == b':');
    let dev = device(number(device_fields.next()?)? as u32, number(device_fields.next()?)? as u32);
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    let mut rest = fields.skip_while(|&field| field != b"-").skip(1);
    let fstype = unescape(rest.next()?);
    let options = unescape(rest.nth(1)?);
    Some((id, Mount { parent, dev, root, point, fstype, options }))
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The kernel writes space, tab, newline, backslash and `#` as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            _ => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
1 0 0:1 / / rw - rootfs rootfs rw
20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
21 20 8:2 / /home rw - ext4 /dev/sda2 rw
22 20 8:2 /u/proj /mnt/alias rw - ext4 /dev/sda2 rw
23 21 0:40 / /home/u/proj/mem\\040fs rw shared:9 master:2 - tmpfs none rw,size=1k
";

    fn levels(id: u64, text: &str) -> Option<Vec<(u64, String, String)>> {
        let text_of = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let found = MountTable::parse(TABLE).levels(id, text.as_bytes())?;
        Some(found.into_iter().map(|l| (l.dev, text_of(l.path), text_of(l.tail))).collect())
    }

    #[test]
    fn a_bind_mount_tells_the_same_place_inside_the_file_system() {
        let real = levels(21, "/home/u/proj/src").unwrap();
        let alias = levels(22, "/mnt/alias/src").unwrap();
        assert_eq!(real[0], (device(8, 2), "/u/proj/src".into(), "".into()));
        assert_eq!(alias[0], real[0]);
        assert_eq!(real[1], (device(8, 1), "/home".into(), "u/proj/src".into()));
        assert_eq!(alias[1], (device(8, 1), "/mnt/alias".into(), "src".into()));
    }

    #[test]
    fn a_file_system_mounted_inside_is_told_through_its_mount_point() {
        let inside = levels(23, "/home/u/proj/mem fs/a/b").unwrap();
        assert_eq!(inside[0], (device(0, 40), "/a/b".into(), "".into()));
        assert_eq!(inside[1], (device(8, 2), "/u/proj/mem fs".into(), "a/b".into()));
        assert_eq!(inside[2], (device(8, 1), "/home".into(), "u/proj/mem fs/a/b".into()));
    }

    #[test]
    fn a_text_that_is_not_below_its_mount_has_no_place() {
        assert_eq!(levels(21, "/homer/u"), None);
        assert_eq!(levels(99, "/home"), None);
    }

    #[test]
    fn an_entry_extends_the_place_and_every_tail() {
        let dir = MountTable::parse(TABLE).levels(23, b"/home/u/proj/mem fs").unwrap();
        let entry = Level::entry(&dir, b"x");
        assert_eq!(entry[0].path, b"/x");
        assert_eq!(entry[1].tail, b"x");
    }

    #[test]
    fn below_compares_components() {
        assert_eq!(below(b"/x/proj2", b"/x/proj"), None);
        assert_eq!(below(b"/x/proj", b"/x/proj"), Some(&b""[..]));
        assert_eq!(below(b"/x/proj/a", b"/x/proj/"), Some(&b"a"[..]));
        assert_eq!(below(b"/a", b"/"), Some(&b"a"[..]));
    }

    #[test]
    fn own_table_knows_the_root() {
        let table = MountTable::own().unwrap();
        let root = Handle::open("/".as_ref()).unwrap();
        assert!(table.levels(root.stat().unwrap().mount, b"/").is_some());
    }
}
