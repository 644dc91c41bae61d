//! Where a process comes from, by the kernel's word: its parents, and how many seccomp filters it carries
//! (`proc_pid_status(5)`).
//!
//! Both are inherited, and neither can be shed: filters are only ever added, and a process whose parent ends
//! goes to the nearest living ancestor that adopts (`PR_SET_CHILD_SUBREAPER`). So a process below such an
//! ancestor stays below it for as long as that one lives, with one exception: a process that entered another
//! pid namespace goes to that namespace's first process, wherever that one came from.

use crate::linux::process::PidFd;
use nix::errno::Errno;
use nix::unistd::Pid;

/// The longest line of ancestors that is followed. One that is longer was made to be long.
const LONGEST: usize = 256;

/// Why nothing can be said of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It has ended, or its main thread has: what the kernel still tells is no more than a memory of it.
    #[error("the process has ended")]
    Ended,
    /// The line of its ancestors did not hold still, is longer than any that comes about by itself, or means
    /// nothing, as the process is in another pid namespace.
    #[error("its ancestors can't be followed")]
    Line,
    /// The kernel told nothing, or told it in another form.
    #[error("the kernel tells nothing of it")]
    Untold,
}

/// How many seccomp filters a process carries (5.9).
pub fn filters(pid: Pid, pidfd: &PidFd) -> Result<u32, Lost> {
    let status = status(pid, pidfd)?;
    // A thread that has exited has let go of its filters; others of its process may live on.
    if field(&status, "State:").is_none_or(|state| state.starts_with(['Z', 'X'])) {
        return Err(Lost::Ended);
    }
    let count = field(&status, "Seccomp_filters:").ok_or(Lost::Untold)?;
    count.parse().map_err(|_| Lost::Untold)
}

/// The ancestors of a process of this pid namespace, its parent first. Each was the parent of the one before
/// when it was looked at, and lived: none is another process that has got the number of one that has ended.
pub fn ancestors(pid: Pid, pidfd: &PidFd) -> Result<Vec<Pid>, Lost> {
    // A namespace is never left for one above it, so nor was any ancestor in another one.
    let status = status(pid, pidfd)?;
    if field(&status, "NSpid:").is_none_or(|numbers| numbers.split_whitespace().count() != 1) {
        return Err(Lost::Line);
    }
    let mut line = Vec::new();
    let mut held: Option<(Pid, PidFd)> = None;
    loop {
        let (pid, pidfd) = held.as_ref().map_or((pid, pidfd), |(pid, pidfd)| (*pid, pidfd));
        let Some(above) = parent(pid, pidfd)? else { return Ok(line) };
        line.push(above.0);
        if line.len() > LONGEST {
            return Err(Lost::Line);
        }
        held = Some(above);
    }
}

/// The parent of a process; `None` for one that has none, or none in this pid namespace.
pub fn parent(pid: Pid, pidfd: &PidFd) -> Result<Option<(Pid, PidFd)>, Lost> {
    // A parent may end, and leave the process to another one, at any time: it is held before it is believed.
    for _ in 0..8 {
        let number = parent_id(pid, pidfd)?;
        if number.as_raw() == 0 {
            return Ok(None);
        }
        let held = match PidFd::open(number) {
            Ok(held) => held,
            Err(Errno::ESRCH) => continue,
            Err(_) => return Err(Lost::Untold),
        };
        if parent_id(pid, pidfd)? == number && !held.has_ended() {
            return Ok(Some((number, held)));
        }
    }
    Err(Lost::Line)
}

/// Whether a process still adopts, and so has since it was first held: from the beginning of its end on, which
/// comes a while before it has ended, what its descendants leave behind goes past it.
pub fn is_whole(pid: Pid, pidfd: &PidFd) -> bool {
    /// `include/linux/sched.h`; the ninth field of `proc_pid_stat(5)`.
    const PF_EXITING: u64 = 0x4;
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat);
    let flags = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(6)?.parse().ok());
    !pidfd.has_ended() && flags.is_some_and(|flags: u64| flags & PF_EXITING == 0)
}

fn parent_id(pid: Pid, pidfd: &PidFd) -> Result<Pid, Lost> {
    let status = status(pid, pidfd)?;
    let number = field(&status, "PPid:").and_then(|text| text.parse().ok());
    number.map(Pid::from_raw).ok_or(Lost::Untold)
}

/// What was read by number was of this process only if it still lives.
fn status(pid: Pid, pidfd: &PidFd) -> Result<String, Lost> {
    let read = std::fs::read(format!("/proc/{pid}/status"));
    if pidfd.has_ended() {
        return Err(Lost::Ended);
    }
    // A program's name may be any bytes.
    read.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(|_| Lost::Untold)
}

/// A program's name comes first and has its line breaks escaped: it can't be taken for another field.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn of(child: &Child) -> (Pid, PidFd) {
        let pid = Pid::from_raw(child.id() as i32);
        (pid, PidFd::open(pid).unwrap())
    }

    #[test]
    fn a_child_has_this_process_and_all_of_its_ancestors_above_it() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let (pid, pidfd) = of(&child);
        let me = nix::unistd::getpid();
        let mine = ancestors(me, &PidFd::open(me).unwrap()).unwrap();
        let line = ancestors(pid, &pidfd).unwrap();
        assert_eq!((line[0], &line[1..]), (me, mine.as_slice()));
        assert_eq!(parent(pid, &pidfd).unwrap().unwrap().0, me);
        assert!(is_whole(pid, &pidfd));
        assert_eq!(filters(pid, &pidfd), filters(me, &PidFd::open(me).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ancestors(pid, &pidfd), Err(Lost::Ended));
        assert_eq!(filters(pid, &pidfd), Err(Lost::Ended));
    }

    #[test]
    fn a_zombie_says_nothing_of_its_filters() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let (pid, pidfd) = of(&child);
        drop(child.stdin.take());
        while !pidfd.has_ended() {
            std::thread::yield_now();
        }
        assert_eq!(filters(pid, &pidfd), Err(Lost::Ended));
        assert!(!is_whole(pid, &pidfd));
        child.wait().unwrap();
    }

    #[test]
    fn a_name_is_not_taken_for_a_field() {
        let status = "Name:\tx\\nPPid:\\t1\nState:\tS (sleeping)\nPPid:\t42\n";
        assert_eq!(field(status, "PPid:"), Some("42"));
        assert_eq!(field(status, "Seccomp_filters:"), None);
    }
}
