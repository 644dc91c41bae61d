//! Reading an event out of the arguments and the memory of a caller: one function a system call.

use super::{At, Creation, Event, Writing};
use crate::linux::arch::Call;
use crate::linux::caller::{Caller, Unread};
use crate::linux::listener::Trapped;
use crate::linux::reach;
use endpoint_sec_sys::linux::calls::{
    BTRFS_IOC_SNAP_DESTROY, FSCONFIG_SET_FD, FSCONFIG_SET_PATH, FSCONFIG_SET_PATH_EMPTY, FSCONFIG_SET_STRING,
    OpenHow,
};
use nix::errno::Errno;

#[cfg(test)]
mod tests;

/// Reads what a trapped call asks for. `Err(Bare)` is what the kernel itself would have answered.
pub fn decode(trapped: &Trapped, caller: &Caller) -> Result<Event, Unread> {
    let a = &trapped.args;
    let here = libc::AT_FDCWD;
    let Some(call) = trapped.call else { return Err(Unread::Bare(Errno::ENOSYS)) };
    Ok(match call {
        Call::Unlink => Event::Remove { at: path(caller, here, a[0])?, directory: false },
        Call::Rmdir => Event::Remove { at: path(caller, here, a[0])?, directory: true },
        Call::Unlinkat => {
            let flags = a[2] as i32;
            if flags & !libc::AT_REMOVEDIR != 0 {
                return Err(Unread::Bare(Errno::EINVAL));
            }
            Event::Remove { at: path(caller, a[0] as i32, a[1])?, directory: flags & libc::AT_REMOVEDIR != 0 }
        }
        Call::Rename => rename(caller, (here, a[0]), (here, a[1]), 0)?,
        Call::Renameat => rename(caller, (a[0] as i32, a[1]), (a[2] as i32, a[3]), 0)?,
        Call::Renameat2 => rename(caller, (a[0] as i32, a[1]), (a[2] as i32, a[3]), a[4] as u32)?,
        Call::Open => open(path(caller, here, a[0])?, a[1] as i32, a[2] as u32),
        Call::Creat => {
            open(path(caller, here, a[0])?, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, a[1] as u32)
        }
        Call::Openat => open(path(caller, a[0] as i32, a[1])?, a[2] as i32, a[3] as u32),
        Call::Openat2 => openat2(caller, a)?,
        Call::Mkdir => directory(path(caller, here, a[0])?, a[1] as u32),
        Call::Mkdirat => directory(path(caller, a[0] as i32, a[1])?, a[2] as u32),
        Call::Mknod => node(caller, (here, a[0]), a[1] as u32, a[2] as u32)?,
        Call::Mknodat => node(caller, (a[0] as i32, a[1]), a[2] as u32, a[3] as u32)?,
        Call::Symlink => symlink(caller, a[0], (here, a[1]))?,
        Call::Symlinkat => symlink(caller, a[0], (a[1] as i32, a[2]))?,
        Call::Link => link(caller, (here, a[0]), (here, a[1]), 0)?,
        Call::Linkat => link(caller, (a[0] as i32, a[1]), (a[2] as i32, a[3]), a[4] as i32)?,
        Call::Bind => bind(caller, a)?,
        Call::Socketcall => socketcall(caller, a)?,
        Call::Truncate | Call::Truncate64 => {
            let at = path(caller, here, a[0])?;
            Event::Write { at, how: Writing::Truncate { length: length(trapped, a) } }
        }
        Call::Mount => mount(caller, a)?,
        Call::MoveMount => {
            Event::Mount { over: Some(covered(caller, a[2] as i32, a[3])?), writes: Vec::new() }
        }
        Call::Umount => Event::Unmount { at: path(caller, here, a[0])? },
        Call::Fsconfig => fsconfig(caller, a)?,
        Call::Ioctl => subvolume(caller, a)?,
        Call::Prctl if a[0] as i32 == libc::PR_SET_DUMPABLE => Event::BecomeUnreadable,
        Call::Prctl | Call::Credentials => Event::ChangeCredentials,
        Call::Umask => Event::ChangeUmask,
        Call::View => Event::ChangeView,
        Call::LandlockRestrictSelf => Event::Confine,
        Call::OpenByHandleAt => Event::Harmless,
        Call::Kill
        | Call::SendSignal
        | Call::SendThreadSignal
        | Call::PidfdSendSignal
        | Call::Ptrace
        | Call::ProcessMemory
        | Call::PidfdGetfd
        | Call::Prlimit
        | Call::Fcntl => match reach::decode(call, a).map_err(Unread::Bare)? {
            Some((whom, purpose)) => Event::Reach { whom, purpose },
            None => Event::Harmless,
        },
    })
}

fn path(caller: &Caller, dirfd: i32, address: u64) -> Result<At, Unread> {
    let path = caller.read_path(address)?;
    if path.is_empty() { Err(Unread::Bare(Errno::ENOENT)) } else { Ok(At { dirfd, path }) }
}

fn rename(caller: &Caller, from: (i32, u64), to: (i32, u64), flags: u32) -> Result<Event, Unread> {
    const KNOWN: u32 = libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE | libc::RENAME_WHITEOUT;
    let exchange = flags & libc::RENAME_EXCHANGE != 0;
    if flags & !KNOWN != 0 || (exchange && flags != libc::RENAME_EXCHANGE) {
        return Err(Unread::Bare(Errno::EINVAL));
    }
    Ok(Event::Rename { from: path(caller, from.0, from.1)?, to: path(caller, to.0, to.1)?, flags })
}

fn open(at: At, flags: i32, mode: u32) -> Event {
    // With these the kernel neither makes a name nor changes content, or fails: not for us to repeat.
    if flags & (libc::O_PATH | libc::O_DIRECTORY) != 0 {
        return Event::Harmless;
    }
    if flags & libc::O_CREAT == 0 {
        let writes = flags & (libc::O_ACCMODE | libc::O_TRUNC) != libc::O_RDONLY;
        return if writes { Event::Write { at, how: Writing::Open { flags } } } else { Event::Harmless };
    }
    Event::Create { at, what: Creation::Open { flags, mode: mode & 0o7777 } }
}

fn openat2(caller: &Caller, a: &[u64; 6]) -> Result<Event, Unread> {
    let mut how = [0u8; size_of::<OpenHow>()];
    if (a[3] as usize) < how.len() {
        return Ok(Event::Harmless);
    }
    caller.read_exact(a[2], &mut how)?;
    let word = |at: usize| u64::from_ne_bytes(how[at..at + 8].try_into().unwrap_or_default());
    let (flags, mode, resolve) = (word(0), word(8), word(16));
    // A confined resolution is the kernel's to do: what it makes is simply not the session's own.
    if flags > i32::MAX as u64 || confining(resolve) {
        return Ok(Event::HarmlessNow);
    }
    Ok(match open(path(caller, a[0] as i32, a[1])?, flags as i32, mode as u32) {
        Event::Harmless => Event::HarmlessNow,
        event => event,
    })
}

/// `RESOLVE_*` flags that change which file is meant. `NO_MAGICLINKS`, `NO_SYMLINKS` and `NO_XDEV` only
/// refuse, but they refuse in the kernel's way.
fn confining(resolve: u64) -> bool {
    resolve != 0
}

fn directory(at: At, mode: u32) -> Event {
    Event::Create { at, what: Creation::Directory { mode: mode & 0o7777 } }
}

/// What it is to be comes before where, as in the kernel.
fn node(caller: &Caller, (dirfd, name): (i32, u64), mode: u32, dev: u32) -> Result<Event, Unread> {
    match mode & libc::S_IFMT {
        0 | libc::S_IFREG | libc::S_IFCHR | libc::S_IFBLK | libc::S_IFIFO | libc::S_IFSOCK => {}
        libc::S_IFDIR => return Err(Unread::Bare(Errno::EPERM)),
        _ => return Err(Unread::Bare(Errno::EINVAL)),
    }
    Ok(Event::Create { at: path(caller, dirfd, name)?, what: Creation::Node { mode, dev } })
}

/// The target comes before the name, as in the kernel.
fn symlink(caller: &Caller, target: u64, (dirfd, name): (i32, u64)) -> Result<Event, Unread> {
    let At { path: target, .. } = path(caller, dirfd, target)?;
    Ok(Event::Create { at: path(caller, dirfd, name)?, what: Creation::Symlink { target } })
}

fn link(caller: &Caller, from: (i32, u64), to: (i32, u64), flags: i32) -> Result<Event, Unread> {
    if flags & !(libc::AT_SYMLINK_FOLLOW | libc::AT_EMPTY_PATH) != 0 {
        return Err(Unread::Bare(Errno::EINVAL));
    }
    let source = caller.read_path(from.1)?;
    if source.is_empty() && flags & libc::AT_EMPTY_PATH == 0 {
        return Err(Unread::Bare(Errno::ENOENT));
    }
    let from = At { dirfd: from.0, path: source };
    Ok(Event::Create { at: path(caller, to.0, to.1)?, what: Creation::Link { from, flags } })
}

/// Only a Unix address with a path makes a name; an abstract one starts with NUL.
fn bind(caller: &Caller, a: &[u64; 6]) -> Result<Event, Unread> {
    const FAMILY: usize = size_of::<libc::sa_family_t>();
    let mut address = [0u8; size_of::<libc::sockaddr_un>()];
    let length = (a[2] as usize).min(address.len());
    if length <= FAMILY || caller.read_exact(a[1], &mut address[..length]).is_err() {
        return Ok(Event::Harmless);
    }
    let family = libc::sa_family_t::from_ne_bytes([address[0], address[1]]);
    let text = &address[FAMILY..length];
    let text = &text[..text.iter().position(|&b| b == 0).unwrap_or(text.len())];
    if i32::from(family) != libc::AF_UNIX || text.is_empty() {
        return Ok(Event::Harmless);
    }
    let at = At { dirfd: libc::AT_FDCWD, path: text.to_vec() };
    Ok(Event::Create { at, what: Creation::Socket { fd: a[0] as i32 } })
}

/// `socketcall(SYS_BIND, arguments)`: the same, with its arguments as three 32-bit words in memory.
fn socketcall(caller: &Caller, a: &[u64; 6]) -> Result<Event, Unread> {
    let mut words = [0u8; 12];
    caller.read_exact(a[1], &mut words)?;
    let word = |n: usize| {
        let bytes = words[4 * n..4 * n + 4].try_into().unwrap_or_default();
        u64::from(u32::from_ne_bytes(bytes))
    };
    bind(caller, &[word(0), word(1), word(2), 0, 0, 0])
}

/// The length that `truncate` takes: on a 32-bit architecture in two halves, on arm from an even register on.
fn length(trapped: &Trapped, a: &[u64; 6]) -> i64 {
    let first = if cfg!(target_arch = "aarch64") { 2 } else { 1 };
    match trapped.call {
        Some(Call::Truncate64) => (a[first] | a[first + 1] << 32) as i64,
        _ => a[1] as i64,
    }
}

/// What `move_mount` covers: with an empty path the descriptor itself.
fn covered(caller: &Caller, dirfd: i32, address: u64) -> Result<At, Unread> {
    let path = caller.read_path(address)?;
    Ok(At { dirfd, path: if path.is_empty() { b".".to_vec() } else { path } })
}

/// `mount("overlay", target, "overlay", flags, "lowerdir=…,upperdir=…,workdir=…")`.
fn mount(caller: &Caller, a: &[u64; 6]) -> Result<Event, Unread> {
    const PAGE: usize = 4096;
    const CHANGES_ONE: u64 =
        libc::MS_REMOUNT | libc::MS_SHARED | libc::MS_PRIVATE | libc::MS_SLAVE | libc::MS_UNBINDABLE;
    let covers = a[3] & CHANGES_ONE == 0;
    let over = if covers { Some(path(caller, libc::AT_FDCWD, a[1])?) } else { None };
    let mut writes = Vec::new();
    // A bind, move or remount ignores the type; a type that can't be read fails in the kernel.
    if a[2] != 0 && a[4] != 0 && caller.read_string(a[2], PAGE, Errno::EINVAL).is_ok_and(|t| t == b"overlay")
    {
        writes = overlay_writes(&caller.read_string(a[4], PAGE, Errno::EINVAL)?);
    }
    Ok(Event::Mount { over, writes })
}

/// The upper and work directories in an overlay's options. A backslash takes the next byte literally.
pub fn overlay_writes(options: &[u8]) -> Vec<At> {
    let mut fields: Vec<Vec<u8>> = vec![Vec::new()];
    let mut bytes = options.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b',' => fields.push(Vec::new()),
            b'\\' => fields.iter_mut().last().into_iter().for_each(|field| field.extend(bytes.next())),
            byte => fields.iter_mut().last().into_iter().for_each(|field| field.push(byte)),
        }
    }
    let value = |field: &Vec<u8>| {
        let path = field.strip_prefix(b"upperdir=").or_else(|| field.strip_prefix(b"workdir="))?;
        Some(At { dirfd: libc::AT_FDCWD, path: path.to_vec() })
    };
    fields.iter().filter_map(value).filter(|at| !at.path.is_empty()).collect()
}

fn fsconfig(caller: &Caller, a: &[u64; 6]) -> Result<Event, Unread> {
    let command = a[1] as u32;
    let by_path = [FSCONFIG_SET_STRING, FSCONFIG_SET_PATH, FSCONFIG_SET_PATH_EMPTY].contains(&command);
    if a[2] == 0 || !(by_path || command == FSCONFIG_SET_FD) {
        return Ok(Event::Harmless);
    }
    let key = caller.read_string(a[2], 256, Errno::EINVAL)?;
    if key != b"upperdir" && key != b"workdir" {
        return Ok(Event::Harmless);
    }
    let path = if command == FSCONFIG_SET_FD { b".".to_vec() } else { caller.read_path(a[3])? };
    let path = if path.is_empty() { b".".to_vec() } else { path };
    let dirfd = if command == FSCONFIG_SET_STRING { libc::AT_FDCWD } else { a[4] as i32 };
    Ok(Event::Mount { over: None, writes: vec![At { dirfd, path }] })
}

/// `struct btrfs_ioctl_vol_args`: a descriptor of eight bytes, then the name.
fn subvolume(caller: &Caller, a: &[u64; 6]) -> Result<Event, Unread> {
    let dirfd = a[0] as i32;
    if a[1] as u32 != BTRFS_IOC_SNAP_DESTROY {
        return Ok(Event::DestroySubvolume { dirfd, name: None });
    }
    let name = caller.read_string(a[2] + 8, 4088, Errno::EINVAL)?;
    Ok(Event::DestroySubvolume { dirfd, name: Some(name) })
}
