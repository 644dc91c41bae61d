//! The process that made a trapped call: its memory, its view of the file system, who it is.

mod memory;

use crate::linux::handle::{Handle, ProcLink};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A thread that waits in a trapped call.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    tid: i32,
}

/// Why something could not be read from a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The kernel itself would have failed the call with this error.
    #[error("{0}")]
    Bare(Errno),
    /// The caller may not be read: it made itself undumpable, or runs an execute-only program.
    #[error("read the caller: {0}")]
    Refused(Errno),
    /// The caller is gone.
    #[error("the caller is gone")]
    Gone,
}

/// A caller's user, groups and capabilities, as far as files are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// File system uid, as this process's user namespace tells it.
    pub uid: u32,
    /// File system gid.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Of the effective capabilities, in the caller's user namespace, those that files are judged by.
    pub capabilities: u64,
    /// Inode of the caller's user namespace.
    pub namespace: u64,
}

/// The capabilities that any file system or security module asks for in a call that makes, renames or removes a
/// name (`capabilities(7)`). All others neither allow nor forbid it, so a helper need not have them to stand in
/// for a caller that does.
pub const OF_FILES: u64 = bits(&[
    1,  // CAP_DAC_OVERRIDE
    2,  // CAP_DAC_READ_SEARCH
    3,  // CAP_FOWNER: sticky directories, links to others' files
    4,  // CAP_FSETID: the group bit in a directory that hands its group down
    21, // CAP_SYS_ADMIN
    24, // CAP_SYS_RESOURCE: what a file system keeps back, quotas
    27, // CAP_MKNOD
    32, // CAP_MAC_OVERRIDE
    33, // CAP_MAC_ADMIN
]);

const fn bits(numbers: &[u32]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < numbers.len() {
        bits |= 1 << numbers[at];
        at += 1;
    }
    bits
}

/// What a record says of the program that made a call. Best effort: empty where it can't be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Process id (not thread id).
    pub pid: i32,
    /// Path of the executable.
    pub exe: PathBuf,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Working directory.
    pub cwd: PathBuf,
}

impl Caller {
    /// The thread of this id. The caller must still be waiting: see
    /// [`still_valid`](crate::linux::listener::Listener::still_valid).
    pub fn new(tid: i32) -> Self {
        Self { tid }
    }

    /// Thread id.
    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// The caller's root directory.
    pub fn root(&self) -> Result<Handle, Unread> {
        self.open(ProcLink::of(self.tid, "root"), OFlag::O_DIRECTORY)
    }

    /// The caller's working directory.
    pub fn cwd(&self) -> Result<Handle, Unread> {
        self.open(ProcLink::of(self.tid, "cwd"), OFlag::O_DIRECTORY)
    }

    /// The directory behind one of the caller's descriptors: `EBADF` and `ENOTDIR` as the kernel gives them.
    pub fn directory(&self, fd: i32) -> Result<Handle, Unread> {
        if fd == libc::AT_FDCWD { self.cwd() } else { self.descriptor(fd, OFlag::O_DIRECTORY) }
    }

    /// What one of the caller's descriptors refers to.
    pub fn file(&self, fd: i32) -> Result<Handle, Unread> {
        self.descriptor(fd, OFlag::empty())
    }

    fn descriptor(&self, fd: i32, flags: OFlag) -> Result<Handle, Unread> {
        if fd < 0 {
            return Err(Unread::Bare(Errno::EBADF));
        }
        match self.open(ProcLink::descriptor(self.tid, fd), flags) {
            // The descriptor's own entry is missing, unless the whole caller is.
            Err(Unread::Gone) if self.exists() => Err(Unread::Bare(Errno::EBADF)),
            other => other,
        }
    }

    fn exists(&self) -> bool {
        nix::unistd::access(ProcLink::of(self.tid, "status").as_c_str(), nix::unistd::AccessFlags::F_OK)
            .is_ok()
    }

    fn open(&self, link: ProcLink, flags: OFlag) -> Result<Handle, Unread> {
        let proc = nix::fcntl::AT_FDCWD;
        Handle::open_itself(proc, link.as_c_str(), flags).map_err(|e| match e {
            Errno::ENOENT | Errno::ESRCH => Unread::Gone,
            Errno::EACCES | Errno::EPERM => Unread::Refused(e),
            e => Unread::Bare(e),
        })
    }

    /// Inode of one of the caller's namespaces (`user`, `mnt`).
    pub fn namespace(&self, which: &str) -> Result<u64, Unread> {
        let link = self.open(ProcLink::of(self.tid, &format!("ns/{which}")), OFlag::empty())?;
        link.stat().map(|stat| stat.ino).map_err(Unread::Bare)
    }

    /// A handle of the caller's user namespace, for `setns(2)`.
    pub fn user_namespace(&self) -> Result<std::os::fd::OwnedFd, Unread> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        nix::fcntl::open(ProcLink::of(self.tid, "ns/user").as_c_str(), flags, nix::sys::stat::Mode::empty())
            .map_err(Unread::Refused)
    }

    /// A copy of one of the caller's descriptors, with its access.
    pub fn copy_descriptor(&self, fd: i32) -> Result<std::os::fd::OwnedFd, Unread> {
        crate::linux::process::copy_descriptor(self.process_id()?, fd).map_err(|e| match e {
            Errno::EBADF => Unread::Bare(e),
            Errno::ESRCH => Unread::Gone,
            e => Unread::Refused(e),
        })
    }

    /// The process behind one of the caller's descriptors; `None` where it is no process's, or has ended.
    pub fn process_behind(&self, fd: i32) -> Result<Option<i32>, Unread> {
        let info = match fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", self.tid)) {
            Ok(info) => info,
            Err(_) if self.exists() => return Ok(None),
            Err(_) => return Err(Unread::Gone),
        };
        let pid =
            info.lines().find_map(|line| line.strip_prefix("Pid:")).and_then(|pid| pid.trim().parse().ok());
        Ok(pid.filter(|pid| *pid > 0))
    }

    /// The process that the thread belongs to.
    pub fn process_id(&self) -> Result<i32, Unread> {
        self.status()?.number("Tgid").ok_or(Unread::Gone)
    }

    /// The thread's own number and its process's number in the innermost pid namespace.
    pub(crate) fn inner_ids(&self) -> Result<(i32, i32), Unread> {
        let status = self.status()?;
        let last = |key| status.field(key).and_then(|v| v.split_whitespace().last()?.parse().ok());
        last("NStgid").zip(last("NSpid")).ok_or(Unread::Gone)
    }

    /// The process that started the caller, or adopted it.
    pub fn parent_id(&self) -> Result<i32, Unread> {
        self.status()?.number("PPid").ok_or(Unread::Gone)
    }

    /// Real, effective, saved and file system user.
    pub fn users(&self) -> Result<Vec<u32>, Unread> {
        let status = self.status()?;
        let users = status.field("Uid").ok_or(Unread::Gone)?;
        users.split_whitespace().map(|uid| uid.parse().map_err(|_| Unread::Gone)).collect()
    }

    /// The caller's file creation mask.
    pub fn umask(&self) -> Result<u32, Unread> {
        let status = self.status()?;
        status.field("Umask").and_then(|v| u32::from_str_radix(v, 8).ok()).ok_or(Unread::Gone)
    }

    /// The caller's user, groups and capabilities.
    pub fn credentials(&self) -> Result<Credentials, Unread> {
        let status = self.status()?;
        let fourth = |key| status.field(key).and_then(|v| v.split_whitespace().nth(3)?.parse().ok());
        let groups = status.field("Groups").unwrap_or("");
        Ok(Credentials {
            uid: fourth("Uid").ok_or(Unread::Gone)?,
            gid: fourth("Gid").ok_or(Unread::Gone)?,
            groups: groups.split_whitespace().filter_map(|g| g.parse().ok()).collect(),
            capabilities: status
                .field("CapEff")
                .and_then(|v| u64::from_str_radix(v, 16).ok())
                .ok_or(Unread::Gone)?
                & OF_FILES,
            namespace: self.namespace("user")?,
        })
    }

    /// The caller's credentials, where it is one ordinary user in every respect: each of its ids is the same, it has no
    /// capability that files are judged by, and this process's user namespace.
    pub fn whole(&self) -> Result<Option<Credentials>, Unread> {
        let status = self.status()?;
        let one = |key| {
            let ids: Vec<&str> = status.field(key).unwrap_or("").split_whitespace().collect();
            ids.len() == 4 && ids.iter().all(|id| *id == ids[0])
        };
        let who = self.credentials()?;
        let ordinary = who.uid != 0 && who.capabilities == 0;
        let here = Caller::new(std::process::id() as i32).namespace("user")? == who.namespace;
        Ok((ordinary && here && one("Uid") && one("Gid")).then_some(who))
    }

    /// The caller's executable, as a place.
    pub fn executable(&self) -> Result<Handle, Unread> {
        self.open(ProcLink::of(self.tid, "exe"), OFlag::empty())
    }

    /// What a record says of the program.
    pub fn program(&self) -> Program {
        let link = |what| fs::read_link(format!("/proc/{}/{what}", self.tid)).unwrap_or_default();
        let argv = fs::read(format!("/proc/{}/cmdline", self.tid)).unwrap_or_default();
        let argv = argv.strip_suffix(b"\0").unwrap_or(&argv);
        Program {
            pid: self.process_id().unwrap_or(self.tid),
            exe: link("exe"),
            argv: if argv.is_empty() { Vec::new() } else { argv.split(|&b| b == 0).map(Vec::from).collect() },
            cwd: PathBuf::from(link("cwd").into_os_string()),
        }
    }

    /// The text of the caller's mount table.
    pub(crate) fn mountinfo(&self) -> Result<Vec<u8>, Unread> {
        fs::read(format!("/proc/{}/mountinfo", self.tid)).map_err(|_| Unread::Gone)
    }

    fn status(&self) -> Result<Status, Unread> {
        let text = fs::read(format!("/proc/{}/status", self.tid)).map_err(|_| Unread::Gone)?;
        Ok(Status(String::from_utf8_lossy(&text).into_owned()))
    }
}

/// The text of `/proc/TID/status`. Its first line is the command name, which the process chooses: keys are
/// looked for after it only.
struct Status(String);

impl Status {
    fn field(&self, key: &str) -> Option<&str> {
        self.0.lines().skip(1).find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim)
    }

    fn number(&self, key: &str) -> Option<i32> {
        self.field(key)?.parse().ok()
    }
}

/// This process's own credentials, in the same form.
pub fn own_credentials() -> Result<Credentials, Unread> {
    Caller::new(std::process::id() as i32).credentials()
}

/// Opens the object behind an `O_PATH` handle through `/proc/self/fd`, for calls that take a path.
pub fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    use std::os::fd::AsRawFd;
    let link = ProcLink::own("fd", fd.as_fd().as_raw_fd());
    PathBuf::from(std::ffi::OsString::from_vec(link.as_c_str().to_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Caller {
        Caller::new(std::process::id() as i32)
    }

    #[test]
    fn descriptors_fail_as_in_the_kernel() {
        assert_eq!(me().directory(-7).unwrap_err(), Unread::Bare(Errno::EBADF));
        assert_eq!(me().directory(1_000_000).unwrap_err(), Unread::Bare(Errno::EBADF));
        let file = tempfile::tempfile().unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert_eq!(me().directory(fd).unwrap_err(), Unread::Bare(Errno::ENOTDIR));
    }

    #[test]
    fn a_command_name_cannot_pose_as_a_field() {
        let status = Status("Name:\tUid:\t0\t0\t0\t0\nUmask:\t0022\nUid:\t7\t7\t7\t8\n".into());
        assert_eq!(status.field("Uid"), Some("7\t7\t7\t8"));
    }

    #[test]
    fn own_credentials_are_those_of_this_process() {
        let own = own_credentials().unwrap();
        assert_eq!(own.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(own.gid, nix::unistd::getegid().as_raw());
    }
}
