//! Telling the desktop that something has come in. It is a help, and never needed.

use crate::render::tell as write;
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

/// Tells of something, by `notify-send` where that is and there is a desktop, else by the terminal (OSC 9). The text
/// has no control characters.
pub(super) fn tell(title: &str, text: &str) {
    let desktop = ["DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY", "DISPLAY"];
    let program = desktop.iter().any(|name| env::var_os(name).is_some()).then(program).flatten();
    let Some(program) = program else {
        return write(&format!("\u{1b}]9;es-guard: {title} {text}\u{7}"));
    };
    let mut command = Command::new(program);
    command.args(["--app-name=es-guard", "--", &format!("es-guard: {title}"), &escaped(text)]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // One that can't be started, or hangs, holds nobody up.
    thread::spawn(move || command.status());
}

fn program() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join("notify-send")).find(|path| path.is_file())
}

/// A notification's text may have marks in it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
