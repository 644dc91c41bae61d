//! On a terminal nobody can tell a guarded run from a bare one: the same keys are pressed in both, and the same
//! must appear. What differs from run to run by itself (process ids, the sandbox's name) is taken out.

use crate::guard::Stage;
use crate::row::Who;
use crate::sandbox::{Sandbox, everyone};
use crate::terminal::Terminal;

/// With a zone `zone` in which a text of a hundred lines is.
pub fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    let text: String = (1..=100).map(|n| format!("line {n}\n")).collect();
    std::fs::write(sandbox.root().join("zone/text"), text).expect("a file");
    sandbox.hand_over();
    sandbox
}

/// Plays it bare and guarded, as everybody; what appears must be the same.
///
/// # Panics
/// When it is not, with both.
pub fn shows_the_same(play: impl Fn(&mut Terminal)) {
    for stage in &mut Stage::of_every_helper() {
        for who in everyone() {
            let bare = transcript(stage, who, false, &play);
            let guarded = transcript(stage, who, true, &play);
            let systems = stage.system_helper().is_some();
            if guarded != bare {
                panic!("as {who:?}, system helper: {systems}\nBARE:\n{bare:?}\nGUARDED:\n{guarded:?}");
            }
        }
    }
}

/// Runs a command that has said that it runs, and only waits.
pub fn waits(terminal: &mut Terminal) {
    terminal.line("$G sh -c 'echo wai''ting; exec sleep 1000'", "waiting\r\n");
}

fn transcript(stage: &Stage, who: Who, guarded: bool, play: impl Fn(&mut Terminal)) -> String {
    let sandbox = sandbox(who);
    let mut terminal = Terminal::open(stage, &sandbox, guarded);
    play(&mut terminal);
    steady(&terminal.close().replace(&*sandbox.root().to_string_lossy(), "ROOT"))
}

/// Numbers of three digits and more are process ids, but for exit statuses, which are printed as `=130=`.
fn steady(text: &str) -> String {
    let mut out = String::new();
    // Which of its jobs a shell calls the current one depends on when it hears of an end.
    let text = text.replace("[1]-", "[1]+");
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let kept = digits.len() < 3 || out.ends_with('=');
        out.push_str(if kept { digits } else { "PID" });
        out.push_str(&part[digits.len()..]);
    }
    out
}
