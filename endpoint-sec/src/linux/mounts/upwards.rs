//! The way from a directory up to the root of its mount: how deep it lies, what lies between, and its path as text.
//! It asks directories alone, and knows no table of mounts.

use crate::linux::handle::Handle;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::AsFd;

/// The deepest place that is told.
const DEEPEST: usize = 4096;

/// How many names below the root of its mount a directory lies.
pub(super) fn depth(dir: &Handle) -> Option<usize> {
    up_to_its_mount(dir).map(|(_, depth)| depth)
}

/// The root of the mount that a directory is seen through.
pub fn mount_root(dir: &Handle) -> Option<Handle> {
    up_to_its_mount(dir).map(|(root, _)| root)
}

/// The same, and what lies between the two.
pub fn from_mount_root(dir: &Handle) -> Option<(Handle, Vec<u8>)> {
    let (root, depth) = up_to_its_mount(dir)?;
    Some((root, last_names(dir, depth)?))
}

/// The last names of a directory's path, as many as it is deep.
pub(super) fn last_names(dir: &Handle, depth: usize) -> Option<Vec<u8>> {
    let (text, missing) = text_of(dir).ok()?;
    let names: Vec<&[u8]> = text.split(|&b| b == b'/').filter(|name| !name.is_empty()).collect();
    let names: Vec<&[u8]> = names.into_iter().chain(missing.iter().map(Vec::as_slice)).collect();
    Some(names.get(names.len().checked_sub(depth)?..)?.join(&b'/'))
}

fn up_to_its_mount(dir: &Handle) -> Option<(Handle, usize)> {
    let mut here = dir.duplicate().ok()?;
    for depth in 0..DEEPEST {
        if here.stat().ok()?.mount_root {
            return Some((here, depth));
        }
        here = Handle::open_at(here.as_fd(), c"..", OFlag::O_DIRECTORY).ok()?;
    }
    None
}

/// The path of a handle as text, and the names below it that the text lacks, outermost first.
///
/// A path longer than a page has no text: the walk goes up until it has one, and looks each name up in the
/// directory that holds it. A name that can't be found, as its directory can't be read, is an error.
pub fn text_of(handle: &Handle) -> Result<(Vec<u8>, Vec<Vec<u8>>), Errno> {
    let mut above: Option<Handle> = None;
    let mut missing = Vec::new();
    loop {
        let here = above.as_ref().unwrap_or(handle);
        match here.text() {
            Ok(text) => {
                missing.reverse();
                return Ok((text, missing));
            }
            Err(Errno::ENAMETOOLONG) => {}
            Err(e) => return Err(e),
        }
        let up = Handle::open_at(here.as_fd(), c"..", OFlag::O_DIRECTORY)?;
        if up.stat()?.mount != here.stat()?.mount {
            return Err(Errno::EXDEV);
        }
        missing.push(name_in(&up, here).ok_or(Errno::EACCES)?);
        above = Some(up);
    }
}

/// The name of a directory in the one that holds it.
fn name_in(up: &Handle, child: &Handle) -> Option<Vec<u8>> {
    let stat = child.stat().ok()?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut dir = Dir::openat(up.as_fd(), c".", flags, Mode::empty()).ok()?;
    let found = dir.iter().flatten().find(|entry| {
        entry.ino() == stat.ino
            && up.stat_entry(entry.file_name()).is_ok_and(|s| (s.dev, s.ino) == (stat.dev, stat.ino))
    });
    found.map(|entry| entry.file_name().to_bytes().to_vec())
}
