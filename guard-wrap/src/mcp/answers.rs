//! What each tool says, in the words that the command line has for it.

use crate::asking::{AskError, Status, check, named, sentence, why};
use helper_daemon::client::Live;
use helper_daemon::policy::Requests;
use helper_daemon::policy::operation::Op;
use helper_daemon::protocol::{AccessRequest, RefusalCode};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is answered, or why not.
pub(super) type Answer<T> = Result<T, AskError>;

/// How long a person's answer is waited for, where that is not said.
const WAIT: Duration = Duration::from_secs(600);
/// The longest: a day.
const MOST: f64 = 86_400.0;

/// What `explain_denial` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Denial {
    path: Option<PathBuf>,
}

/// What `check_access` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    operation: Op,
    path: PathBuf,
    destination: Option<PathBuf>,
}

/// What `request_override` is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Override {
    path: PathBuf,
    reason: String,
    operation: Option<Op>,
    minutes: Option<f64>,
    wait_seconds: Option<f64>,
}

impl Override {
    /// How long the answer is waited for.
    pub(super) fn wait(&self) -> Duration {
        self.wait_seconds.map_or(WAIT, time)
    }
}

/// A time that somebody has asked for, in seconds.
fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.min(MOST)).unwrap_or_default()
}

/// Why something was refused.
pub(super) fn explain(live: &Live, asked: &Denial) -> Answer<String> {
    let path = asked.path.as_deref().map(named).transpose()?;
    let known = live.denials(Some(0), None).map_err(AskError::of(&live.session))?.denials;
    let known = known.into_iter().map(|known| known.denial.into()).collect();
    match (why::last(known, path.as_deref()), path) {
        (Some(denial), _) => {
            let now = live.check(denial.op, &denial.path, denial.dest.as_deref()).ok();
            let request = now.as_ref().and_then(|(_, request)| request.as_ref());
            let status =
                now.as_ref().map_or(Status::Denied, |(now, request)| check::status(now, request.as_ref()));
            let decides = now.as_ref().map_or_else(Requests::default, |(now, _)| now.requests);
            Ok(why::text(&live.session, &denial, status, Some(decides), request))
        }
        (None, Some(path)) => {
            let now = would(live, Op::Unlink, &path, None)?;
            Ok(format!("Nothing of that name was refused in this session.\n{now}"))
        }
        (None, None) => Ok("Nothing was refused in this session.".to_owned()),
    }
}

/// What would become of something.
pub(super) fn access(live: &Live, asked: &Access) -> Answer<String> {
    let dest = asked.destination.as_deref().map(named).transpose()?;
    would(live, asked.operation, &named(&asked.path)?, dest.as_deref())
}

fn would(live: &Live, op: Op, path: &Path, dest: Option<&Path>) -> Answer<String> {
    let (checked, request) = live.check(op, path, dest).map_err(AskError::of(&live.session))?;
    let mut text = format!("{} ({})", check::sentence(op, path, dest, &checked), checked.code.word());
    if let Some(request) = request.filter(|_| !checked.is_allowed()) {
        text = format!("{text}\n{}", told(live, &request));
    }
    Ok(text)
}

/// Asks a person; `Err`: nothing has to be asked for, and why.
pub(super) fn request(live: &Live, asked: &Override) -> Answer<Result<AccessRequest, String>> {
    let path = named(&asked.path)?;
    let seconds = asked.minutes.map(|minutes| time(minutes * 60.0).as_secs().max(1));
    match live.request(&path, asked.operation, &asked.reason, seconds) {
        Ok(request) => Ok(Ok(request)),
        Err(error) => match error.code() {
            Some(RefusalCode::LetThroughAlready | RefusalCode::NotInAZone) => Ok(Err(error.to_string())),
            _ => Err(AskError::of(&live.session)(error)),
        },
    }
}

/// Waits so long for an answer.
pub(super) fn wait(live: &Live, number: u64, time: Duration) -> Answer<AccessRequest> {
    live.wait(number, Some(time), || {}).map_err(AskError::of(&live.session))
}

/// What has become of a request.
pub(super) fn told(live: &Live, request: &AccessRequest) -> String {
    sentence(&live.session, request)
}
