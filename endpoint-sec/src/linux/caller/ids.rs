//! Who a caller is: its process, its user and groups, its capabilities, its mask.

use super::{Caller, Unread};
use crate::linux::process::PidFd;
use nix::errno::Errno;
use nix::unistd::Pid;

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

impl Caller {
    /// The process that the thread belongs to.
    pub fn process_id(&self) -> Result<i32, Unread> {
        // Only a process's first thread has a pidfd; to ask for one costs less than to read what a thread is.
        if PidFd::open(Pid::from_raw(self.tid)).is_ok() {
            return Ok(self.tid);
        }
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

    /// How long a file the caller may make (`RLIMIT_FSIZE`), in bytes; `None`: as long as it likes.
    pub fn file_size_limit(&self) -> Result<Option<u64>, Unread> {
        let text = self.text("limits").map_err(|_| Unread::Gone)?;
        let text = String::from_utf8_lossy(&text);
        let limit =
            text.lines().find_map(|line| line.strip_prefix("Max file size")?.split_whitespace().next());
        match limit.ok_or(Unread::Gone)? {
            "unlimited" => Ok(None),
            bytes => bytes.parse().map(Some).map_err(|_| Unread::Gone),
        }
    }

    /// Sends the very thread a signal.
    pub fn signal(&self, signal: i32) -> Result<(), Unread> {
        // SAFETY:
        // - no pointers.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, self.process_id()?, self.tid, signal) };
        Errno::result(sent).map(drop).map_err(Unread::Refused)
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

    fn status(&self) -> Result<Status, Unread> {
        let text = self.text("status").map_err(|_| Unread::Gone)?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
