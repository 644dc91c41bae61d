//! How long it takes from a person's grant until it is in force: an agent tries all the while.

use super::measure::{Aim, Line};
use e2e::asking::{grant, revoke};
use e2e::play::Play;
use helper_daemon::protocol::{Channel, Event, Request};
use serde_json::Value;
use std::os::unix::net::UnixStream;
use std::time::Instant;

const TIMES: usize = 21;

/// The middle one of so many times, each with the start of the program that then succeeds.
pub(crate) fn to_effect(name: &'static str, play: Option<Play>) -> Line {
    let aim = Aim { at_most: 100.0, of: "ms" };
    let Some(mut play) = play else { return Line::amount(name, f64::NAN, aim) };
    let (session, path) = (play.session(), play.path("a"));
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            std::fs::write(&path, "old").expect("a file");
            play.agent.is_told("echo begun; until rm zone/a 2>/dev/null; do :; done; echo done");
            assert_eq!(play.agent.says(""), "begun");
            let before = Instant::now();
            assert!(matches!(asks(&play, &grant(&session, &path)), Event::Granted { .. }));
            assert_eq!(play.agent.says(""), "done");
            let took = before.elapsed().as_secs_f64() * 1e3;
            assert!(matches!(asks(&play, &revoke(&session, &path)), Event::Revoked { .. }));
            took
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let line = Line::amount(name, times[TIMES / 2], aim);
    line.remark(format!("at most {:.1} ms", times[TIMES - 1]))
}

fn asks(play: &Play, question: &Value) -> Event {
    let question: Request = serde_json::from_value(question.clone()).expect("a question");
    let mut channel = Channel::new(UnixStream::connect(&play.desk.socket).expect("a connection"));
    channel.ask(&question, &[]).expect("an answer")
}
