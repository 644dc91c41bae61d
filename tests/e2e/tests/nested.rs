//! `es-guard wrap` inside `wrap`: with a system helper the outer session guards more, and never less; without, it is
//! refused and says why.
#![cfg(target_os = "linux")]

use e2e::guard::{denials, ledgers, read};
use e2e::play::Play;
use e2e::sandbox::everyone;
use helper_daemon::ledger::Record;
use serde_json::json;

#[test]
fn seccomp_inside_a_session_of_the_system_helper_that_one_guards_more() {
    for mut play in everyone().into_iter().filter_map(Play::new) {
        let beside = play.sandbox.root().join("beside");
        std::fs::create_dir(&beside).expect("a directory");
        let remade = || {
            for name in ["x", "y"] {
                std::fs::write(beside.join(name), "old").expect("a file");
            }
        };
        remade();
        play.sandbox.hand_over();
        assert_eq!(play.agent.does("rm beside/x beside/y"), 0, "it is in no zone yet");
        remade();
        play.sandbox.hand_over();
        let helper = play.helper();
        let wrap = format!("$STAGE/es-guard wrap --helper {helper} --zone beside --");
        let banner = play.agent.says(&format!("{wrap} true 2>&1"));
        assert!(banner.contains(&format!("inside session {}, which guards ", play.session())), "{banner}");
        // Whatever its zones hold, edits and what it makes itself pass as in any session.
        let inner = "echo more >> beside/x && echo 1 > beside/own && rm beside/own && mv beside/y beside/z";
        assert_eq!(play.agent.does(&format!("{wrap} sh -c '{inner}'")), 0);
        for line in ["rm beside/x", "mv beside/x .", "mv beside elsewhere", "rm zone/a", "mv zone/a beside"] {
            assert_eq!(play.agent.does(&format!("{wrap} {line}")), 1, "{line}");
        }
        // The status is the command's own, and so is the session that it knows.
        assert_eq!(play.agent.does(&format!("{wrap} sh -c 'exit 7'")), 7);
        assert_eq!(play.agent.does(&format!("{wrap} /nowhere")), 127);
        let known = play.agent.says(&format!("{wrap} sh -c 'echo $ES_GUARD_SESSION' 2>/dev/null"));
        assert_eq!(known, play.session());
        let door = play.agent.says("echo $ES_GUARD_DOOR");
        assert_eq!(play.agent.says(&format!("{wrap} sh -c 'echo $ES_GUARD_DOOR' 2>/dev/null")), door);
        assert_ne!(play.agent.does("rm beside/x"), 0, "it stays until the outer session ends");
        // A person outside lets things through there as in the outer zones.
        let question = e2e::asking::grant(&play.session(), &beside.join("x"));
        assert_eq!(e2e::asking::word(&play.desk.asks(0, &question)), "granted");
        assert_eq!(play.agent.does(&format!("{wrap} rm beside/x")), 0);
        let ledger = ledgers(&play.sandbox);
        assert_eq!(ledger.len(), 1, "there is one session");
        let narrowed = read(&ledger[0]).lines.into_iter().filter(|line| {
            matches!(&line.record, Record::Policy(change) if change.change == "narrowed"
                && change.detail.contains("/beside"))
        });
        assert!(narrowed.count() > 0);
        let told = play.desk.asks(0, &json!({"request": "list"}));
        assert!(told["sessions"][0]["zones"].to_string().contains("/beside\""), "{told}");
        assert!(play.agent.ends().0.success());
        assert_eq!(denials(&play.sandbox).len(), 6);
    }
}

#[test]
fn seccomp_without_a_system_helper_it_is_refused_with_the_reason() {
    for mut play in everyone().into_iter().filter_map(Play::embedded) {
        let line = "$STAGE/es-guard wrap --helper none --zone . -- touch ran 2>&1";
        let told = play.agent.says(line);
        assert!(told.contains("already runs under a seccomp listener"), "{told}");
        assert!(told.contains("Start the agent from outside it"), "{told}");
        assert_eq!(play.agent.does(line), 125);
        assert!(!play.sandbox.root().join("ran").exists());
        assert_eq!(ledgers(&play.sandbox).len(), 1, "no ledger of a session that never began");
        assert_ne!(play.agent.does("rm zone/a"), 0);
    }
}

/// Variables are the agent's own: whatever they point at, the session stays what it is.
#[test]
fn seccomp_no_variable_points_a_session_elsewhere() {
    for who in everyone() {
        let Some(mut play) = Play::new(who) else { return };
        let socket = play.desk.socket.to_string_lossy().into_owned();
        assert_eq!(play.agent.does("mkdir -p other/.codex && echo '{}' > other/.codex/es_policy.json"), 0);
        let elsewhere =
            "ES_GUARD_HOME=$PWD/other HOME=$PWD/other XDG_STATE_HOME=$PWD/other ES_GUARD_SESSION=x";
        for attack in [
            format!("{elsewhere} rm zone/a"),
            format!("env -i {elsewhere} rm zone/a"),
            format!("{elsewhere} $STAGE/es-guard wrap --helper {socket} --zone other -- rm zone/a"),
            format!("{elsewhere} $STAGE/es-guard wrap --helper none --zone other -- rm zone/a"),
            format!(
                "{elsewhere} $STAGE/es-guard override grant --helper {socket} --session {} zone/a",
                play.session()
            ),
        ] {
            assert_ne!(play.agent.does(&attack), 0, "as {who:?}: {attack}");
        }
        assert!(play.sandbox.root().join("zone/a").exists());
        assert!(play.agent.ends().0.success());
        // What was denied is in the session's own ledger, not in one of the agent's choice.
        assert_eq!(denials(&play.sandbox).len(), 3);
        assert!(!play.sandbox.root().join("other/sessions").exists());
    }
}
