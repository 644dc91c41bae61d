//! What guarding costs: see [`linux`]. Elsewhere there is nothing to measure yet.

#[cfg(target_os = "linux")]
mod linux;

fn main() {
    #[cfg(target_os = "linux")]
    linux::run();
}
