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

/// The signals that this process was not told to ignore when it was started: in its children, too, they have their
/// default disposition.
pub fn not_ignored() -> SigSet {
    Signal::iterator().filter(|signal| !is_ignored(*signal)).collect()
}

fn is_ignored(signal: Signal) -> bool {
    // The runtime has changed this one since.
    if signal == Signal::SIGPIPE {
        return startup::sigpipe_was_ignored();
    }
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY:
    // - a null new action only asks; `now` is writable and of the right type, and zeroed is a valid one, should the
    //   call fail.
    let now = unsafe {
        libc::sigaction(signal as libc::c_int, std::ptr::null(), now.as_mut_ptr());
        now.assume_init()
    };
    now.sa_sigaction == libc::SIG_IGN
}

/// Gives a child back what this process was started with and the Rust runtime changed: `SIGPIPE`.
pub fn restore_startup_signals() -> Result<(), Errno> {
    if startup::sigpipe_was_ignored() {
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
    fn what_is_ignored_on_purpose_is_told_from_the_rest() {
        // Nobody else in this process sends it or waits for it.
        ignore_signal(Signal::SIGTTOU).unwrap();
        let found = not_ignored();
        default_signal(Signal::SIGTTOU).unwrap();
        assert!(!found.contains(Signal::SIGTTOU) && found.contains(Signal::SIGTERM));
        assert!(not_ignored().contains(Signal::SIGTTOU));
    }
}
