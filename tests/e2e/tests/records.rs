//! What must be in the ledger, and when.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Stage, ledgers, read};
use e2e::sandbox::{Sandbox, everyone};

/// The summary that `wrap` prints, and whoever reads the ledger after it, must not miss the last denial.
#[test]
fn seccomp_the_last_denial_is_recorded_before_wrap_returns() {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let mut missed = 0;
        for _ in 0..30 {
            let sandbox = Sandbox::new(who);
            std::fs::write(sandbox.root().join("a"), "old").expect("a file");
            std::fs::write(sandbox.beside("steps"), "unlink a\n").expect("a step");
            sandbox.hand_over();
            let mode = Mode::Guarded { zones: vec![sandbox.root()], policy: None };
            let mut command = stage.command(&sandbox, &mode, &stage.program("driver"));
            let output = command.arg(sandbox.beside("steps")).output().expect("a run");
            assert_eq!(String::from_utf8_lossy(&output.stdout), "0 -1\n");
            missed += usize::from(ledgers(&sandbox).iter().all(|ledger| read(ledger).denials().count() == 0));
        }
        assert_eq!(missed, 0, "as {who:?}: missing in {missed} of 30 ledgers when wrap returned");
    }
}
