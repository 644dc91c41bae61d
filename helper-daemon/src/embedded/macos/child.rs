//! The agent's process before it is the agent: it was started suspended and is guarded from its first instruction on.
//! It proves that, and executes the agent.
//!
//! It is `es-guard` once more, and executes a program in its place, so that it stays the same process to whoever waits
//! for it.

use crate::embedded::words::{Word, hear, say};
use endpoint_sec::unix::descriptors::given;
use endpoint_sec::unix::signals::{default_signal, ignore_signal};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::execvp;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The first argument of such a process. What follows: the number of its descriptor, the signals that the agent
/// ignores, the canary, the control, and the agent's command line.
pub const CHILD: &str = "armed-child";

/// Signals as an argument has them.
pub(super) fn numbers(signals: &SigSet) -> String {
    signals.iter().map(|signal| (signal as i32).to_string()).collect::<Vec<_>>().join(",")
}

/// Runs it with what follows [`CHILD`]. Returns only if the agent could not be executed, with an exit status.
pub fn run(arguments: &[OsString]) -> i32 {
    let [number, ignored, canary, control, argv @ ..] = arguments else { return 125 };
    let socket = number.to_str().and_then(|number| number.parse().ok()).map(given);
    let Some(Ok(socket)) = socket else { return 125 };
    let socket = UnixStream::from(socket);
    if !has_proven(&socket, Path::new(canary), Path::new(control)) {
        return 125;
    }
    let argv: Result<Vec<CString>, _> = argv.iter().map(|word| CString::new(word.as_bytes())).collect();
    let Ok(argv) = argv else { return 125 };
    // The runtime ignores it. What can't be given back is what a shell would have started it with, too.
    let _ = default_signal(Signal::SIGPIPE);
    for signal in ignored.to_string_lossy().split(',').filter_map(|number| number.parse::<i32>().ok()) {
        let _ = Signal::try_from(signal).and_then(ignore_signal);
    }
    let Err(errno) = argv.first().map_or(Err(Errno::ENOENT), |program| execvp(program, &argv));
    let _ = say(&socket, Word::NotExecuted(errno as i32), None);
    127
}

/// Tries the canaries when it is told to, says what came of it, and waits for the word to go on.
fn has_proven(socket: &UnixStream, canary: &Path, control: &Path) -> bool {
    let tried =
        |path: &Path| std::fs::remove_file(path).map_or_else(|e| e.raw_os_error().unwrap_or(-1), |()| 0);
    matches!(hear(socket), Some((Word::Prove, _)))
        && say(socket, Word::Proof(tried(canary), tried(control)), None).is_ok()
        && matches!(hear(socket), Some((Word::Execute, _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tries_both_files_and_goes_on_only_when_told() {
        let dir = tempfile::tempdir().unwrap();
        let (canary, control) = (dir.path().join("kept"), dir.path().join("free"));
        std::fs::write(&control, "").unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let child = std::thread::spawn(move || has_proven(&there, &canary, &control));
        say(&here, Word::Prove, None).unwrap();
        // Nobody guards the canary here: it is missing.
        assert_eq!(hear(&here).unwrap().0, Word::Proof(Errno::ENOENT as i32, 0));
        drop(here);
        assert!(!child.join().unwrap());
    }
}
