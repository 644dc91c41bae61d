//! Sessions that the kernel judges by itself, end to end: what is refused, recorded and let go, and who may ask for what.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Outcome, Stage, ledgers, read, run};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    std::fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
    sandbox.hand_over();
    sandbox
}

fn mode(sandbox: &Sandbox) -> Mode {
    Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None }
}

fn sh(stage: &Stage, sandbox: &Sandbox, line: &str) -> Outcome {
    let mut command = stage.command(sandbox, &mode(sandbox), "sh".as_ref());
    command.args(["-c", line]);
    run(sandbox, command)
}

/// What is refused is in the ledger with all that is known of it, and what is the session's own goes.
#[test]
fn bpf_lsm_what_is_refused_is_recorded_and_what_is_its_own_goes() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let sandbox = sandbox(who);
        let zone = sandbox.root().join("zone");
        let outcome = sh(
            &stage,
            &sandbox,
            "rm zone/a; echo new > zone/b && rm zone/b && mv zone/a zone/c && mv zone/c . ; rm -f zone/none; exit 7",
        );
        assert_eq!(outcome.status.code(), Some(7), "as {who:?}: {}", outcome.stderr);
        assert_eq!(std::fs::read(zone.join("c")).expect("it is there"), b"old");
        let told: Vec<_> = outcome.denials.iter().map(|denial| (denial.op, denial.reason)).collect();
        assert_eq!(told, [(Op::Unlink, Reason::Removed), (Op::Rename, Reason::MovedOut)], "as {who:?}");
        let [first, second] = &outcome.denials[..] else { panic!("{:?}", outcome.denials) };
        assert_eq!((&first.path, &first.zone, &first.dest), (&zone.join("a"), &zone, &None));
        assert!(first.exe.ends_with("rm"), "{first:?}");
        assert_eq!(
            (first.argv.as_slice(), &first.cwd),
            (&["rm".to_owned(), "zone/a".into()][..], &sandbox.root())
        );
        assert_eq!((&second.path, second.dest.as_ref()), (&zone.join("c"), Some(&sandbox.root().join("c"))));
        let start = read(&ledgers(&sandbox)[0]).start().expect("a start").1.clone();
        assert_eq!((start.engine.as_str(), start.zones), ("bpf-lsm", vec![zone.display().to_string()]));
    }
}
