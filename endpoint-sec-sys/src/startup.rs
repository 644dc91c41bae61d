//! What the process was started with, read before the Rust runtime changes it.

use core::sync::atomic::{AtomicU32, Ordering};

/// Above every signal's number that is looked at.
const NUMBERS: i32 = 32;

static IGNORED: AtomicU32 = AtomicU32::new(0);

/// Whether a signal was ignored when this process was executed. The Rust runtime ignores `SIGPIPE` before `main`, a
/// program may do what it likes with others, and a child must get back what the parent had been given.
pub fn was_ignored(signal: i32) -> bool {
    (1..NUMBERS).contains(&signal) && IGNORED.load(Ordering::Relaxed) & 1 << signal != 0
}

extern "C" fn read_dispositions() {
    let mut ignored = 0;
    for signal in 1..NUMBERS {
        let mut current = core::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY:
        // - a null new action only asks; `current` is writable and of the right type.
        // - zeroed is a valid `sigaction`, should the call fail.
        let current = unsafe {
            libc::sigaction(signal, core::ptr::null(), current.as_mut_ptr());
            current.assume_init()
        };
        ignored |= u32::from(current.sa_sigaction == libc::SIG_IGN) << signal;
    }
    IGNORED.store(ignored, Ordering::Relaxed);
}

// SAFETY (of the section name):
// - `.init_array`, and in a Mach-O file `__mod_init_func`, holds function pointers that the loader calls before `main`;
//   `read_dispositions` has that signature, touches one atomic and makes system calls that only ask.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static READ_DISPOSITIONS: extern "C" fn() = read_dispositions;
