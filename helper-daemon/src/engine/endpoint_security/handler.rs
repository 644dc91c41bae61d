//! From a message to its answer.

use super::court::{Court, read};
use super::incident::Incident;
use super::looker::Look;
use super::recorder::Note;
use super::{Ruling, lock};
use endpoint_sec::macos::{
    Answer, AnswerError, Control, Event, Flags, Framework, Incoming, Lost, Message, Question, Verdict,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

/// What the framework's messages come to.
pub(super) struct Handler {
    pub(super) court: Arc<Mutex<Court>>,
    pub(super) framework: Framework,
    pub(super) notes: Sender<Note>,
    pub(super) looks: Sender<Look>,
    /// Held while a message is handled: whoever has had it knows that what was answered is told of.
    pub(super) serving: Arc<Mutex<()>>,
    /// Whether the kernel refuses what it drops.
    pub(super) refuses: Arc<std::sync::OnceLock<bool>>,
    /// How often the handler failed, as far as it was told.
    pub(super) panics: AtomicU64,
}

impl Handler {
    pub(super) fn receive(&self, control: &Control, incoming: Incoming<'_>) {
        let _serving = lock(&self.serving);
        match incoming {
            Incoming::Lost(lost) => self.lost(lost),
            Incoming::Notice(notice) => self.note(notice.message()),
            Incoming::Question(question) => self.ask(question),
            Incoming::Open(question) => self.open(question),
        }
        self.failed(control);
    }

    fn note(&self, message: &Message<'_>) {
        match read(message) {
            Ok((process, _, event)) => {
                let notes = lock(&self.court).note(&process, event);
                self.tell(notes);
            }
            // A fork or an exit that can't be read is one that nobody saw.
            Err(_) => self.lost(Lost { messages: 1, of_the_tree: true }),
        }
    }

    fn ask(&self, question: Question<'_, Verdict>) {
        let ruling = match read(question.message()) {
            Ok((process, time, event)) => lock(&self.court).rule(process, time, &event, None),
            Err(why) => Ruling::Deny(vec![self.unreadable(why)]),
        };
        match ruling {
            Ruling::Allow(notes) => self.answer(question, Verdict::Allow, notes),
            Ruling::Deny(notes) => self.answer(question, Verdict::Deny, notes),
            // Should nobody be there to look, the question goes unanswered, and that is a refusal.
            Ruling::Look(path) => drop(self.looks.send(Look::At(question.keep(), path))),
        }
    }

    fn open(&self, question: Question<'_, Flags>) {
        let ruling = match read(question.message()) {
            Ok((_, _, Event::Open { purpose, .. })) if !Court::minds(purpose) => Ruling::Allow(Vec::new()),
            Ok((process, time, event)) => lock(&self.court).rule(process, time, &event, None),
            Err(why) => Ruling::Deny(vec![self.unreadable(why)]),
        };
        match ruling {
            Ruling::Allow(notes) => self.answer(question, Flags::ALL, notes),
            Ruling::Deny(notes) => self.answer(question, Flags::NONE, notes),
            Ruling::Look(_) => drop(question),
        }
    }

    fn answer<A: Answer>(&self, question: Question<'_, A>, answer: A, notes: Vec<Note>) {
        match question.answer(answer) {
            Ok(()) => self.tell(notes),
            Err(error) => self.tell(vec![unanswered(&self.court, error)]),
        }
    }

    fn lost(&self, lost: Lost) {
        let processes = lost.of_the_tree.then(|| self.framework.processes());
        let refused = self.refuses.get().copied().unwrap_or_default();
        let notes = lock(&self.court).lost(lost, refused, processes);
        self.tell(notes);
    }

    fn unreadable(&self, why: String) -> Note {
        Note::Incident { sessions: lock(&self.court).ids(), what: Incident::Unreadable(why) }
    }

    /// Says how often the handler has failed since it was said last.
    fn failed(&self, control: &Control) {
        let (told, now) = (self.panics.load(Ordering::Relaxed), control.panics());
        if now > told {
            self.panics.store(now, Ordering::Relaxed);
            let sessions = lock(&self.court).ids();
            self.tell(vec![Note::Incident { sessions, what: Incident::Panicked(now - told) }]);
        }
    }

    fn tell(&self, notes: Vec<Note>) {
        for note in notes {
            // Nobody listens any more only once the engine ends.
            let _ = self.notes.send(note);
        }
    }
}

/// What is told of an answer that did not count: the kernel has refused.
pub(super) fn unanswered(court: &Mutex<Court>, error: AnswerError) -> Note {
    let what = match error {
        AnswerError::Late => Incident::Late(1),
        other => Incident::Unreadable(other.to_string()),
    };
    Note::Incident { sessions: lock(court).ids(), what }
}
