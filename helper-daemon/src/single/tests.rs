//! Root's helper against a simulated framework: real sockets, frames and records; a simulated kernel.

use super::house::House;
use super::listen::let_in;
use crate::protocol::{Channel, Event, Failure, PROTOCOL_VERSION, RefusalCode, Register, Request};
use crate::session::SessionId;
use endpoint_sec::macos::Scope;
use endpoint_sec::macos::simulated::{Action, Actor, Facts, Outcome, Simulation, System};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A Mac with a shell, and in it `wrap`, its helper, and a child that waits.
struct Mac {
    simulation: Simulation,
    house: Arc<House>,
    shell: Actor,
    wrap: Actor,
    agent: Actor,
    dir: tempfile::TempDir,
}

impl Mac {
    fn new() -> Self {
        let simulation = Simulation::new(System::MACOS_26);
        let shell = simulation.process("/bin/zsh");
        let house = Arc::new(House::new(&simulation.framework(), Scope::System).unwrap());
        let wrap = shell.fork();
        let agent = wrap.fork().fork();
        Self { simulation, house, shell, wrap, agent, dir: tempfile::tempdir().unwrap() }
    }

    /// A connection of this process's.
    fn connects(&self, who: &Actor) -> Channel {
        let (here, there) = UnixStream::pair().unwrap();
        self.simulation.visits(who);
        let_in(&self.house, there);
        Channel::new(here)
    }

    fn asks(&self, who: &Actor, question: &Request) -> Event {
        self.connects(who).ask(question, &[]).unwrap()
    }

    /// Registers a session of `/zone` on a connection of `wrap`'s.
    fn registers(&self, child: &Actor, changes: impl FnOnce(&mut Register)) -> (Channel, Event) {
        let mut register: Register = serde_json::from_value(serde_json::json!({
            "protocol": PROTOCOL_VERSION,
            "session": {"id": "20260102-030405-abcd", "argv": ["codex"], "cwd": "/", "version": "0"},
            "policy": {"zones": [{"path": "/zone"}], "overrides": [], "exempt_names": []},
            "canary": "/zone/kept",
            "control": "/elsewhere/free",
            "child": child.token().raw().val,
        }))
        .unwrap();
        changes(&mut register);
        let mut channel = self.connects(&self.wrap);
        let record = |name| {
            let path = self.dir.path().join(name);
            File::options().create(true).read(true).append(true).open(path).unwrap()
        };
        let files = [record("ledger"), record("denials"), record("index")];
        let data = File::open(self.dir.path()).unwrap();
        let fds = [files[0].as_fd(), files[1].as_fd(), files[2].as_fd(), data.as_fd()];
        let event = channel.ask(&Request::Register(Box::new(register)), &fds).unwrap();
        (channel, event)
    }

    fn ledger(&self) -> String {
        let mut text = String::new();
        File::open(self.dir.path().join("ledger")).unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

fn removes(actor: &Actor, path: &str) -> Outcome {
    let attempt = actor.attempts(&Action::unlink(Facts::file(path)));
    actor.deliver();
    let hang = Instant::now() + Duration::from_secs(60);
    while attempt.outcome() == Outcome::Waiting && Instant::now() < hang {
        std::thread::yield_now();
    }
    attempt.outcome()
}

fn name() -> SessionId {
    SessionId::parse("20260102-030405-abcd").unwrap()
}

fn refusal(event: Event) -> RefusalCode {
    match event {
        Event::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_is_proven_judged_granted_and_guarded_until_its_tree_is_empty() {
    let mac = Mac::new();
    let (mut channel, armed) = mac.registers(&mac.agent, |_| {});
    assert!(matches!(armed, Event::Armed { ref engine, .. } if engine == "endpoint-security"), "{armed:?}");
    assert_eq!(removes(&mac.agent, "/zone/kept"), Outcome::Denied);
    assert_eq!(removes(&mac.agent, "/elsewhere/free"), Outcome::Allowed);
    let Event::Proven { reason } = channel.ask(&Request::Proof, &[]).unwrap() else { panic!("no proof") };
    assert_eq!(reason.map(|reason| reason.word()), Some("removed"));
    assert_eq!(channel.ask::<Event>(&Request::Go, &[]).unwrap(), Event::Begun);

    assert_eq!(removes(&mac.agent, "/zone/a"), Outcome::Denied);
    assert_eq!(removes(&mac.shell, "/zone/a"), Outcome::Allowed);
    let grant = |path: &str| Request::Grant {
        session: name(),
        path: Path::new(path).to_owned(),
        expires_at: None,
        reason: None,
        op: None,
    };
    let Event::Where { session } = mac.asks(&mac.agent, &Request::Where) else { panic!("nowhere") };
    assert_eq!(session, Some(name()));
    assert_eq!(refusal(mac.asks(&mac.agent, &grant("/zone/a"))), RefusalCode::InsideATree);
    assert!(matches!(mac.asks(&mac.shell, &grant("/zone/a")), Event::Granted { .. }));
    assert_eq!(removes(&mac.agent, "/zone/a"), Outcome::Allowed);
    assert_eq!(removes(&mac.agent, "/zone/b"), Outcome::Denied);
    let Event::Sessions { sessions, .. } = mac.asks(&mac.shell, &Request::List) else { panic!("no list") };
    assert_eq!((sessions.len(), sessions[0].user), (1, 501));

    let Event::Settled { counts } = channel.ask(&Request::Settle, &[]).unwrap() else { panic!("unsettled") };
    assert_eq!(counts.denied, 2);
    channel.send(&Request::Close { status: Some(0) }, &[]).unwrap();
    drop(channel);
    let left = mac.agent.fork();
    mac.agent.clone().exit(0);
    assert_eq!(removes(&left, "/zone/c"), Outcome::Denied);
    left.exit(0);
    let hang = Instant::now() + Duration::from_secs(60);
    while !mac.ledger().contains("session_end") {
        assert!(Instant::now() < hang, "{}", mac.ledger());
        std::thread::yield_now();
    }
    let ledger = mac.ledger();
    assert_eq!(ledger.matches("\"type\":\"denial\"").count(), 3, "{ledger}");
}

#[test]
fn what_the_kernel_does_not_say_of_a_child_is_not_taken() {
    let mac = Mac::new();
    let refused = |(_, event): (Channel, Event)| match event {
        Event::Failed(Failure { detail, .. }) => detail,
        other => panic!("{other:?}"),
    };
    let stranger = mac.shell.fork();
    assert!(refused(mac.registers(&stranger, |_| {})).contains("was not started by"));
    let another = |register: &mut Register| {
        register.child = register.child.map(|mut val| {
            val[7] += 1;
            val
        })
    };
    assert!(refused(mac.registers(&mac.agent, another)).contains("has ended"));
    assert!(refused(mac.registers(&mac.agent, |register| register.child = None)).contains("is not named"));
    let old = |register: &mut Register| register.protocol = 0;
    assert!(refused(mac.registers(&mac.agent, old)).contains("speaks protocol 0"));
    let kept = |register: &mut Register| register.policy.replacers = vec!["patch".into()];
    assert!(refused(mac.registers(&mac.agent, kept)).contains("replacers"));
    // None of them has left anything behind.
    assert!(mac.house.all().is_empty());
    assert!(matches!(mac.registers(&mac.agent, |_| {}).1, Event::Armed { .. }));
}

#[test]
fn one_who_has_executed_another_program_since_it_connected_is_taken_to_be_inside() {
    let mac = Mac::new();
    let (_owner, _) = mac.registers(&mac.agent, |_| {});
    mac.simulation.visits(&mac.agent);
    let before = mac.agent.token();
    assert_eq!(mac.agent.exec("/bin/sh", &["sh"]), Outcome::Allowed);
    // Its connection is still that of the program before.
    assert!(!matches!(mac.house.session_of(before), Ok(None)));
    mac.shell.clone().exit(0);
    assert_eq!(mac.house.session_of(mac.agent.token()), Ok(Some(name())));
}
