//! What the process was started with, read before the Rust runtime changes it.

use core::sync::atomic::{AtomicBool, Ordering};

static SIGPIPE_IGNORED: AtomicBool = AtomicBool::new(false);

/// Whether `SIGPIPE` was ignored when this process was executed. The Rust runtime ignores it before `main`,
/// and a child must get back what the parent had been given.
pub fn sigpipe_was_ignored() -> bool {
    SIGPIPE_IGNORED.load(Ordering::Relaxed)
}

extern "C" fn read_sigpipe() {
    let mut current = core::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY:
    // - a null new action only asks; `current` is writable and of the right type.
    // - zeroed is a valid `sigaction`, should the call fail.
    let current = unsafe {
        libc::sigaction(libc::SIGPIPE, core::ptr::null(), current.as_mut_ptr());
        current.assume_init()
    };
    SIGPIPE_IGNORED.store(current.sa_sigaction == libc::SIG_IGN, Ordering::Relaxed);
}

// SAFETY (of the section name):
// - `.init_array`, and in a Mach-O file `__mod_init_func`, holds function pointers that the loader calls before `main`;
//   `read_sigpipe` has that signature, touches one atomic and makes one system call.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static READ_SIGPIPE: extern "C" fn() = read_sigpipe;
