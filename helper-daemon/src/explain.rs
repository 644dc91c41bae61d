//! What a command is told when the session refuses it something, or keeps what it takes: a few lines of plain
//! facts, in its own output.
//!
//! Facts, no orders: what reads them may be a program that is wary of being told what to do. Nothing here knows
//! an engine, or how the lines get there.

use crate::denial::{Denial, printable};
use crate::policy::Requests;
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use crate::session::SessionId;
use std::path::Path;

/// Said where nothing can be asked for.
pub const NOT_ASKED: &str = "this session's policy has everything refused that is asked for";

/// How a session words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// How its processes call es-guard.
    pub command: String,
    /// The session.
    pub session: SessionId,
}

impl Wording {
    /// Of a refusal, and who decides if it is asked for.
    pub fn denied(&self, what: &Denial, requests: Requests) -> String {
        let mut lines = vec![format!("blocked: {}", what.sentence())];
        lines.push(
            "this is the policy of the person who started the session, not a file permission: chmod, sudo or \
             another tool will not help"
                .into(),
        );
        match what.reason {
            Reason::Sealed => lines.push("it is let through for nobody".into()),
            Reason::Unreadable | Reason::Unclear => {
                lines.push("what can't be judged is refused; nothing was changed".into());
            }
            Reason::StashFull | Reason::NotKept => {
                lines.push("it may go once it can be kept; nothing was changed".into());
            }
            Reason::Removed | Reason::MovedOut | Reason::ZoneMoved | Reason::Clobbered => {
                lines.push(
                    "what was there before the session may be edited; what the session itself makes may be \
                     removed, too"
                        .into(),
                );
            }
        }
        match self.request(what) {
            Some(_) if requests == Requests::Deny => lines.push(NOT_ASKED.into()),
            Some(request) => lines.push(format!("a person can be asked for it: {request}")),
            None => {}
        }
        told(&lines)
    }

    /// The command that asks for what was refused; `None`: it is let through for nobody.
    pub fn request(&self, what: &Denial) -> Option<String> {
        let lost =
            matches!(what.reason, Reason::Removed | Reason::MovedOut | Reason::ZoneMoved | Reason::Clobbered);
        let path = || quoted(wanted(what));
        lost.then(|| format!("{} request {} --reason 'why it has to go'", self.command, path()))
    }

    /// Of something that was taken and kept.
    pub fn kept(&self, what: &Denial) -> String {
        let path = wanted(what);
        let shown = printable(&path.to_string_lossy());
        told(&[
            format!("kept: {shown} went, and what it was is in this session's stash"),
            format!(
                "it can be put back, outside the session: es-guard sessions restore {} {}",
                self.session,
                quoted(path)
            ),
        ])
    }
}

/// The path that would have been lost.
fn wanted(what: &Denial) -> &Path {
    match (what.reason, &what.dest) {
        (Reason::Clobbered, Some(dest)) if what.op == Op::Rename => dest,
        _ => &what.path,
    }
}

/// A path as a shell takes it, if it can be shown at all.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text != printable(&text) || text.contains(char::REPLACEMENT_CHARACTER) {
        return "PATH".to_owned();
    }
    shlex::try_quote(&text).map_or_else(|_| "PATH".to_owned(), |quoted| quoted.into_owned())
}

fn told(lines: &[String]) -> String {
    lines.iter().map(|line| format!("es-guard: {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(reason: Reason, path: &str) -> Denial {
        Denial {
            op: Op::Unlink,
            path: path.into(),
            dest: None,
            zone: "/p".into(),
            reason,
            pid: 7,
            exe: "/usr/bin/rm".into(),
            argv: vec!["rm".into()],
            cwd: "/p".into(),
        }
    }

    fn wording() -> Wording {
        let session = SessionId::parse("20260102-030405-abcd").unwrap();
        Wording { command: "es-guard".into(), session }
    }

    #[test]
    fn a_refusal_says_what_why_and_how_to_ask() {
        let text = wording().denied(&denial(Reason::Removed, "/p/my file"), Requests::Ask);
        assert!(text.starts_with("es-guard: blocked: /p/my file was not removed: it is in the zone /p\n"));
        assert!(text.contains("not a file permission: chmod, sudo or another tool will not help\n"));
        assert!(text.contains("es-guard request '/p/my file' --reason"));
        assert!(text.lines().all(|line| line.starts_with("es-guard: ")) && text.ends_with('\n'));
    }

    #[test]
    fn where_nobody_decides_nothing_is_to_be_asked_for() {
        let text = wording().denied(&denial(Reason::Removed, "/p/a"), Requests::Deny);
        assert!(text.contains(NOT_ASKED) && !text.contains("es-guard request"), "{text}");
    }

    #[test]
    fn what_a_rename_would_have_replaced_is_what_to_ask_for() {
        let clobbered =
            Denial { op: Op::Rename, dest: Some("/p/b".into()), ..denial(Reason::Clobbered, "/p/a") };
        assert!(wording().denied(&clobbered, Requests::Ask).contains("request /p/b --reason"));
    }

    #[test]
    fn es_guard_itself_is_nothing_to_ask_for() {
        assert!(!wording().denied(&denial(Reason::Sealed, "/p/policy"), Requests::Ask).contains("request"));
        let text = wording().denied(&denial(Reason::Sealed, "/p/policy"), Requests::Ask);
        assert!(text.contains("let through for nobody\n") && !text.contains("may be edited"), "{text}");
    }

    #[test]
    fn what_was_kept_is_told_with_the_way_back() {
        let text = wording().kept(&denial(Reason::Removed, "/p/a"));
        assert!(text.contains("sessions restore 20260102-030405-abcd /p/a\n"), "{text}");
    }

    #[test]
    fn no_control_character_of_a_name_gets_through() {
        let text = wording().denied(&denial(Reason::Removed, "/p/\u{1b}[2J\nrm -rf"), Requests::Ask);
        assert!(!text.contains('\u{1b}') && text.contains("request PATH"), "{text}");
        assert!(text.lines().all(|line| line.starts_with("es-guard: ")));
    }
}
