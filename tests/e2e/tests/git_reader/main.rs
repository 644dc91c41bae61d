//! The process that reads git repositories: see [`linux`]. Elsewhere there is none.

#[cfg(target_os = "linux")]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::run();
}
