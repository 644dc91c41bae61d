//! `es-guard request`.

use super::target::find;
use super::{AskError, Status, named};
use crate::cli::{RequestArgs, Until};
use crate::overrides::{shown, until};
use crate::render::{json, note, print};
use helper_daemon::denial::printable;
use helper_daemon::policy::operation::Op;
use helper_daemon::protocol::{AccessRequest, RefusalCode, RequestState};
use helper_daemon::session::SessionId;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// The JSON form.
#[derive(Serialize)]
struct Told<'a> {
    session: &'a SessionId,
    status: Status,
    /// As a refusal has one, or the request's state.
    code: &'a str,
    request: Option<&'a AccessRequest>,
}

pub(super) fn run(args: &RequestArgs) -> Result<Status, AskError> {
    let path = named(&args.path)?;
    let live = find(&args.target, &[&path])?.live;
    let seconds = match args.until {
        Some(Until::After(time)) => Some(time.as_secs().max(1) as u64),
        Some(Until::SessionEnds) | None => None,
    };
    let asked = live.request(&path, args.op.map(Into::into), &args.reason, seconds);
    let mut request = match asked {
        Ok(request) => request,
        Err(error) => {
            return already(args, &live.session, &path, error.code())
                .ok_or_else(|| AskError::of(&live.session)(error));
        }
    };
    if let (Some(wait), RequestState::Pending) = (args.wait, &request.state) {
        if !args.target.json {
            note(&format!(
                "request {} waits for an answer. A person answers with: es-guard approve",
                request.number
            ));
        }
        let time = match wait {
            Until::After(time) => Duration::try_from(time).ok(),
            Until::SessionEnds => None,
        };
        request = live.wait(request.number, time, || {}).map_err(AskError::of(&live.session))?;
    }
    let status = Status::of(&request.state);
    if args.target.json {
        let code = request.state.word();
        print(&json(&Told { session: &live.session, status, code, request: Some(&request) }));
    } else {
        print(&sentence(&live.session, &request));
    }
    Ok(status)
}

/// What needs no request.
fn already(
    args: &RequestArgs,
    session: &SessionId,
    path: &Path,
    code: Option<RefusalCode>,
) -> Option<Status> {
    let (code, words) = match code? {
        RefusalCode::LetThroughAlready => ("let_through_already", "is let through already"),
        RefusalCode::NotInAZone => ("not_in_a_zone", "is not protected: nothing has to be asked for"),
        _ => return None,
    };
    if args.target.json {
        print(&json(&Told { session, status: Status::Allowed, code, request: None }));
    } else {
        print(&format!("{} {words} (session {session})", shown(path)));
    }
    Some(Status::Allowed)
}

/// What has become of a request, in a sentence.
pub(crate) fn sentence(session: &SessionId, request: &AccessRequest) -> String {
    let only = |op: Option<Op>| op.map(|op| format!(" ({} only)", op.word())).unwrap_or_default();
    let path = format!("{}{}", shown(&request.path), only(request.op));
    match &request.state {
        RequestState::Pending => {
            let times =
                if request.times > 1 { format!(", asked {} times", request.times) } else { String::new() };
            format!(
                "request {} in session {session} waits for an answer{times}: {path}\nA person answers, outside the session, with: es-guard approve",
                request.number
            )
        }
        RequestState::Granted { granted } if granted.once => {
            format!("{path} is let through once, until {}", until(granted.expires_at))
        }
        RequestState::Granted { granted } => {
            let path = format!("{}{}", shown(&granted.path), only(granted.op));
            format!("{path} is let through, until {}", until(granted.expires_at))
        }
        RequestState::Denied { word, .. } => {
            let word =
                word.as_deref().filter(|word| !word.is_empty()).map(|word| format!(": {}", printable(word)));
            format!("{path} stays protected: the request was refused{}", word.unwrap_or_default())
        }
    }
}
