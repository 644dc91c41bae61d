//! `es-guard why`, `check` and `request`: what an agent asks, inside its session or a person outside.
//!
//! The helper answers, which knows from the kernel who asks. The exit status says how things are: 0 allowed, 1 not,
//! 3 somebody was asked and has not answered, 2 that can't be told.

pub(crate) mod check;
mod request;
pub(crate) mod target;
pub(crate) mod why;

use crate::cli::{CheckArgs, RequestArgs, WhyArgs};
use crate::plan::PlanError;
use crate::plan::place::resolve_name;
use crate::render::{self, json, print};
use crate::sessions::SessionsError;
use crate::state::StateError;
use helper_daemon::client::ClientError;
use helper_daemon::protocol::{Refusal, RefusalCode, RequestState};
use helper_daemon::session::SessionId;
pub(crate) use request::sentence;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use target::TargetError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("find the current directory: {0}. Give the full path")]
    Cwd(#[source] std::io::Error),
    #[error("check: expected one path for this operation, or two for `rename` and `exchange`")]
    Paths,
    #[error("ask in session {session}: refused: {}", refusal.detail)]
    Refused { session: SessionId, refusal: Refusal },
}

impl AskError {
    /// What a session has answered; a refusal is that session's.
    pub(crate) fn of(session: &SessionId) -> impl Fn(ClientError) -> Self + '_ {
        |error| match error {
            ClientError::Refused(refusal) => AskError::Refused { session: session.clone(), refusal },
            other => other.into(),
        }
    }
}

/// How things are. The words are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It would be let through, or is.
    Allowed,
    /// It would not be.
    Denied,
    /// Somebody was asked, and has not answered.
    Pending,
    /// That can't be told, or could not be asked.
    Unknown,
}

/// Exit status where it can't be told.
const UNKNOWN: u8 = 2;

impl Status {
    fn exit(self) -> ExitCode {
        ExitCode::from(match self {
            Status::Allowed => 0,
            Status::Denied => 1,
            Status::Pending => 3,
            Status::Unknown => UNKNOWN,
        })
    }

    /// Of what was not answered: only es-guard's own files are let through for nobody, anything else is no answer.
    fn of_refusal(refusal: &Refusal) -> Self {
        match refusal.code {
            RefusalCode::EsGuardsOwn => Status::Denied,
            _ => Status::Unknown,
        }
    }

    fn of(state: &RequestState) -> Self {
        match state {
            RequestState::Pending => Status::Pending,
            RequestState::Granted { .. } => Status::Allowed,
            RequestState::Denied { .. } => Status::Denied,
        }
    }
}

/// The JSON form of a refusal.
#[derive(Serialize)]
struct Refused<'a> {
    session: &'a SessionId,
    status: Status,
    #[serde(flatten)]
    refusal: &'a Refusal,
}

/// Runs `es-guard why`.
pub(crate) fn why(args: &WhyArgs) -> ExitCode {
    ended(why::run(args), args.target.json)
}

/// Runs `es-guard check`.
pub(crate) fn check(args: &CheckArgs) -> ExitCode {
    ended(check::run(args), args.target.json)
}

/// Runs `es-guard request`.
pub(crate) fn request(args: &RequestArgs) -> ExitCode {
    ended(request::run(args), args.target.json)
}

fn ended(done: Result<Status, AskError>, as_json: bool) -> ExitCode {
    match done {
        Ok(status) => status.exit(),
        Err(AskError::Refused { session, refusal }) => {
            let status = Status::of_refusal(&refusal);
            if as_json {
                print(&json(&Refused { session: &session, status, refusal: &refusal }));
            } else {
                render::problem(&AskError::Refused { session, refusal });
            }
            status.exit()
        }
        Err(error) => {
            render::problem(&error);
            ExitCode::from(UNKNOWN)
        }
    }
}

/// A path as the kernel resolves it.
pub(crate) fn named(path: &Path) -> Result<PathBuf, AskError> {
    let cwd =
        if path.is_absolute() { PathBuf::new() } else { std::env::current_dir().map_err(AskError::Cwd)? };
    Ok(resolve_name(&cwd.join(path)))
}
