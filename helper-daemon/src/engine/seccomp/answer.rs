//! Handling one call from its arrival to its record.

use super::create::Made;
use super::{Outcome, Reply, Session, Told, lock};
use endpoint_sec::linux::act::Act;
use endpoint_sec::linux::listener::{Answer, Trapped};
use nix::errno::Errno;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Session {
    /// Handles one call, answers it, and then tells what was done.
    pub(super) fn attend(&self, trapped: &Trapped) {
        let handled = catch_unwind(AssertUnwindSafe(|| self.handle(trapped)));
        // Whatever goes wrong in judging, the call is refused.
        let outcome = handled.unwrap_or_else(|_| Answer::Fail(Errno::EPERM).into());
        let Outcome { reply, mut told, mut deed } = outcome;
        if let Some(told) = &mut told {
            self.explain(trapped.tid, told);
        }
        let told = told.map(|told| (self.turns.take(), told));
        match reply {
            // A caller that is gone gets no answer, and needs none.
            Reply::Plain(answer) => drop(self.listener.answer(trapped.id, answer)),
            Reply::Descriptor { fd, cloexec, made } => {
                if !self.hand_over(trapped.id, fd, cloexec, made) {
                    deed = None;
                }
            }
        }
        if let Some((turn, told)) = told {
            self.turns.tell(turn, || self.tell(*told));
        }
        if let Some(deed) = deed {
            self.witness.own(*deed);
        }
        if self.ends.has_settled() {
            self.conclude();
        }
    }

    pub(super) fn tell(&self, told: Told) {
        match told {
            Told::Denied(denial) => self.witness.denied(denial),
            Told::Stashed(what, entries) => self.witness.stashed(what, entries),
            Told::Aside(aside) => self.heap.put(aside),
            Told::UsedUp(overrides) => overrides.into_iter().for_each(|what| self.witness.used_up(what)),
        }
    }

    /// Gives the caller a descriptor. `false`: what was made for it was unmade. Nothing of it is held here any more
    /// when the caller goes on: it may execute the file, or unmount what it is on.
    fn hand_over(&self, id: u64, fd: OwnedFd, cloexec: bool, made: Option<Made>) -> bool {
        let mut stays = true;
        let answer = match self.listener.hand_over(id, fd, cloexec) {
            Ok(number) => Answer::Value(number.into()),
            Err(errno) => {
                if let (Some(made), true) = (&made, errno != Errno::ENOENT) {
                    self.unmake(made);
                    stays = false;
                }
                Answer::Fail(errno)
            }
        };
        drop(made);
        let _ = self.listener.answer(id, answer);
        stays
    }

    /// The caller had no room for another descriptor: bare, the file would not have been made.
    fn unmake(&self, made: &Made) {
        let mut own = lock(&self.own);
        if let (Ok(now), Ok(dir)) = (made.entry.identify(), made.entry.dir.stat())
            && now.is_the_same_as(&made.stat)
        {
            own.forget((dir.dev, dir.ino), made.entry.bare_name(), &now);
            let _ = Act::Unlink { dir: &made.entry.dir, name: &made.entry.name }.perform();
        }
    }
}
