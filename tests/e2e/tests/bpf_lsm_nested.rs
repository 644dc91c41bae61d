//! `es-guard wrap` inside a session that the kernel judges, alone or below seccomp: the outer session guards more from then
//! on, and never less.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Stage, denials, ledgers, read};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use helper_daemon::ledger::Record;
use helper_daemon::policy::judge::Reason;

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    for folder in ["zone", "beside", "third"] {
        std::fs::create_dir(sandbox.root().join(folder)).expect("a folder");
        for name in ["a", "b", "c"] {
            std::fs::write(sandbox.root().join(folder).join(name), "old").expect("a file");
        }
    }
    sandbox.hand_over();
    sandbox
}

/// A session of that engine, and a command line that starts another inside it.
fn session(stage: &mut Stage, sandbox: &Sandbox, engine: &str) -> (Agent, impl Fn(&str) -> String) {
    let mut wrap = stage.guard(sandbox, &["wrap", "--engine", engine, "--zone", "zone"]);
    wrap.args(["--", "sh"]);
    let mut agent = Agent::start(wrap);
    assert_eq!(agent.does("true"), 0);
    let helper = stage.system_helper().expect("a helper").socket.clone();
    let guard = stage.program("es-guard");
    let inner =
        move |options: &str| format!("{} wrap --helper {} {options} --", guard.display(), helper.display());
    (agent, inner)
}

#[test]
fn bpf_lsm_a_session_inside_makes_the_outer_one_guard_more() {
    let Some(mut stage) = Stage::with_bpf_lsm() else { return };
    for (engine, who) in
        everyone().into_iter().flat_map(|who| ["bpf-lsm", "auto"].map(|engine| (engine, who)))
    {
        let sandbox = sandbox(who);
        let (mut agent, wrap) = session(&mut stage, &sandbox, engine);
        assert_eq!(agent.does("rm beside/c"), 0, "it is in no zone yet");
        let inner = wrap("--zone beside");
        let banner = agent.says(&format!("{inner} true 2>&1"));
        assert!(banner.contains("inside session"), "{engine} as {who:?}: {banner}");
        let denied = [
            ("rm beside/a", Reason::Removed),
            ("mv beside/a .", Reason::MovedOut),
            ("mv beside elsewhere", Reason::ZoneMoved),
            ("rm zone/a", Reason::Removed),
            // What is a zone to the one is no place to move to from the other's.
            ("mv zone/a beside/z", Reason::MovedOut),
            ("mv beside/a zone/z", Reason::MovedOut),
        ];
        for (line, _) in &denied {
            assert_eq!(agent.does(&format!("{inner} {line}")), 1, "{engine} as {who:?}: {line}");
        }
        let passes = "echo more >> beside/a && echo 1 > beside/own && rm beside/own && mv beside/b beside/d && \
                      echo 1 > zone/own && rm zone/own";
        assert_eq!(agent.does(&format!("{inner} sh -c '{passes}'")), 0, "{engine} as {who:?}");
        // It stays until the outer session ends, and for all that is in it.
        assert_ne!(agent.does("rm beside/a"), 0);
        // A third beside both.
        assert_eq!(agent.does(&format!("{} true", wrap("--zone third"))), 0);
        for line in ["rm third/a", "rm beside/a", "rm zone/a", "mv beside/a third/z"] {
            assert_ne!(agent.does(line), 0, "{engine} as {who:?}: {line}");
        }
        let (status, stderr) = agent.ends();
        assert!(status.success(), "{stderr}");
        let told: Vec<_> = denials(&sandbox).iter().map(|denial| denial.reason).collect();
        let expected = denied.map(|(_, reason)| reason);
        assert_eq!(told[..6], expected, "{engine} as {who:?}");
        assert_eq!(
            told[6..],
            [Reason::Removed, Reason::Removed, Reason::Removed, Reason::Removed, Reason::MovedOut]
        );
        let ledger = ledgers(&sandbox);
        assert_eq!(ledger.len(), 1, "there is one session");
        let narrowed =
            |record: &Record| matches!(record, Record::Policy(change) if change.change == "narrowed");
        assert_eq!(
            read(&ledger[0]).lines.iter().filter(|line| narrowed(&line.record)).count(),
            9,
            "each of them"
        );
    }
}

/// What a policy of the inner one lets through is let through by that one alone.
#[test]
fn bpf_lsm_a_policy_of_a_session_inside_opens_nothing_of_the_outer_one() {
    let Some(mut stage) = Stage::with_bpf_lsm() else { return };
    for engine in ["bpf-lsm", "auto"] {
        let sandbox = sandbox(Who::User);
        let path = |name: &str| sandbox.root().join(name);
        let policy = serde_json::json!({
            "protected_zones": [path("zone"), path("beside")],
            "temporary_overrides": [path("zone/a"), path("zone"), path("beside/a")],
            "exempt_names": ["b", "zone"],
        });
        let file = sandbox.beside("inner.json");
        std::fs::write(&file, policy.to_string()).expect("a policy");
        sandbox.hand_over();
        let (mut agent, wrap) = session(&mut stage, &sandbox, engine);
        let inner = wrap(&format!("--policy {}", file.display()));
        for line in ["rm zone/a", "rm zone/b", "mv zone elsewhere", "rm beside/c"] {
            assert_eq!(agent.does(&format!("{inner} {line}")), 1, "{engine}: {line}");
        }
        for line in ["rm beside/a", "rm beside/b"] {
            assert_eq!(agent.does(&format!("{inner} {line}")), 0, "{engine}: {line}");
        }
        assert!(agent.ends().0.success());
        assert_eq!(denials(&sandbox).len(), 4);
    }
}
