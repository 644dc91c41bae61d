//! `es-guard-helper`: the system's helper, and each of its workers.
#![forbid(unsafe_code)]

#[cfg_attr(target_os = "linux", path = "main/linux.rs")]
#[cfg_attr(target_os = "macos", path = "main/macos.rs")]
mod system;

fn main() -> std::process::ExitCode {
    system::main()
}
