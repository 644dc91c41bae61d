//! Linux: seccomp user notification, BPF, system call numbers, and a few calls that libc does not wrap.

pub mod bpf;
pub mod calls;
pub mod clone;
pub mod nr;
pub mod seccomp;
