//! Removing a thing with all that is below it, directories that can't be written among it.

use super::descent::{Descent, TreeError};
use super::looks;
use endpoint_sec::linux::handle::{Handle, Kind, Stat};
use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

/// Removes the entry `name` of a directory, and all below it; what is mounted there is left alone, with an error.
/// What is gone already is no error.
pub fn discard(dir: BorrowedFd<'_>, name: &CStr) -> Result<(), TreeError> {
    let mut at = Descent::begin(dir)?;
    let mut levels: Vec<Vec<CString>> = enter(&mut at, name)?.into_iter().collect();
    while let Some(names) = levels.last_mut() {
        if let Some(name) = names.pop() {
            levels.extend(enter(&mut at, &name)?);
        } else {
            levels.pop();
            let name = at.up()?;
            remove(&at, &name, UnlinkatFlags::RemoveDir)?;
        }
    }
    Ok(())
}

/// Removes what is no directory; goes down into a directory and tells what is in it.
fn enter(at: &mut Descent, name: &CStr) -> Result<Option<Vec<CString>>, TreeError> {
    let (there, stat) = match at.look(name) {
        Ok(found) => found,
        Err(error) if error.errno() == Errno::ENOENT => return Ok(None),
        Err(error) => return Err(error),
    };
    if stat.kind != Kind::Directory {
        return remove(at, name, UnlinkatFlags::NoRemoveDir).map(|()| None);
    }
    open_up(&there, &stat).map_err(at.refused("make writable", name))?;
    at.down(name, there)?;
    at.list().map(Some).map_err(at.refused("list", c""))
}

/// Makes a directory one that its owner may empty.
fn open_up(dir: &Handle, stat: &Stat) -> Result<(), Errno> {
    let mode = Mode::from_bits_truncate(stat.mode);
    if mode.contains(Mode::S_IRWXU) {
        return Ok(());
    }
    // Somebody else's may be open to this user all the same.
    looks::open_up(dir).or_else(|errno| if errno == Errno::EPERM { Ok(()) } else { Err(errno) })
}

fn remove(at: &Descent, name: &CStr, flags: UnlinkatFlags) -> Result<(), TreeError> {
    match unlinkat(at.here(), name, flags) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(at.refused("remove", name)(errno)),
    }
}
