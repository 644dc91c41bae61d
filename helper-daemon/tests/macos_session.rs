//! The embedded helper of macOS, from its registration to the end of the tree, against a simulated framework: enrolled,
//! proven, refused, granted at the door, recorded. What is real: the protocol, the door, the records, and a child that
//! is waited for. What is simulated: the kernel that asks, and who somebody is.
#![forbid(unsafe_code)]

use endpoint_sec::macos::simulated::{Action, Actor, Facts, Outcome, Simulation, System};
use endpoint_sec::macos::{AuditToken, Framework};
use helper_daemon::embedded::macos::life;
use helper_daemon::embedded::macos::nursery::{Infant, Nursery};
use helper_daemon::embedded::{Door, Judge, connect};
use helper_daemon::ledger::{Contents, Record, read};
use helper_daemon::protocol::{
    Channel, Event, ExitStatus, Failure, PROTOCOL_VERSION, RefusalCode, Register, Request,
};
use helper_daemon::session::SessionId;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The agent's process stands in the simulated machine; a real one, which does nothing, is waited for in its place.
struct Simulated {
    simulation: Simulation,
    wrap: Actor,
    agent: Actor,
    placeholder: Mutex<Child>,
}

struct Waits {
    pid: Pid,
    agent: Actor,
    socket: UnixStream,
    files: [PathBuf; 2],
}

impl Nursery for Simulated {
    fn framework(&self) -> Result<Framework, Failure> {
        Ok(self.simulation.framework())
    }

    fn wrap(&self, _: &Framework) -> Option<AuditToken> {
        Some(self.wrap.token())
    }

    fn begin(&self, _: &Framework, socket: UnixStream, of: &Register) -> Result<Box<dyn Infant>, Failure> {
        let pid = Pid::from_raw(self.placeholder.lock().unwrap().id() as i32);
        let files = [of.canary.clone(), of.control.clone()];
        Ok(Box::new(Waits { pid, agent: self.agent.clone(), socket, files }))
    }

    fn step_back(&self, _: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        Ok(())
    }
}

impl Infant for Waits {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn token(&self) -> AuditToken {
        self.agent.token()
    }

    /// Does what `es-guard armed-child` does, in words of three numbers.
    fn go_on(self: Box<Self>) -> Result<(), Errno> {
        std::thread::spawn(move || {
            let mut socket = self.socket;
            assert_eq!(hear(&mut socket), 3, "prove");
            let tried = self.files.each_ref().map(|file| match does(&self.agent, &remove(file)) {
                Outcome::Allowed => 0,
                _ => Errno::EPERM as i32,
            });
            let words = [4, tried[0], tried[1]].map(i32::to_ne_bytes).concat();
            socket.write_all(&words).unwrap();
            assert_eq!(hear(&mut socket), 5, "execute");
            assert_eq!(self.agent.exec("/usr/local/bin/codex", &["codex"]), Outcome::Allowed);
        });
        Ok(())
    }
}

fn hear(socket: &mut UnixStream) -> i32 {
    let mut word = [0; 12];
    socket.read_exact(&mut word).unwrap();
    i32::from_ne_bytes(word[..4].try_into().unwrap())
}

fn remove(path: &Path) -> Action {
    Action::unlink(Facts::file(path))
}

/// Does something, and waits until it is answered.
fn does(actor: &Actor, action: &Action) -> Outcome {
    let attempt = actor.attempts(action);
    actor.deliver();
    let hang = Instant::now() + Duration::from_secs(60);
    while attempt.outcome() == Outcome::Waiting && Instant::now() < hang {
        std::thread::yield_now();
    }
    attempt.outcome()
}

fn file(path: &Path) -> File {
    OpenOptions::new().create(true).read(true).append(true).open(path).unwrap()
}

fn ask(door: &Path, question: &Request) -> Event {
    Channel::new(connect(door).unwrap()).ask(question, &[]).unwrap()
}

fn ledger(path: &Path) -> Contents {
    read(BufReader::new(File::open(path).unwrap())).unwrap()
}

#[test]
fn a_session_from_its_registration_to_the_end_of_its_tree() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (zone, state) = (path("zone"), path("state"));
    for folder in [&zone, &state] {
        std::fs::create_dir(folder).unwrap();
    }
    let kept = zone.join("a");
    std::fs::write(&kept, "").unwrap();
    let simulation = Simulation::new(System::MACOS_27);
    let cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let (agent, person) = (simulation.caller().fork_as(cat.id()), simulation.process("/bin/zsh"));
    let started_by = simulation.process("/usr/local/bin/es-guard");
    let nursery = Arc::new(Simulated {
        simulation: simulation.clone(),
        wrap: started_by.clone(),
        agent: agent.clone(),
        placeholder: Mutex::new(cat),
    });

    let (here, there) = UnixStream::pair().unwrap();
    let hangs_up = here.try_clone().unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(60));
        // The test has ended, or hears no more.
        let _ = hangs_up.shutdown(Shutdown::Both);
    });
    let door = Door::make(&path("x.sock")).unwrap();
    let mut wrap = Channel::new(here);
    // In no scope, which would wait for it for ever where this thread panics.
    let helper = std::thread::spawn({
        let nursery = nursery.clone();
        move || life::run(Channel::new(there), &*nursery, Judge::Here(Some(door)))
    });
    let policy = serde_json::json!({
        "zones": [{"path": zone}, {"path": state, "internal": true}],
        "overrides": [{"path": state.join("free")}],
        "exempt_names": [],
    });
    let register: Register = serde_json::from_value(serde_json::json!({
        "protocol": PROTOCOL_VERSION,
        "session": {"id": "20260102-030405-abcd", "argv": ["codex"], "cwd": "/", "version": "0"},
        "policy": policy,
        "canary": state.join("kept"),
        "control": state.join("free"),
    }))
    .unwrap();
    let session = register.session.id.clone();
    let records = ["ledger", "denials", "index"].map(|name| file(&path(name)));
    let data = File::open(dir.path()).unwrap();
    let fds = [records[0].as_fd(), records[1].as_fd(), records[2].as_fd(), data.as_fd()];
    wrap.send(&Request::Register(Box::new(register)), &fds).unwrap();
    let (armed, _) = wrap.receive::<Event>().unwrap();
    let Event::Armed { engine, .. } = armed else { panic!("{armed:?}") };
    assert_eq!(engine, "endpoint-security");
    wrap.send(&Request::Go, &[]).unwrap();

    in_the_session(&simulation, &agent, &person, &path("x.sock"), &session, &kept);
    for guarding in [&started_by, &simulation.caller()] {
        assert_eq!(agent.signals(guarding, 9), Outcome::Denied);
    }
    assert_eq!(agent.signals(&person, 9), Outcome::Allowed);

    // What the agent leaves behind is guarded, and the session lives as long. The kernel tells of it later than of the
    // agent's end.
    drop(nursery.placeholder.lock().unwrap().stdin.take());
    std::thread::sleep(Duration::from_millis(100));
    let child = agent.fork();
    agent.exit(0);
    let (exited, _) = wrap.receive::<Event>().unwrap();
    let Event::Exited { status, counts, left } = exited else { panic!("{exited:?}") };
    assert_eq!((status, left), (ExitStatus::Code(0), 1));
    // A removal and two signals; the proof's is none of the session's.
    assert_eq!(counts.denied, 3);
    assert_eq!(does(&child, &remove(&zone)), Outcome::Denied);
    child.exit(0);
    assert_eq!(helper.join().unwrap(), 0);

    let contents = ledger(&path("ledger"));
    let kinds: Vec<_> = contents.lines.iter().map(|line| &line.record).collect();
    assert!(matches!(kinds[0], Record::SessionStart(_)), "{kinds:?}");
    assert!(matches!(kinds.last(), Some(Record::SessionEnd(end)) if end.counts.denied == 4), "{kinds:?}");
    let denied = kinds.iter().filter(|record| matches!(record, Record::Denial(_))).count();
    assert_eq!(denied, 4);
    assert!(!path("x.sock").exists());
    assert_eq!(simulation.faults(), []);
    // Who answers at the door holds the engine until the process ends.
    assert_eq!(simulation.clients(), 1);
}

/// The agent is refused something, may not let it through, and a person may.
fn in_the_session(
    simulation: &Simulation,
    agent: &Actor,
    person: &Actor,
    door: &Path,
    session: &SessionId,
    kept: &Path,
) {
    let begun = Instant::now();
    // It has executed its program once it is another one.
    let mut told = simulation.framework().executable(agent.token());
    while told != Some("/usr/local/bin/codex".into()) && begun.elapsed() < Duration::from_secs(60) {
        std::thread::yield_now();
        told = simulation.framework().executable(agent.token());
    }
    assert_eq!(does(agent, &remove(kept)), Outcome::Denied);
    assert_eq!(does(person, &remove(kept)), Outcome::Allowed);

    let grant = Request::Grant {
        session: session.clone(),
        path: kept.to_owned(),
        expires_at: None,
        reason: None,
        op: None,
    };
    let me = nix::unistd::geteuid().as_raw();
    simulation.visits_as(agent, me);
    assert_eq!(ask(door, &Request::Where), Event::Where { session: Some(session.clone()) });
    let Event::Refused(refusal) = ask(door, &grant) else { panic!("an agent granted itself something") };
    assert_eq!(refusal.code, RefusalCode::InsideATree);

    simulation.visits_as(person, me);
    assert_eq!(ask(door, &Request::Where), Event::Where { session: None });
    let Event::Denials { denials, .. } =
        ask(door, &Request::Denials { session: session.clone(), since: None, reader: None })
    else {
        panic!("no denials")
    };
    assert_eq!(denials.len(), 1);
    assert!(matches!(ask(door, &grant), Event::Granted { .. }));
    assert_eq!(does(agent, &remove(kept)), Outcome::Allowed);
}
