//! Waiting for children, with signals as numbers: a process may end of a real-time signal, which a closed list
//! of signals has no name for.

use nix::errno::Errno;
use nix::unistd::Pid;

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended with this status.
    Exited(i32),
    /// It ended of this signal.
    Killed(i32),
    /// It was stopped by this signal.
    Stopped(i32),
    /// It goes on.
    Continued,
}

/// Which children are waited for, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Until something becomes of one.
    ForOne,
    /// Not at all.
    Not,
}

/// The next change of a child: of this one, or of any. `None` when there is none yet and it is not waited for;
/// `ECHILD` when there is no such child.
#[doc(alias = "waitpid")]
pub fn next_change(child: Option<Pid>, waiting: Waiting) -> Result<Option<(Pid, Change)>, Errno> {
    let which = child.map_or(-1, Pid::as_raw);
    let hang = if waiting == Waiting::Not { libc::WNOHANG } else { 0 };
    let mut status = 0;
    // SAFETY:
    // - `status` is writable and lives through the call.
    let found = unsafe { libc::waitpid(which, &raw mut status, hang | libc::WUNTRACED | libc::WCONTINUED) };
    let found = Errno::result(found)?;
    let change = match status {
        _ if found == 0 => return Ok(None),
        s if libc::WIFEXITED(s) => Change::Exited(libc::WEXITSTATUS(s)),
        s if libc::WIFSIGNALED(s) => Change::Killed(libc::WTERMSIG(s)),
        s if libc::WIFSTOPPED(s) => Change::Stopped(libc::WSTOPSIG(s)),
        _ => Change::Continued,
    };
    Ok(Some((Pid::from_raw(found), change)))
}

/// How often a child is looked at before it is said to have no change.
const LOOKS: usize = 4;

/// Whether a change of this child waits to be taken by [`next_change`]. It is left there.
///
/// One look is not enough: the kernel (`wait_consider_child`) asks first whether the child is stopped, then whether
/// it goes on, and holds no lock in between. A child that goes on and stops at that very moment has, to that
/// look, done neither. The next look sees the stop.
#[doc(alias = "waitid")]
pub fn has_change(child: Pid) -> Result<bool, Errno> {
    for _ in 0..LOOKS {
        if peek(libc::P_PID, child.as_raw() as libc::id_t, libc::WNOHANG)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until a change of any child can be taken. It is left there. `ECHILD` when there is no child.
#[doc(alias = "waitid")]
pub fn await_change() -> Result<(), Errno> {
    peek(libc::P_ALL, 0, 0).map(drop)
}

fn peek(which: libc::idtype_t, id: libc::id_t, hang: libc::c_int) -> Result<bool, Errno> {
    let any = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOWAIT;
    // SAFETY:
    // - `siginfo_t` is plain data, valid when zeroed.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY:
    // - `info` is writable and lives through the call.
    Errno::result(unsafe { libc::waitid(which, id, &raw mut info, hang | any) })?;
    // Left at zero when nothing was found.
    Ok(info.si_signo != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[expect(clippy::zombie_processes, reason = "it is reaped by what is tested")]
    fn ended(line: &str) -> Change {
        let child = std::process::Command::new("sh").args(["-c", line]).spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        let (found, change) = next_change(Some(pid), Waiting::ForOne).unwrap().unwrap();
        assert_eq!(found, pid);
        assert_eq!(next_change(Some(pid), Waiting::Not), Err(Errno::ECHILD));
        change
    }

    #[test]
    #[expect(clippy::zombie_processes, reason = "it is reaped by what is tested")]
    fn a_change_is_seen_before_it_is_taken() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        assert_eq!(has_change(pid), Ok(false));
        child.kill().unwrap();
        await_change().unwrap();
        while !has_change(pid).unwrap() {
            await_change().unwrap();
        }
        assert_eq!(next_change(Some(pid), Waiting::Not), Ok(Some((pid, Change::Killed(9)))));
        assert_eq!(has_change(pid), Err(Errno::ECHILD));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_that_goes_on_and_stops_is_never_without_a_change() {
        use nix::sys::signal::{Signal, kill};
        let mut child = std::process::Command::new("sleep").arg("infinity").spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        let stops = || {
            kill(pid, Signal::SIGSTOP).unwrap();
            while !crate::linux::process::is_stopped(pid) {
                std::thread::yield_now();
            }
        };
        // From here on it has stopped or gone on, and nobody takes that.
        stops();
        let missed = std::thread::scope(|scope| {
            let cycles = scope.spawn(|| {
                // As many as a machine does in this time, be it an emulated one.
                let end = std::time::Instant::now() + std::time::Duration::from_secs(2);
                while std::time::Instant::now() < end {
                    kill(pid, Signal::SIGCONT).unwrap();
                    stops();
                }
            });
            let mut missed = 0;
            while !cycles.is_finished() {
                missed += usize::from(!has_change(pid).unwrap());
            }
            missed
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(missed, 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn real_time_signals_have_numbers_too() {
        assert_eq!(ended("exit 7"), Change::Exited(7));
        assert_eq!(ended("kill -15 $$"), Change::Killed(15));
        assert_eq!(ended("kill -34 $$"), Change::Killed(34));
    }
}
