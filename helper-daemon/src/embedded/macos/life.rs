//! The embedded helper's life on macOS: connect, have the child start suspended, enrol it, prove, guard, end with the
//! tree.

use super::nursery::{Infant, Nursery};
use crate::desk::counter::Counter;
use crate::desk::enrolled::Enrolled;
use crate::embedded::proof::prove;
use crate::embedded::registration::{described, not_executed, registration};
use crate::embedded::stops::Stops;
use crate::embedded::watch::{Rest, Session, live};
use crate::embedded::words::{self, Word};
use crate::embedded::{Door, Judge, porter};
use crate::engine::endpoint_security::{Alarm, Engine, Incident, supports};
use crate::guard::endpoint_security::Enrol;
use crate::guard::{Child, Guard, Local, Records, Remote, failed};
use crate::protocol::{Channel, Description, Event, Failure, FailureKind, Register, Request};
use crate::session::SessionId;
use endpoint_sec::macos::{Framework, Scope};
use endpoint_sec::unix::held::Held;
use endpoint_sec::unix::wait::{Change, Waiting, next_change};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel as signal};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// Runs the helper. Returns its exit status, which nobody reads.
pub fn run(channel: Channel, nursery: &dyn Nursery, judge: Judge) -> i32 {
    live(channel, judge, |channel, judge, door| begin(channel, nursery, judge, door))
}

fn begin(
    channel: &mut Channel,
    nursery: &dyn Nursery,
    judge: Judge,
    door: Option<&Arc<Door>>,
) -> Result<Session, Failure> {
    let (register, records) = registration(channel)?;
    let framework = nursery.framework()?;
    let embedded = match &judge {
        // Connected before there is a child: what it needs and has not stops everything here.
        Judge::Here(_) => {
            let (engine, heard) = connect(&framework, &register)?;
            // To this process itself the engine lets through no signal of the tree's; neither to whom it works for.
            nursery.wrap(&framework).into_iter().for_each(|wrap| engine.protect(wrap));
            Some((engine, heard))
        }
        Judge::System(_) => None,
    };
    let (here, there) = UnixStream::pair().map_err(failed)?;
    let infant = nursery.begin(&framework, there, &register)?;
    let mut keep = vec![channel.as_fd(), here.as_fd()];
    keep.extend(records.fds());
    keep.extend(door.iter().flat_map(|door| door.fds()));
    if let Judge::System(system) = &judge {
        keep.push(system.as_fd());
    }
    nursery.step_back(&keep).map_err(failed)?;
    drop(keep);
    let agent = infant.pid();
    let (guard, rest, asked): (Arc<dyn Guard>, Box<dyn Rest>, _) = match (judge, embedded) {
        (Judge::System(system), _) => {
            (Arc::new(Remote::new(system, register, records)), Box::new(Elsewhere), None)
        }
        (Judge::Here(_), None) => return Err(failed("there is no engine")),
        (Judge::Here(_), Some((engine, heard))) => {
            let (local, rest, asked) = here_judged(&framework, engine, &heard, register, records, agent);
            (local, rest, Some(asked))
        }
    };
    let done = arm(channel, &here, &*guard, infant).and_then(|(stops, name)| {
        if let (Some(door), Some((local, trees, description))) = (door, asked) {
            let counter = Counter::new(local, Description { engine: name, ..description });
            porter::open(door.clone(), counter, || Some(trees)).map_err(failed)?;
        }
        Ok(Session { agent, stops: Arc::new(stops), guard, rest })
    });
    if done.is_err() {
        // It was not waited for, so this is nobody else's number.
        let _ = kill(agent, Signal::SIGKILL);
    }
    done
}

/// A client of descendants, and what its alarms go to.
fn connect(framework: &Framework, register: &Register) -> Result<(Arc<Engine>, Arc<Heard>), Failure> {
    let no_engine = |detail: String| Failure { kind: FailureKind::Engine, detail };
    supports(&register.policy).map_err(|error| no_engine(format!("failed to {error}")))?;
    let heard = Arc::new(Heard::default());
    let engine = Engine::start(framework, Scope::Descendants, heard.clone())
        .map_err(|error| no_engine(error.to_string()))?;
    if !engine.guarantees().fails_closed {
        return Err(no_engine("macOS does not promise to refuse what is not answered in time".to_owned()));
    }
    Ok((Arc::new(engine), heard))
}

/// What is needed to answer at the door.
type AtDoor = (Arc<Local>, Enrolled, Description);

fn here_judged(
    framework: &Framework,
    engine: Arc<Engine>,
    heard: &Heard,
    register: Register,
    records: Records,
    agent: Pid,
) -> (Arc<Local>, Box<dyn Rest>, AtDoor) {
    let session = register.session.id.clone();
    let description = described(&register, agent);
    let (ended, over) = signal();
    let enrol = Enrol {
        engine: engine.clone(),
        // Nobody listens once this process ends.
        ended: Box::new(move || {
            let _ = ended.send(());
        }),
    };
    let local = Arc::new(Local::new(register, records, enrol));
    let _ = heard.guard.set(Arc::downgrade(&local));
    let trees = Enrolled { framework: framework.clone(), engine: engine.clone(), session: session.clone() };
    let rest = Left { engine, agent, session, over: Mutex::new(over) };
    (local.clone(), Box::new(rest), (local, trees, description))
}

fn arm(
    channel: &mut Channel,
    child: &UnixStream,
    guard: &dyn Guard,
    infant: Box<dyn Infant>,
) -> Result<(Stops, String), Failure> {
    let agent = infant.pid();
    let engine = guard.arm(Child::Suspended(infant.token()))?;
    let held = Held::open(agent).map_err(failed)?;
    infant.go_on().map_err(failed)?;
    prove(child, agent, guard)?;
    let wrap = Held::open(nix::unistd::getppid()).ok();
    let event = Event::Armed { pid: agent.as_raw(), engine: engine.clone() };
    channel.send(&event, &[]).map_err(failed)?;
    let Ok((Request::Go, _)) = channel.receive::<Request>() else { return Err(failed("wrap has gone")) };
    guard.begin(agent.as_raw())?;
    forget_stops(agent)?;
    words::say(child, Word::Execute, None).map_err(failed)?;
    match words::hear_executed(child, agent) {
        // The socket closed on exec.
        None => Ok((Stops::new(agent, held, wrap), engine)),
        Some(Word::NotExecuted(errno)) => Err(not_executed(guard, Errno::from_raw(errno))),
        Some(_) => Err(failed("the child spoke out of turn")),
    }
}

/// That it was suspended, and went on, is no stop of the agent's.
fn forget_stops(agent: Pid) -> Result<(), Failure> {
    while let Some((_, change)) = next_change(Some(agent), Waiting::Not).map_err(failed)? {
        if matches!(change, Change::Exited(_) | Change::Killed(_)) {
            return Err(failed("the child has died"));
        }
    }
    Ok(())
}

/// What the engine itself has to say goes into the ledger.
#[derive(Default)]
struct Heard {
    guard: OnceLock<Weak<Local>>,
}

impl Alarm for Heard {
    fn raise(&self, _: &[SessionId], what: Incident) {
        if let Some(guard) = self.guard.get().and_then(Weak::upgrade) {
            guard.incident(what.to_string());
        }
    }
}

/// What the engine knows to be left of the tree.
struct Left {
    engine: Arc<Engine>,
    /// Of whose end this process may know before the engine does.
    agent: Pid,
    session: SessionId,
    over: Mutex<Receiver<()>>,
}

impl Rest for Left {
    fn count(&self) -> usize {
        self.engine.members(&self.session).iter().filter(|who| who.pid() != self.agent.as_raw()).count()
    }

    fn ends_within(&self, patience: Duration) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        // An engine that is gone tells nobody, and guards nobody.
        over.recv_timeout(patience) != Err(RecvTimeoutError::Timeout)
    }
}

/// The system's helper knows, and guards it to its end.
struct Elsewhere;

impl Rest for Elsewhere {
    fn count(&self) -> usize {
        0
    }

    fn ends_within(&self, _: Duration) -> bool {
        true
    }
}
