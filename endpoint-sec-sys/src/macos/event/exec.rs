//! `es_event_exec_t`: `execve(2)` and `posix_spawn(2)`.

use crate::macos::file::File;
use crate::macos::process::Process;
use crate::macos::token::StringToken;

/// A process executes another program. The message's process is what it was, `target` what it becomes.
#[doc(alias = "es_event_exec_t")]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Exec {
    /// What the process becomes: the same pid, another generation of it.
    pub target: *const Process,
    /// What the dynamic linker will be told is the executable. From version 7.
    pub dyld_exec_path: StringToken,
    /// The script of an interpreter, or null. From version 2.
    pub script: *const File,
    /// Working directory. From version 3.
    pub cwd: *const File,
    /// Highest open descriptor. From version 4.
    pub last_fd: i32,
    /// From version 6.
    pub image_cputype: i32,
    /// From version 6.
    pub image_cpusubtype: i32,
    /// Nothing yet.
    pub reserved: [u8; 36],
}

// script, and 64 bytes from there, are published; the rest follows from the declared order.
layout!(Exec, size 88, target at 0, dyld_exec_path at 8, script at 24, cwd at 32, last_fd at 40, image_cputype at 44,
    image_cpusubtype at 48, reserved at 52);
