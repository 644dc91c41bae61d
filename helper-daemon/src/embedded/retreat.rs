//! Stepping back from where `wrap` was started: from the terminal and from everything that was inherited. The agent's
//! pipes close when the agent closes them, and no key press reaches this process.

use endpoint_sec::unix::signals::{default_signal, ignore_signal};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::Pid;
use std::os::fd::{AsFd, BorrowedFd};

/// Does it. Of the descriptors from 3 on those stay that are in `keep`; `close` closes the others.
pub(super) fn step_back(
    keep: &[BorrowedFd<'_>],
    close: impl FnOnce(&[BorrowedFd<'_>]) -> Result<(), Errno>,
) -> Result<(), Errno> {
    nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    for signal in Signal::iterator() {
        if !matches!(
            signal,
            Signal::SIGKILL
                | Signal::SIGSTOP
                | Signal::SIGCHLD
                | Signal::SIGSEGV
                | Signal::SIGBUS
                | Signal::SIGILL
                | Signal::SIGFPE
                | Signal::SIGABRT
        ) {
            ignore_signal(signal)?;
        }
    }
    // Whoever ignores it, as a parent may have it, never learns how a child ended.
    default_signal(Signal::SIGCHLD)?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    nix::unistd::dup2_stdin(&null)?;
    nix::unistd::dup2_stdout(&null)?;
    nix::unistd::dup2_stderr(&null)?;
    let all: Vec<_> = keep.iter().copied().chain([null.as_fd()]).collect();
    close(&all)?;
    nix::unistd::chdir("/")?;
    raise_the_limit()
}

/// The agent's limit is not this process's: it holds a descriptor for each process that it knows.
fn raise_the_limit() -> Result<(), Errno> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    #[cfg(target_os = "macos")]
    // The kernel takes no more, whatever the limit says (`setrlimit(2)`).
    let most = most.min(10240);
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
}
