//! When a call has returned, nobody but the caller has open what it gave: the program executes, locks, leases
//! and unmounts at once, as bare.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Stage, run};
use e2e::require::{self, Pace, pace};
use e2e::sandbox::{Sandbox, everyone};

fn every_try_holds(what: &str, tries: u32) {
    let tries = match pace() {
        Pace::Long => tries * 20,
        Pace::Normal => tries,
        Pace::Slow => tries / 5,
    };
    let stages = Stage::of_every_helper();
    for (stage, who) in stages.iter().flat_map(|stage| everyone().into_iter().map(move |who| (stage, who))) {
        let sandbox = Sandbox::new(who);
        sandbox.hand_over();
        let zones =
            [vec![sandbox.root()], vec![sandbox.home()]].map(|zones| Mode::Guarded { zones, policy: None });
        for mode in [Mode::Bare].into_iter().chain(zones) {
            let mut command = stage.command(&sandbox, &mode, "sh".as_ref());
            command.args(["-c", &format!("$STAGE/let_go {what} . {tries}")]);
            let outcome = run(&sandbox, command);
            if mode == Mode::Bare && outcome.stdout.starts_with("try 0: ") {
                require::skip(what, &outcome.stdout);
                return;
            }
            assert_eq!(outcome.stdout, format!("done {tries}\n"), "{who:?}, {mode:?}: {}", outcome.stderr);
        }
    }
}

#[test]
fn seccomp_a_file_is_closed_when_the_caller_has_closed_it() {
    every_try_holds("lease", 1_000);
}

#[test]
fn seccomp_a_file_system_is_free_when_the_caller_has_left_it() {
    every_try_holds("umount", 100);
}
