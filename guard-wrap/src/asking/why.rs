//! `es-guard why`: the last denial, or that of a path: what, by which zone, why, and what to do.

use super::target::{LAST, Meant, TargetError, find};
use super::{AskError, Status, check, named, request};
use crate::cli::WhyArgs;
use crate::overrides::shown;
use crate::render::{json, note, print};
use crate::sessions;
use crate::wrap::itself;
use helper_daemon::client::Live;
use helper_daemon::denial::{Denial, DenialRecord};
use helper_daemon::explain::{NOT_ASKED, Wording};
use helper_daemon::policy::Requests;
use helper_daemon::policy::check::Checked;
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use helper_daemon::protocol::AccessRequest;
use helper_daemon::session::SessionId;
use serde::Serialize;
use std::path::Path;

/// The JSON form.
#[derive(Serialize)]
struct Told<'a> {
    session: &'a SessionId,
    /// How things are now.
    status: Status,
    /// What was denied; `null`: nothing was.
    denial: Option<DenialTold>,
    /// What would become of it now; `null` once the session is over.
    now: Option<&'a Checked>,
    request: Option<&'a AccessRequest>,
}

#[derive(Serialize)]
struct DenialTold {
    #[serde(flatten)]
    record: DenialRecord,
    sentence: String,
    instead: &'static str,
    /// The command that asks for it; `null`: it is let through for nobody.
    ask: Option<String>,
}

pub(super) fn run(args: &WhyArgs) -> Result<Status, AskError> {
    let path = args.path.as_deref().map(named).transpose()?;
    match find(&args.target, path.as_deref().as_slice()) {
        Ok(Meant { live, .. }) => of_live(args, &live, path.as_deref()),
        // What was blocked is in the ledger.
        Err(AskError::Target(TargetError::None | TargetError::Unknown(_))) => {
            of_ledger(args, path.as_deref())
        }
        Err(error) => Err(error),
    }
}

fn of_live(args: &WhyArgs, live: &Live, path: Option<&Path>) -> Result<Status, AskError> {
    let refused = AskError::of(&live.session);
    let known = live.denials(Some(0), None).map_err(&refused)?.denials;
    let denials = known.into_iter().map(|known| Denial::from(known.denial)).collect();
    let denial = last(denials, path);
    let (op, asked, dest) = match (&denial, path) {
        (Some(denial), _) => (denial.op, denial.path.as_path(), denial.dest.as_deref()),
        (None, Some(path)) => (Op::Unlink, path, None),
        (None, None) => return told(args, &live.session, None, None, None),
    };
    // What can't be asked about, as signals, stays denied.
    let now = live.check(op, asked, dest).ok();
    let (now, request) = now.map_or((None, None), |(now, request)| (Some(now), request));
    if denial.is_none() && !args.target.json {
        note(&format!("nothing was blocked there in session {}", live.session));
        if let Some(now) = &now {
            print(&check::sentence(op, asked, dest, now));
        }
    }
    told(args, &live.session, denial.as_ref(), now.as_ref(), request.as_ref())
}

fn of_ledger(args: &WhyArgs, path: Option<&Path>) -> Result<Status, AskError> {
    let (session, contents) = sessions::ledger_of(args.target.session.as_deref().unwrap_or(LAST))?;
    let denial = last(contents.denials().map(|(_, denial)| denial).collect(), path);
    if !args.target.json {
        note(&format!("session {session} is over"));
    }
    told(args, &session, denial.as_ref(), None, None)
}

/// The last one, or the last one of a path.
pub(crate) fn last(denials: Vec<Denial>, path: Option<&Path>) -> Option<Denial> {
    let concerns = |denial: &Denial| {
        path.is_none_or(|path| denial.path.starts_with(path) || denial.dest.as_deref() == Some(path))
    };
    denials.into_iter().rfind(concerns)
}

fn told(
    args: &WhyArgs,
    session: &SessionId,
    denial: Option<&Denial>,
    now: Option<&Checked>,
    request: Option<&AccessRequest>,
) -> Result<Status, AskError> {
    let status = match (now, denial) {
        (Some(now), _) => check::status(now, request),
        (None, Some(_)) => Status::Denied,
        (None, None) => Status::Allowed,
    };
    if args.target.json {
        let denial = denial.map(|denial| DenialTold {
            record: DenialRecord::from(denial),
            sentence: denial.sentence(),
            instead: instead(denial.reason),
            ask: ask(session, denial).filter(|_| now.is_none_or(|now| now.requests != Requests::Deny)),
        });
        print(&json(&Told { session, status, denial, now, request }));
        return Ok(status);
    }
    match denial {
        Some(denial) => print(&text(session, denial, status, now.map(|now| now.requests), request)),
        None if now.is_none() => note(&format!("nothing was blocked in session {session}")),
        None => {}
    }
    Ok(status)
}

/// Everything about one, for whoever has met it. `decides`: who does if it is asked for, in a session that lives.
pub(crate) fn text(
    session: &SessionId,
    denial: &Denial,
    status: Status,
    decides: Option<Requests>,
    asked: Option<&AccessRequest>,
) -> String {
    let exe = shown(&denial.exe);
    let mut lines = vec![
        denial.sentence(),
        format!("  by {exe} (process {}), {} in session {session}", denial.pid, denial.op.word()),
        "  This is es-guard's policy and no file permission: chmod, sudo or another tool will not help."
            .into(),
        format!("  {}", instead(denial.reason)),
    ];
    match (status, asked) {
        (Status::Allowed, _) => lines.push("  By now it is let through.".into()),
        (_, Some(asked)) => {
            lines.push(format!("  {}", request::sentence(session, asked).replace('\n', "\n  ")))
        }
        (_, None) => lines.extend(decides.and_then(|decides| {
            let ask = ask(session, denial)?;
            Some(if decides == Requests::Deny {
                format!("  Note: {NOT_ASKED}.")
            } else {
                format!("  To ask for it: {ask}")
            })
        })),
    }
    lines.join("\n")
}

/// What is allowed instead.
fn instead(reason: Reason) -> &'static str {
    match reason {
        Reason::Removed => {
            "Editing it is allowed, and so is giving it another name in the zone, and removing what the session itself made."
        }
        Reason::MovedOut => "Moving it within the zone is allowed, and so is copying it anywhere.",
        Reason::ZoneMoved => "What the session itself made in it may be removed; the place itself stays.",
        Reason::Clobbered => {
            "Writing into the file is allowed, and so is saving it anew from a file that the session made."
        }
        Reason::Sealed => "It is es-guard's own, and is let through for nobody.",
        Reason::Unreadable | Reason::Unclear => {
            "It could not be told what it would do. The same from an ordinary program, with a plain path, can."
        }
        Reason::StashFull | Reason::NotKept => {
            "It would be allowed if what it takes could be kept: there must be room on the disk of the stash."
        }
    }
}

/// The command that asks for what was denied.
fn ask(session: &SessionId, denial: &Denial) -> Option<String> {
    Wording { command: itself::called(), session: session.clone() }.request(denial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::report::sample::denial;

    #[test]
    fn the_last_one_is_meant_or_the_last_one_of_a_path() {
        let mut moved = denial("/p/b");
        moved.dest = Some("/p/a".into());
        let denials = vec![denial("/p/a"), denial("/p/d/x"), moved];
        let of = |path: Option<&str>| last(denials.clone(), path.map(Path::new)).map(|denial| denial.path);
        assert_eq!(of(None), Some("/p/b".into()));
        assert_eq!(of(Some("/p/a")), Some("/p/b".into()));
        assert_eq!(of(Some("/p/d")), Some("/p/d/x".into()));
        assert_eq!(of(Some("/p/c")), None);
    }
}
