//! The client against the simulated framework.

mod answering;
mod census;
mod connecting;
mod deadlines;
mod losses;
mod muting;
mod reading;
mod simulation;

use super::simulated::{Actor, Simulation, System};
use super::{Client, Control, Event, Flags, Incoming, Lost, Prepared, Process, Scope, Subscription, Verdict};
use std::sync::{Arc, Mutex};

/// What a handler was told, in order.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Heard>>>);

/// One thing that a handler was told.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a few of them, and tests match them as they are")]
enum Heard {
    Event(Box<Process>, Event),
    Lost(Lost),
}

impl Told {
    fn note(&self, incoming: &Incoming<'_>) {
        let message = match incoming {
            Incoming::Question(question) => question.message(),
            Incoming::Open(question) => question.message(),
            Incoming::Notice(notice) => notice.message(),
            Incoming::Lost(lost) => return self.0.lock().unwrap().push(Heard::Lost(*lost)),
        };
        let (process, event) = (message.process().unwrap(), message.event().unwrap());
        self.0.lock().unwrap().push(Heard::Event(Box::new(process), event));
    }

    fn all(&self) -> Vec<Heard> {
        self.0.lock().unwrap().clone()
    }

    fn events(&self) -> Vec<Event> {
        let event = |heard| if let Heard::Event(_, event) = heard { Some(event) } else { None };
        self.all().into_iter().filter_map(event).collect()
    }

    fn lost(&self) -> Vec<Lost> {
        let lost = |heard| if let Heard::Lost(lost) = heard { Some(lost) } else { None };
        self.all().into_iter().filter_map(lost).collect()
    }
}

/// Gives every question the same answer.
fn answer_all(incoming: Incoming<'_>, verdict: Verdict) {
    match incoming {
        Incoming::Question(question) => question.answer(verdict).unwrap(),
        Incoming::Open(question) => {
            let flags = if verdict == Verdict::Allow { Flags::ALL } else { Flags::NONE };
            question.answer(flags).unwrap();
        }
        Incoming::Notice(_) | Incoming::Lost(_) => {}
    }
}

/// A client that is told of everything, and gives every question the same answer.
fn client_that_answers(simulation: &Simulation, verdict: Verdict) -> (Client, Told) {
    let told = Told::default();
    let noted = told.clone();
    let client = connect(simulation, move |_, incoming| {
        noted.note(&incoming);
        answer_all(incoming, verdict);
    });
    (client, told)
}

/// A client that is told of everything.
fn connect(
    simulation: &Simulation,
    handler: impl Fn(&Control, Incoming<'_>) + Send + Sync + 'static,
) -> Client {
    Prepared::connect(&simulation.framework(), Scope::System, handler)
        .unwrap()
        .subscribe(&Subscription::ALL)
        .unwrap()
}

/// A machine and a shell on it.
fn machine(system: System) -> (Simulation, Actor) {
    let simulation = Simulation::new(system);
    let shell = simulation.process("/bin/zsh");
    (simulation, shell)
}

/// Nothing was done wrong, and nothing is left behind.
fn assert_clean(simulation: &Simulation, client: Client) {
    drop(client);
    assert_eq!(simulation.faults(), []);
    assert_eq!((simulation.messages(), simulation.clients()), (0, 0));
}
