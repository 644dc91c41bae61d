//! What would become of an operation, told without it being done: for people and agents who ask first.
//!
//! Pure, as the judge is. It speaks of a program that is neither git nor a replacer: who will ask can't be known.

use crate::encoding::optional_path_text;
use crate::policy::judge::{Circumstances, Loss, Reason, Verdict, judge};
use crate::policy::operation::{Op, Operation, Place};
use crate::policy::{Policy, Requests};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What would become of it, and why. The words are stable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Whether it would be done.
    pub verdict: Foreseen,
    /// Why, in a stable word: a [`Reason`] where something would be lost, else a [`Because`].
    pub code: Code,
    /// The zone that something would be lost from.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_path_text")]
    pub zone: Option<PathBuf>,
    /// Who decides if it is asked for.
    #[serde(default, skip_serializing_if = "Requests::is_usual")]
    pub requests: Requests,
}

/// Whether an operation would be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Foreseen {
    /// It would.
    Allow,
    /// It would, and what it takes would be kept in the session's stash.
    Stash,
    /// It would not.
    Deny,
}

/// Why something is judged as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Code {
    /// Something would be lost.
    Lost(Reason),
    /// Nothing would.
    Free(Because),
}

/// Why an operation is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// Nothing of that name is there.
    NotThere,
    /// It lies in no zone, or something exempt lies between.
    NotProtected,
    /// The session itself has made it.
    Own,
    /// An override lets it through.
    LetThrough,
    /// Nothing would be lost by it: it is an edit, or stays where it is protected.
    Harmless,
}

impl Checked {
    /// Whether it would be done.
    pub fn is_allowed(&self) -> bool {
        self.verdict != Foreseen::Deny
    }
}

impl Code {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Code::Lost(reason) => reason.word(),
            Code::Free(Because::NotThere) => "not-there",
            Code::Free(Because::NotProtected) => "not-protected",
            Code::Free(Because::Own) => "own",
            Code::Free(Because::LetThrough) => "let-through",
            Code::Free(Because::Harmless) => "harmless",
        }
    }
}

/// The operation of this name, with what is known of its names; `None` for what can't be asked about, or lacks
/// its second name.
pub fn operation(op: Op, place: Place, other: Option<Place>) -> Option<Operation> {
    Some(match (op, other) {
        (Op::Unlink, None) => Operation::Unlink(place),
        (Op::Rmdir, None) => Operation::Rmdir(place),
        (Op::Write, None) => Operation::Write(place),
        (Op::Rename, Some(to)) => Operation::Rename { from: place, to },
        (Op::Exchange, Some(second)) => Operation::Exchange { first: place, second },
        _ => return None,
    })
}

/// What would become of it. `now` in Unix seconds.
pub fn check(policy: &Policy, operation: &Operation, now: u64) -> Checked {
    let when = Circumstances { now, ..Circumstances::default() };
    let requests = policy.asking.requests;
    let lost = |verdict, Loss { zone, reason }: Loss| Checked {
        verdict,
        code: Code::Lost(reason),
        zone: Some(zone),
        requests,
    };
    let free =
        |because| Checked { verdict: Foreseen::Allow, code: Code::Free(because), zone: None, requests };
    match judge(policy, operation, when) {
        Verdict::Deny(loss) | Verdict::Hold(loss) => lost(Foreseen::Deny, loss),
        Verdict::Stash(losses) => match losses.into_iter().next() {
            Some(loss) => lost(Foreseen::Stash, loss),
            None => free(Because::Harmless),
        },
        Verdict::Allow => free(because(policy, operation, when)),
    }
}

fn because(policy: &Policy, operation: &Operation, when: Circumstances) -> Because {
    let mut strict = policy.clone();
    strict.overrides.clear();
    strict.layers.iter_mut().for_each(|layer| layer.overrides.clear());
    let paths = || operation.places().flat_map(|place| &place.paths);
    if operation.places().next().is_some_and(|place| place.kind.is_none()) {
        Because::NotThere
    } else if judge(&strict, operation, when) != Verdict::Allow {
        Because::LetThrough
    } else if !paths().any(|path| policy.covers(path) || policy.carries(path, when.now, None).is_some()) {
        Because::NotProtected
    } else if operation.places().any(|place| place.own) {
        Because::Own
    } else {
        Because::Harmless
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::operation::Kind;
    use crate::policy::{OnDelete, Override, Zone};

    fn policy() -> Policy {
        let mut kept = Zone::new("/kept");
        kept.on_delete = OnDelete::Stash;
        let overrides = vec![Override { path: "/p/open".into(), ..Override::default() }];
        Policy { zones: vec![Zone::new("/p"), kept], overrides, ..Policy::default() }
    }

    fn file(path: &str) -> Place {
        Place::new(path, Some(Kind::Regular), false)
    }

    fn told(op: Op, place: Place, other: Option<Place>) -> (Foreseen, &'static str) {
        let checked = check(&policy(), &operation(op, place, other).unwrap(), 0);
        (checked.verdict, checked.code.word())
    }

    #[test]
    fn every_verdict_has_its_word() {
        use Foreseen::{Allow, Deny, Stash};
        let free = |path: &str| Place::new(path, None, false);
        assert_eq!(told(Op::Unlink, file("/p/a"), None), (Deny, "removed"));
        assert_eq!(told(Op::Unlink, file("/kept/a"), None), (Stash, "removed"));
        assert_eq!(told(Op::Unlink, file("/q/a"), None), (Allow, "not-protected"));
        assert_eq!(told(Op::Unlink, file("/p/target/a"), None), (Allow, "not-protected"));
        assert_eq!(told(Op::Unlink, free("/p/a"), None), (Allow, "not-there"));
        assert_eq!(told(Op::Unlink, file("/p/open/a"), None), (Allow, "let-through"));
        let own = Place { own: true, ..file("/p/a") };
        assert_eq!(told(Op::Unlink, own, None), (Allow, "own"));
        assert_eq!(told(Op::Rename, file("/p/a"), Some(free("/p/b"))), (Allow, "harmless"));
        assert_eq!(told(Op::Rename, file("/p/a"), Some(free("/q/b"))), (Deny, "moved-out"));
        assert_eq!(told(Op::Write, file("/p/a"), None), (Allow, "harmless"));
        assert!(operation(Op::Rename, file("/p/a"), None).is_none());
        assert!(operation(Op::Mount, file("/p/a"), None).is_none());
    }

    #[test]
    fn it_comes_back_as_it_was_told() {
        let checked = check(&policy(), &Operation::Unlink(file("/p/a")), 0);
        let text = serde_json::to_string(&checked).unwrap();
        assert_eq!(text, r#"{"verdict":"deny","code":"removed","zone":"/p"}"#);
        assert_eq!(serde_json::from_str::<Checked>(&text).unwrap(), checked);
    }
}
