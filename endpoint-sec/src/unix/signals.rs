//! Signals: dispositions, what a child gets back, and ending by one.

use endpoint_sec_sys::startup;
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};

/// Sets a signal's disposition to the default.
pub fn default_signal(signal: Signal) -> Result<(), Errno> {
    set_signal(signal, SigHandler::SigDfl)
}

/// Ignores a signal.
pub fn ignore_signal(signal: Signal) -> Result<(), Errno> {
    set_signal(signal, SigHandler::SigIgn)
}

fn set_signal(signal: Signal, handler: SigHandler) -> Result<(), Errno> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY:
    // - neither disposition runs code of this process.
    unsafe { nix::sys::signal::sigaction(signal, &action) }.map(drop)
}

/// The signals that this process was told to ignore when it was started, whatever it does with them since.
pub fn ignored_at_the_start() -> SigSet {
    Signal::iterator().filter(|signal| startup::was_ignored(*signal as i32)).collect()
}

/// Gives a child back what this process was started with and the Rust runtime changed: `SIGPIPE`.
pub fn restore_startup_signals() -> Result<(), Errno> {
    if startup::was_ignored(libc::SIGPIPE) {
        ignore_signal(Signal::SIGPIPE)
    } else {
        default_signal(Signal::SIGPIPE)
    }
}

/// Ends this process by a signal, as another one was: no core is dumped a second time. Returns only if the
/// signal doesn't kill.
pub fn die_of(signal: i32) {
    let _ = nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0);
    // SAFETY:
    // - plain numbers and initialised sets; nothing of this process runs on the signal, as its disposition is
    //   the default.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        libc::sigprocmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_with_a_signal_later_is_not_what_it_was_at_the_start() {
        let at_the_start = ignored_at_the_start();
        // Nobody else in this process sends it or waits for it.
        ignore_signal(Signal::SIGTTOU).unwrap();
        assert_eq!(ignored_at_the_start(), at_the_start);
        default_signal(Signal::SIGTTOU).unwrap();
    }

    #[test]
    fn a_program_knows_what_it_was_started_with() {
        let me = std::env::current_exe().unwrap();
        let test = "unix::signals::tests::it_was_started_so";
        let line = format!("trap '' USR2; exec {} --exact {test} --ignored", me.display());
        assert!(std::process::Command::new("sh").args(["-c", &line]).output().unwrap().status.success());
    }

    #[test]
    #[ignore = "run by the test above"]
    fn it_was_started_so() {
        assert!(ignored_at_the_start().contains(Signal::SIGUSR2));
        assert!(!ignored_at_the_start().contains(Signal::SIGUSR1));
    }
}
