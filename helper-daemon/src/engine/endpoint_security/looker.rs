//! Questions that only the disk can answer: what is below a directory that moves in or out of protection. They are kept,
//! and answered by a thread that may wait; should it wait too long, the watch refuses.

use super::court::{Court, read};
use super::handler::unanswered;
use super::recorder::Note;
use super::{Ruling, lock, walk};
use endpoint_sec::macos::{KeptQuestion, Verdict};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};

/// What is to be looked at.
pub(super) enum Look {
    /// What is below a directory, for a question.
    At(KeptQuestion<Verdict>, PathBuf),
    /// Nothing: somebody waits for all that came before.
    Settle(Sender<()>),
}

/// Answers what comes, until nobody can ask any more.
pub(super) fn run(court: &Arc<Mutex<Court>>, looks: &Receiver<Look>, notes: &Sender<Note>) {
    for look in looks {
        match look {
            // A walk that fails has not answered; dropped, the question is refused, and the next one is looked at.
            Look::At(question, path) => look_at(court, question, &path, notes),
            Look::Settle(waits) => drop(notes.send(Note::Settled(waits))),
        }
    }
}

fn look_at(
    court: &Arc<Mutex<Court>>,
    question: KeptQuestion<Verdict>,
    path: &std::path::Path,
    notes: &Sender<Note>,
) {
    let tell = |all: Vec<Note>| all.into_iter().for_each(|note| drop(notes.send(note)));
    let below = walk::below(path);
    let ruling = match read(&question.message()) {
        Ok((process, time, event)) => lock(court).rule(process, time, &event, Some(&below)),
        Err(_) => Ruling::Deny(Vec::new()),
    };
    let (verdict, allowed) = match ruling {
        Ruling::Allow(notes) => (Verdict::Allow, notes),
        // Told first: once answered, the process may ask its next question of another thread, and be told of before.
        // Whoever else answers this one refuses it, too.
        Ruling::Deny(denied) => {
            tell(denied);
            (Verdict::Deny, Vec::new())
        }
        Ruling::Look(_) => (Verdict::Deny, Vec::new()),
    };
    match question.answer(verdict) {
        Ok(()) => tell(allowed),
        Err(error) => tell(vec![unanswered(court, error)]),
    }
}
