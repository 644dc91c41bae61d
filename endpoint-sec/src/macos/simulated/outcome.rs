//! What becomes of what a process does, and what a client did wrong.

use super::Simulation;

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "nobody would know whether it was allowed"]
pub enum Outcome {
    /// It is done: every client that was asked allowed it, or none was.
    Allowed,
    /// A client refused it.
    Denied,
    /// A client has not answered yet.
    Waiting,
}

/// Something that a process began.
#[must_use = "what becomes of it is in `outcome`"]
pub struct Attempt {
    pub(super) simulation: Simulation,
    pub(super) number: usize,
}

impl Attempt {
    /// What became of it so far.
    pub fn outcome(&self) -> Outcome {
        self.simulation.kernel(|kernel| kernel.outcome(self.number))
    }
}

/// What a client did that the framework's headers forbid or punish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It missed a deadline. Before macOS 27 it was killed for that.
    Missed {
        /// Whether it was.
        killed: bool,
    },
    /// It answered what it had answered.
    AnsweredTwice,
    /// It answered what waits for nobody any more.
    AnsweredTooLate,
    /// It answered an open with a result, or anything else with flags.
    WrongAnswer,
    /// It let the kernel keep an answer, which holds for any process.
    Cached,
    /// It was deleted by another thread than the one that made it (before macOS 27).
    DeletedElsewhere,
    /// Its muting was turned round while it was asked questions.
    InvertedTooLate,
}
