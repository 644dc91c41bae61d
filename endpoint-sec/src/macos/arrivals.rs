//! Signals that are held back and taken one by one, each with who sent it.
//!
//! macOS has no descriptor that signals are read from, and no wait that tells the sender: that is told to handlers
//! only. So every signal is blocked and has a handler; a queue of events tells that one has come; and to take it, it is
//! unblocked for a moment, in which the handler notes who sent it.

use crate::unix::signals::{default_signal, ignore_signal, ignored_at_the_start};
use nix::errno::Errno;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// Above every signal's number.
const NUMBERS: usize = 32;
/// Nobody's process id.
const NONE: i32 = -1;

/// Who sent a signal, by its number. One of each waits at a time.
static SENDERS: [AtomicI32; NUMBERS] = [const { AtomicI32::new(NONE) }; NUMBERS];

/// Signals, held back.
#[derive(Debug)]
pub struct Arrivals {
    comes: Kqueue,
}

/// One that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Which.
    pub signal: Signal,
    /// Which process sent it. Of a key press it is whoever wrote to the terminal's other side.
    pub sender: i32,
}

impl Arrivals {
    /// Holds back every signal that can be; what comes back, too, is the mask before. The process must have a single
    /// thread. A fault in this very process is not held up by that: the kernel ends the process.
    #[doc(alias("kqueue", "EVFILT_SIGNAL"))]
    pub fn hold() -> Result<(Self, SigSet), Errno> {
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), Some(&mut before))?;
        let comes = Kqueue::new()?;
        for signal in Signal::iterator().filter(|signal| is_caught(*signal)) {
            handle(signal)?;
            let its_coming = KEvent::new(
                signal as usize,
                EventFilter::EVFILT_SIGNAL,
                EvFlags::EV_ADD | EvFlags::EV_CLEAR,
                FilterFlag::empty(),
                0,
                0,
            );
            comes.kevent(&[its_coming], &mut [], None)?;
        }
        Ok((Self { comes }, before))
    }

    /// The next one, if one waits. For the thread that holds them back.
    pub fn next(&self) -> Option<Arrival> {
        loop {
            if let Some(noted) = noted() {
                return Some(noted);
            }
            self.forget_events();
            let waiting: SigSet = pending().iter().filter(|signal| is_caught(*signal)).collect();
            if waiting == SigSet::empty() {
                return None;
            }
            for signal in waiting.iter() {
                // Whoever has given it its default disposition meanwhile, to stop by it, is done with that.
                handle(signal).ok()?;
            }
            waiting.thread_unblock().ok()?;
            waiting.thread_block().ok()?;
        }
    }

    /// What has come by now is looked at by its signals.
    fn forget_events(&self) {
        let none = KEvent::new(0, EventFilter::EVFILT_SIGNAL, EvFlags::empty(), FilterFlag::empty(), 0, 0);
        let mut events = [none; NUMBERS];
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let _ = self.comes.kevent(&[], &mut events, Some(at_once));
    }
}

impl AsFd for Arrivals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.comes.as_fd()
    }
}

/// Gives every signal its disposition back, for a program that is to be executed.
pub fn let_go() {
    let ignored = ignored_at_the_start();
    for signal in Signal::iterator().filter(|signal| is_caught(*signal)) {
        // What can't be given back is what a shell would have started it with, too.
        let _ = if ignored.contains(signal) { ignore_signal(signal) } else { default_signal(signal) };
    }
}

/// The signals that are blocked and wait for this process or thread.
#[doc(alias = "sigpending")]
pub fn pending() -> SigSet {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY:
    // - `set` is writable, and zeroed is a valid one, should the call fail.
    // - it holds signals only.
    unsafe {
        libc::sigpending(set.as_mut_ptr());
        SigSet::from_sigset_t_unchecked(set.assume_init())
    }
}

/// Whether somebody may have sent it; the others are faults, or can't be caught.
fn is_caught(signal: Signal) -> bool {
    !matches!(
        signal,
        Signal::SIGKILL
            | Signal::SIGSTOP
            | Signal::SIGSEGV
            | Signal::SIGBUS
            | Signal::SIGILL
            | Signal::SIGFPE
            | Signal::SIGTRAP
            | Signal::SIGABRT
            | Signal::SIGEMT
            | Signal::SIGSYS
    )
}

fn noted() -> Option<Arrival> {
    SENDERS.iter().enumerate().find_map(|(number, sender)| {
        let sender = sender.swap(NONE, Ordering::Relaxed);
        let signal = Signal::try_from(number as i32).ok()?;
        (sender != NONE).then_some(Arrival { signal, sender })
    })
}

fn handle(signal: Signal) -> Result<(), Errno> {
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_RESTART;
    let action = SigAction::new(SigHandler::SigAction(note), flags, SigSet::all());
    // SAFETY:
    // - the handler only stores one number in a static atomic.
    unsafe { sigaction(signal, &action) }.map(drop)
}

extern "C" fn note(number: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY:
    // - the kernel hands over a valid structure, or null.
    let sender = unsafe { info.as_ref() }.map_or(0, |info| info.si_pid.max(0));
    if let Some(slot) = usize::try_from(number).ok().and_then(|number| SENDERS.get(number)) {
        slot.store(sender, Ordering::Relaxed);
    }
}
