//! `es-guard approve`: what agents ask for, as it comes in, and a person's answers.
//!
//! | room | what it does |
//! |---|---|
//! | [`feed`] | what is asked for in all of the person's live sessions |
//! | [`lines`] | answers as lines, where there is no terminal |
//! | [`keys`] | one key each, on a terminal |
//! | [`text`] | a request as it is shown there, and what the keys mean |
//! | [`quiet`] | when a key answers nothing, as nobody has read what it would answer |
//! | [`notify`] | telling the desktop of what has come in |
//!
//! Whether it is granted is the helper's to say, which knows from the kernel who answers.

mod feed;
mod keys;
mod lines;
mod notify;
mod quiet;
mod text;

use crate::asking::AskError;
use crate::asking::target::{LAST, TargetError, places};
use crate::cli::ApproveArgs;
use crate::overrides::expiry;
use crate::render;
use feed::Open;
use helper_daemon::client::live::{self, Places};
use helper_daemon::protocol::{AccessRequest, Decision};
use jiff::{SignedDuration, Timestamp};
use std::io::{IsTerminal, stderr, stdin};
use std::process::ExitCode;

/// What the key for a while stands for, where whoever asked has not said how long.
const A_WHILE: SignedDuration = SignedDuration::from_mins(10);

/// What a person has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Once,
    For(SignedDuration),
    Session,
    Deny(Option<String>),
}

impl Answer {
    fn decision(&self) -> (Decision, Option<String>) {
        match self {
            Answer::Once => (Decision::Once, None),
            Answer::For(time) => (Decision::Until(expiry(Timestamp::now(), *time)), None),
            Answer::Session => (Decision::Session, None),
            Answer::Deny(word) => (Decision::Deny, word.clone()),
        }
    }
}

/// Runs `es-guard approve`: 0, or 1 if an answer was not taken.
pub(crate) fn run(args: &ApproveArgs) -> ExitCode {
    let places = match places(args.helper.as_deref()) {
        Ok(places) => places,
        Err(error) => return failed(&error),
    };
    if let Some(live) = live::inside(&places) {
        render::note(&format!(
            "this is inside session {}: whoever is inside answers nothing. Run it in another terminal",
            live.session
        ));
        return ExitCode::FAILURE;
    }
    let only = match args.session.as_deref().map(|wanted| meant(wanted, &places)).transpose() {
        Ok(only) => only,
        Err(error) => return failed(&error),
    };
    let feed = match feed::open(places, only) {
        Ok(feed) => feed,
        Err(error) => return failed(&error),
    };
    let done =
        if stdin().is_terminal() && stderr().is_terminal() { keys::run(feed) } else { lines::run(feed) };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the names begin with of the sessions that are meant; there must be one now.
fn meant(wanted: &str, places: &Places) -> Result<String, AskError> {
    let live = live::all(places)?;
    let found = if wanted == LAST {
        Ok(live.last().ok_or(TargetError::None)?.0.session.to_string())
    } else if !wanted.is_empty() && live.iter().any(|(live, _)| live.session.as_str().starts_with(wanted)) {
        Ok(wanted.to_owned())
    } else {
        Err(TargetError::Unknown(wanted.to_owned()))
    };
    Ok(found?)
}

fn failed(error: &AskError) -> ExitCode {
    render::problem(error);
    ExitCode::FAILURE
}

/// Answers, and tells what has become of the request, or why the answer was not taken.
fn answer(open: &Open, answer: &Answer) -> Result<AccessRequest, AskError> {
    let (decision, word) = answer.decision();
    let live = &open.live;
    live.answer(open.request.number, decision, word).map_err(AskError::of(&live.session))
}
