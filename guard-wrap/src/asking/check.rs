//! `es-guard check`.

use super::target::{Meant, TargetError, find};
use super::{AskError, Status, named};
use crate::cli::CheckArgs;
use crate::overrides::shown;
use crate::plan::{Asked, Plan, PlanError};
use crate::render::{json, print};
use crate::state::{StateFolder, home};
use helper_daemon::policy::check::{Because, Checked, Code, Foreseen, check, operation};
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::{Kind, Op, Place};
use helper_daemon::protocol::{AccessRequest, RequestState};
use helper_daemon::session::SessionId;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The JSON form.
#[derive(Serialize)]
struct Told<'a> {
    /// `null`: there is no live one, and it is judged by what a new one would have.
    session: Option<&'a SessionId>,
    op: Op,
    path: String,
    dest: Option<String>,
    status: Status,
    #[serde(flatten)]
    checked: &'a Checked,
    request: Option<&'a AccessRequest>,
}

pub(super) fn run(args: &CheckArgs) -> Result<Status, AskError> {
    let op = Op::from(args.op);
    let path = named(&args.path)?;
    let dest = args.dest.as_deref().map(named).transpose()?;
    if matches!(op, Op::Rename | Op::Exchange) != dest.is_some() {
        return Err(AskError::Paths);
    }
    let paths: Vec<&Path> = std::iter::once(path.as_path()).chain(dest.as_deref()).collect();
    let mut by = String::new();
    let (session, checked, request) = match find(&args.target, &paths) {
        Ok(Meant { live, guessed }) => {
            let found = live.check(op, &path, dest.as_deref()).map_err(AskError::of(&live.session))?;
            if guessed {
                by = format!(" (session {})", live.session);
            }
            (Some(live.session), found.0, found.1)
        }
        Err(AskError::Target(TargetError::None)) if args.target.is_last() => {
            (None, by_a_new_session(args, op, &path, dest.as_deref())?, None)
        }
        Err(error) => return Err(error),
    };
    let status = status(&checked, request.as_ref());
    if args.target.json {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        print(&json(&Told {
            session: session.as_ref(),
            op,
            path: text(&path),
            dest: dest.as_ref().map(text),
            status,
            checked: &checked,
            request: request.as_ref(),
        }));
    } else {
        let asked = if status == Status::Pending { "; somebody was asked, and has not answered" } else { "" };
        print(&format!("{}{by}{asked}", sentence(op, &path, dest.as_deref(), &checked)));
    }
    Ok(status)
}

/// How things are with what was judged so.
pub(crate) fn status(checked: &Checked, request: Option<&AccessRequest>) -> Status {
    let pending = request.is_some_and(|request| request.state == RequestState::Pending);
    match (checked.is_allowed(), pending) {
        (true, _) => Status::Allowed,
        (false, true) => Status::Pending,
        (false, false) => Status::Denied,
    }
}

/// By what `es-guard wrap` would guard here.
fn by_a_new_session(args: &CheckArgs, op: Op, path: &Path, dest: Option<&Path>) -> Result<Checked, AskError> {
    let state = StateFolder::locate()?.path().canonicalize().ok();
    let cwd = std::env::current_dir().map_err(PlanError::CurrentDirectory)?;
    let (policy, state) = (args.policy.as_deref(), state.as_deref());
    let home = home()?;
    let asked = Asked { policy, state, ..Asked::nothing(&home, &cwd) };
    let policy = Plan::new(&asked)?.compile()?.policy;
    let place = |path: &Path| {
        let found = path.symlink_metadata().ok();
        Place::new(path, found.map(|found| Kind::of(found.file_type())), false)
    };
    let operation = operation(op, place(path), dest.map(place)).ok_or(AskError::Paths)?;
    Ok(check(&policy, &operation, jiff::Timestamp::now().as_second().max(0) as u64))
}

/// What would become of it, in a sentence.
pub(crate) fn sentence(op: Op, path: &Path, dest: Option<&Path>, checked: &Checked) -> String {
    let done = match (op, dest) {
        (Op::Rename, Some(dest)) => format!("moving {} to {}", shown(path), shown(dest)),
        (Op::Exchange, Some(dest)) => format!("exchanging {} and {}", shown(path), shown(dest)),
        (Op::Write, _) => format!("writing {}", shown(path)),
        _ => format!("removing {}", shown(path)),
    };
    let zone = checked.zone.as_deref().map(shown).unwrap_or_default();
    let why = match checked.code {
        Code::Lost(Reason::Removed) => format!("it is in the zone {zone}"),
        Code::Lost(Reason::MovedOut) => format!("the zone {zone} does not protect it there"),
        Code::Lost(Reason::ZoneMoved) if checked.zone.as_deref() == Some(path) => "it is the zone".to_owned(),
        Code::Lost(Reason::ZoneMoved) => format!("it holds the zone {zone}"),
        Code::Lost(Reason::Clobbered) => format!("what is there is in the zone {zone}"),
        Code::Lost(Reason::Sealed) => "es-guard keeps it for itself".to_owned(),
        Code::Lost(reason) => reason.word().to_owned(),
        Code::Free(Because::NotThere) => "nothing of that name is there".to_owned(),
        Code::Free(Because::NotProtected) => "it is not protected".to_owned(),
        Code::Free(Because::Own) => "the session itself has made it".to_owned(),
        Code::Free(Because::LetThrough) => "it is let through for now".to_owned(),
        Code::Free(Because::Harmless) => "nothing would be lost".to_owned(),
    };
    let verdict = match checked.verdict {
        Foreseen::Allow => "allowed",
        Foreseen::Stash => "allowed, and kept in the stash",
        Foreseen::Deny => "denied",
    };
    format!("{verdict}: {done}: {why}")
}
