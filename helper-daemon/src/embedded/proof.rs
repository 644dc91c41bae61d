//! The proof of protection: no session runs whose guard was not seen to hold.
//!
//! The armed child tries to remove two files, one that the policy protects and one that it does not. It starts
//! nothing and arms nothing.

use super::words::{self, Word};
use crate::guard::{Guard, failed};
use crate::policy::judge::Reason;
use crate::protocol::Failure;
use nix::errno::Errno;
use nix::unistd::Pid;
use std::os::unix::net::UnixStream;

/// How the guard was seen not to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Unproven {
    #[error("the armed process has died while trying to remove a protected file")]
    ChildDied,
    #[error("removing a protected file gave {}, expected EPERM", said(*.0))]
    NotDenied(i32),
    #[error("the denial was recorded as {}, expected {}", .0.map_or("nothing", Reason::word), Reason::Removed.word())]
    DeniedOtherwise(Option<Reason>),
    #[error("removing an unprotected file gave {}, expected success", said(*.0))]
    ControlRefused(i32),
}

/// What became of the two tries: 0 or an errno each, and why the first was denied, as the guard has it.
#[derive(Clone, Copy, Debug)]
struct Tries {
    canary: i32,
    control: i32,
    recorded: Option<Reason>,
}

impl Tries {
    fn prove(self) -> Result<(), Unproven> {
        if self.canary != Errno::EPERM as i32 {
            return Err(Unproven::NotDenied(self.canary));
        }
        // EPERM can come from anywhere: the guard must know of it, at that path and for that reason: it is in a zone,
        // or in one that es-guard keeps for itself.
        if !matches!(self.recorded, Some(Reason::Removed | Reason::Sealed)) {
            return Err(Unproven::DeniedOtherwise(self.recorded));
        }
        if self.control != 0 {
            return Err(Unproven::ControlRefused(self.control));
        }
        Ok(())
    }
}

/// Has the armed child try, and judges what came of it.
pub(super) fn prove(child: &UnixStream, agent: Pid, guard: &dyn Guard) -> Result<(), Failure> {
    let unproven = |why: Unproven| failed(format!("the guard does not hold here: {why}"));
    words::say(child, Word::Prove, None).map_err(|_| unproven(Unproven::ChildDied))?;
    let Some((Word::Proof(canary, control), _)) = words::hear_awake(child, agent) else {
        return Err(unproven(Unproven::ChildDied));
    };
    let tries = Tries { canary, control, recorded: guard.end_proof()? };
    tries.prove().map_err(unproven)
}

fn said(errno: i32) -> String {
    if errno == 0 { "success".to_owned() } else { Errno::from_raw(errno).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Child;
    use crate::ledger::Counts;
    use crate::policy::Policy;

    /// A guard that has recorded this of the canary.
    struct Recorded(Option<Reason>);

    impl Guard for Recorded {
        fn arm(&self, _: Child) -> Result<String, Failure> {
            Err(failed("not asked for"))
        }
        fn end_proof(&self) -> Result<Option<Reason>, Failure> {
            Ok(self.0)
        }
        fn begin(&self, _: i32) -> Result<(), Failure> {
            Err(failed("not asked for"))
        }
        fn replace_policy(&self, _: Policy, _: String) {}
        fn policy_refused(&self, _: String) {}
        fn settle(&self) -> Counts {
            Counts::default()
        }
        fn close(&self, _: Option<i32>) {}
    }

    /// What is said of a child that answers this, or dies when asked.
    fn proven(answer: Option<Word>, recorded: Option<Reason>) -> Result<(), String> {
        let (here, there) = UnixStream::pair().unwrap();
        let child = std::thread::spawn(move || {
            assert_eq!(words::hear(&there).unwrap().0, Word::Prove);
            answer.into_iter().for_each(|word| words::say(&there, word, None).unwrap());
        });
        let proven = prove(&here, Pid::this(), &Recorded(recorded));
        child.join().unwrap();
        proven.map_err(|failure| failure.detail)
    }

    const EPERM: i32 = Errno::EPERM as i32;
    const EACCES: i32 = Errno::EACCES as i32;
    const REMOVED: Option<Reason> = Some(Reason::Removed);

    #[test]
    fn a_guard_that_denies_the_one_and_lets_the_other_go_holds() {
        assert_eq!(proven(Some(Word::Proof(EPERM, 0)), REMOVED), Ok(()));
        assert_eq!(proven(Some(Word::Proof(EPERM, 0)), Some(Reason::Sealed)), Ok(()));
    }

    #[test]
    fn everything_else_is_said_and_proves_nothing() {
        let cases = [
            (Some(Word::Proof(0, 0)), None, "removing a protected file gave success, expected EPERM"),
            (
                Some(Word::Proof(EACCES, 0)),
                REMOVED,
                "removing a protected file gave EACCES: Permission denied, expected EPERM",
            ),
            (Some(Word::Proof(EPERM, 0)), None, "the denial was recorded as nothing, expected removed"),
            (
                Some(Word::Proof(EPERM, 0)),
                Some(Reason::ZoneMoved),
                "the denial was recorded as zone-moved, expected removed",
            ),
            (
                Some(Word::Proof(EPERM, EACCES)),
                REMOVED,
                "removing an unprotected file gave EACCES: Permission denied, expected success",
            ),
            (None, REMOVED, "the armed process has died while trying to remove a protected file"),
            (
                Some(Word::Armed),
                REMOVED,
                "the armed process has died while trying to remove a protected file",
            ),
        ];
        for (answer, recorded, why) in cases {
            let said = proven(answer, recorded).unwrap_err();
            assert_eq!(said, format!("the guard does not hold here: {why}"));
        }
    }

    #[test]
    fn a_child_that_is_dead_already_proves_nothing() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(there);
        let said = prove(&here, Pid::this(), &Recorded(REMOVED)).unwrap_err().detail;
        assert!(said.contains("the armed process has died"), "{said}");
    }
}
