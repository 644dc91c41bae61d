//! A short-lived child that shares memory and descriptors with its parent, but not its credentials.

use core::ffi::c_void;
use libc::{c_int, pid_t};

/// The signature of what the child runs; its return value is the child's exit status.
pub type Entry = extern "C" fn(*mut c_void) -> c_int;

/// `clone(2)` with `CLONE_VM | CLONE_VFORK | CLONE_FILES`: the calling thread is suspended until the child
/// has ended. The child sends no signal at its end, so only `wait4(2)` with `__WALL` or `__WCLONE` sees it.
///
/// # Safety
/// - `stack` is writable, used by nothing else, and large enough for `entry`.
/// - `entry` makes system calls only: it takes no lock, allocates nothing and does not unwind.
/// - `arg` is what `entry` expects, and stays valid while the child runs.
pub unsafe fn vfork_sharing(entry: Entry, stack: &mut [u8], arg: *mut c_void) -> pid_t {
    let top = stack.as_mut_ptr_range().end;
    let aligned = top.map_addr(|a| a & !15);
    // SAFETY:
    // - `aligned` is the top of a stack that is the child's alone; stacks grow down on every supported
    //   architecture.
    // - the caller vouches for `entry` and `arg`.
    unsafe { libc::clone(entry, aligned.cast(), libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES, arg) }
}
