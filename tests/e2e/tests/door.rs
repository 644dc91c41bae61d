//! Who may say what at the door of a session that has a helper of its own: the table of docs/authority.md, as for
//! the system's helper. An agent there is of the person's own user: only the kernel's word tells them apart.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::asking::{Desk, grant, of_owners, request, word};
use e2e::guard::{Stage, eventually};
use e2e::play::{Play, mode, sandbox};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{USER, everyone, is_root};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;

const IN: &str = "inside_a_tree";
/// There is no such request: it may answer those that there are.
const MAY: &str = "no_such_request";
const ALL: [&str; 7] = ["seen", "overrides", "granted", "revoked", "narrowed", "request", MAY];
const INSIDE: [&str; 7] = ["seen", "overrides", IN, IN, "narrowed", "request", IN];
const CON: &str = "confined";
const CONFINED: [&str; 7] = ["seen", "overrides", CON, CON, CON, CON, CON];

fn uid(who: Who) -> u32 {
    if who == Who::Root { 0 } else { USER }
}

#[test]
fn seccomp_the_same_user_and_root_outside_may_everything() {
    for who in everyone() {
        let Some(mut play) = Play::embedded(who) else { return };
        assert_eq!(play.cells_of(uid(who)), ALL, "{who:?}");
        if is_root() {
            assert_eq!(play.cells_of(0), ALL, "{who:?}");
        }
        assert!(!play.removes("b"), "it was revoked");
        assert!(!play.removes("a"));
    }
}

#[test]
fn seccomp_a_process_inside_the_tree_sees_and_asks_and_grants_nothing() {
    for who in everyone() {
        let Some(mut play) = Play::embedded(who) else { return };
        assert_eq!(play.cells_inside("@"), INSIDE, "{who:?}");
        assert!(!play.removes("b"));
    }
}

#[test]
fn seccomp_a_daemon_of_the_tree_is_inside_it() {
    let Some(mut play) = Play::embedded(Who::User) else { return };
    let (session, path, desk) = (play.session(), play.path("b"), play.desk.clone());
    // Forked twice, in a session of its own: when it asks, whoever forked it is gone.
    let by = "sh -c 'setsid sh daemon &' >/dev/null; rm -f out; touch go; \
              until [ -e out ]; do sleep 0.01; done; rm go; cat out";
    for (question, expected) in [(grant(&session, &path), IN), (request(&session, &path), "request")] {
        let asks = desk.line(&question);
        let text = format!("until [ -e go ]; do sleep 0.01; done\n{asks} > new; mv new out\n");
        std::fs::write(play.sandbox.root().join("daemon"), text).expect("a script");
        let answer: Value = serde_json::from_str(&play.agent.says(by)).expect("an answer");
        assert_eq!(word(&answer), expected);
    }
    assert!(!play.removes("b"));
}

#[test]
fn seccomp_a_process_that_has_made_itself_namespaces_is_inside() {
    for who in everyone() {
        let Some(mut play) = Play::embedded(who) else { return };
        if play.agent.does("unshare -Ur true") != 0 {
            return require::skip("userns", "an ordinary user can't make user namespaces here");
        }
        let ways =
            ["unshare -Ur @", "unshare -Urpf @", "unshare -Urpf --mount-proc @", "unshare -Urpf setsid -w @"];
        for by in ways {
            assert_eq!(play.cells_inside(by), INSIDE, "{by}");
        }
        assert!(!play.removes("b"));
    }
}

#[test]
fn seccomp_the_death_of_wrap_makes_nobody_an_outsider() {
    let Some(mut play) = Play::embedded(Who::User) else { return };
    let question = grant(&play.session(), &play.path("a"));
    let wrap = play.agent.pid();
    play.agent.does(&format!("kill -9 {wrap}"));
    let desk = play.desk.clone();
    assert_eq!(word(&desk.agent_asks(&mut play.agent, "@", &question)), IN);
    assert!(!play.removes("a"));
    // The person has not lost anything by it.
    assert_eq!(word(&desk.asks(USER, &question)), "granted");
    assert!(play.removes("a"));
}

#[test]
fn seccomp_a_process_of_another_tree_is_confined() {
    let Some(play) = Play::embedded(Who::User) else { return };
    let there = sandbox(Who::User);
    let mut other = Agent::start(play.stage.command(&there, &mode(&there), "sh".as_ref()));
    assert_eq!(play.cells_of_agent(&mut other, "@"), CONFINED);
    other.ends();
}

#[test]
fn seccomp_another_user_does_not_come_to_the_door() {
    if !is_root() {
        return require::skip("root", "only root can be another user");
    }
    for (who, other) in [(Who::User, 1001), (Who::Root, USER)] {
        let Some(play) = Play::embedded(who) else { return };
        assert!(!play.desk.admits(other), "{who:?}");
        let found = play.desk.socket.metadata().expect("a door");
        assert!(found.file_type().is_socket());
        assert_eq!((found.mode() & 0o777, found.uid()), (0o600, uid(who)));
    }
}

#[test]
fn seccomp_an_owners_requests_are_wraps_alone() {
    let Some(mut play) = Play::embedded(Who::User) else { return };
    let desk = play.desk.clone();
    for question in of_owners() {
        assert_eq!(word(&desk.asks(USER, &question)), "not_the_owner", "{question}");
        assert_eq!(word(&desk.agent_asks(&mut play.agent, "@", &question)), "not_the_owner", "{question}");
    }
    let unknown = grant("20000101-000000-0000", &play.path("a"));
    assert_eq!(word(&desk.asks(USER, &unknown)), "no_such_session");
    assert!(!play.removes("a"), "the session is as it was");
}

#[test]
fn seccomp_the_door_is_the_sessions_and_goes_with_it() {
    let Some(mut play) = Play::embedded(Who::User) else { return };
    let door = play.desk.socket.clone();
    // A door that it made itself could speak to the person in the helper's place.
    let another = "echo bind_socket $ES_GUARD_HOME/doors/x.sock | $STAGE/driver - | grep -q ' 0$'";
    for line in ["rm -f $ES_GUARD_DOOR", "mv $ES_GUARD_DOOR x", "touch $ES_GUARD_HOME/doors/x", another] {
        assert_ne!(play.agent.does(line), 0, "{line}");
    }
    assert!(door.exists());
    play.agent.ends();
    eventually("the door is gone", || !door.exists());
}

#[test]
fn seccomp_a_door_that_was_left_behind_is_known_as_such() {
    let Some(mut play) = Play::embedded(Who::User) else { return };
    let door = play.desk.socket.clone();
    let helper: i32 = play.agent.says("echo $PPID").parse().expect("a number");
    // wrap first, which would tidy up.
    for pid in [play.agent.pid() as i32, helper] {
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("a process");
    }
    eventually("nobody answers", || UnixStream::connect(&door).is_err());
    let listed = play.person(&["override", "list"]);
    assert_eq!(listed.status.code(), Some(1));
    let told = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(told.contains("there is none of yours"), "{told}");
    let Play { agent, sandbox, stage, .. } = play;
    agent.ends();
    assert!(door.exists());
    // The next session tidies up.
    let run = stage.command(&sandbox, &mode(&sandbox), "true".as_ref()).output().expect("an end");
    assert!(run.status.success() && !door.exists(), "{run:?}");
}

/// What is typed into a socket by hand, or not typed at all, holds nobody up.
#[test]
fn seccomp_whoever_is_slow_or_talks_nonsense_holds_nobody_up() {
    let Some(mut play) = Play::embedded(Who::User) else { return };
    let question = e2e::asking::overrides(&play.session());
    let (desk, door) = (play.desk.clone(), play.desk.socket.clone());
    let connect = || UnixStream::connect(&door).expect("a connection");
    let mut held: Vec<UnixStream> = (0..24).map(|_| connect()).collect();
    for (nth, stream) in held.iter_mut().enumerate() {
        let bytes: &[u8] = [b"\0\0\0\x20{".as_slice(), b"\xff\xff\xff\xff", b"\0\0\0\x02{]", b""][nth % 4];
        // One that was turned away already takes nothing.
        let _ = stream.write_all(bytes);
    }
    assert_eq!(word(&desk.asks(USER, &question)), "overrides");
    // An agent that takes up all the room there is for it leaves a person room.
    let holds = "for n in $(seq 80); do $STAGE/ask $ES_GUARD_DOOR --hand sleep 60 & done";
    play.agent.does(holds);
    eventually("it holds what it gets", || word(&desk.asks(USER, &question)) == "overrides");
    assert_eq!(word(&desk.asks(USER, &grant(&play.session(), &play.path("a")))), "granted");
    assert!(play.removes("a"));
    play.agent.does("kill $(jobs -p)");
}

#[test]
fn seccomp_a_state_folder_with_a_long_path_has_a_door_as_well() {
    let Some(stage) = Stage::with_engine() else { return };
    let there = sandbox(Who::User);
    let state = there.beside("state").join("x".repeat(120));
    let mut wrap = stage.command(&there, &mode(&there), "sh".as_ref());
    let mut agent = Agent::start({
        wrap.env("ES_GUARD_HOME", &state);
        wrap
    });
    assert!(agent.says("echo $ES_GUARD_DOOR").len() > 107);
    assert_eq!(agent.does("$STAGE/es-guard request zone/a --reason long --helper none"), 3);
    agent.ends();
    assert!(!std::fs::read_dir(state.join("doors")).expect("a folder").any(|_| true));
}

#[test]
fn seccomp_the_variables_only_say_where_to_ask() {
    let Some(mut play) = Play::embedded(Who::User) else { return };
    let there = sandbox(Who::User);
    let mut other = Agent::start(play.stage.command(&there, &mode(&there), "sh".as_ref()));
    let other_door = other.says("echo $ES_GUARD_DOOR $ES_GUARD_SESSION");
    let (door, name) = other_door.split_once(' ').expect("two words");
    let own = play.session();
    // Without them, with another session's, and with nonsense: it is the session that it is inside.
    let list = play.agents_words("override list --json");
    for env in [
        "env -u ES_GUARD_SESSION -u ES_GUARD_DOOR".to_owned(),
        format!("env ES_GUARD_SESSION={name} ES_GUARD_DOOR={door}"),
        "env ES_GUARD_SESSION=x ES_GUARD_DOOR=/nowhere".to_owned(),
    ] {
        let told: Value = serde_json::from_str(&play.agent.says(&format!("{env} {list}"))).expect("JSON");
        assert_eq!(told["session"], own.as_str(), "{env}");
    }
    // And nobody is inside by saying so.
    let desk = Desk::at_door(&play.stage, door.into());
    assert_eq!(desk.asks(USER, &serde_json::json!({"request": "where"}))["session"], Value::Null);
    other.ends();
}
