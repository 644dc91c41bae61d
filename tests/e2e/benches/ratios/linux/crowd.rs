//! Sixty-four sessions of eight users at once in the system's helper: what one operation takes then, and what
//! memory a session takes. They need root.

use super::measure::{Aim, Line};
use e2e::crowd::{Crowd, Member};
use e2e::guard::Stage;
use e2e::system::private_memory;
use std::time::Duration;

const SESSIONS: u32 = 64;
const USERS: u32 = 8;
const OPERATIONS: usize = 1_000;
/// With it, 64 sessions keep two processors about half busy.
const PAUSE: Duration = Duration::from_millis(10);

fn member(stage: &Stage, number: u32, pause: Duration) -> Member {
    Member::at_ease(stage, number % USERS, OPERATIONS, pause)
}

/// The middle one of so many sessions' 99th percentiles of one operation, in nanoseconds.
fn latency(stage: &Stage, sessions: u32, pause: Duration) -> f64 {
    let mut crowd = Crowd::gather(sessions, |n| member(stage, n, pause));
    let mut figures: Vec<_> = crowd.works().into_iter().map(|[_, high]| high).collect();
    crowd.ends();
    figures.sort_unstable();
    figures[figures.len() / 2] as f64
}

fn under_load(name: &'static str, pause: Duration, aim: Aim) -> Line {
    let Some(stage) = Stage::with_system_helper() else { return Line::amount(name, f64::NAN, aim) };
    let [idle, loaded] = [1, SESSIONS].map(|sessions| latency(&stage, sessions, pause));
    let line = Line::ratio(name, &[[idle, loaded]], aim);
    line.remark(format!("idle {:.0} µs, under load {:.0} µs", idle / 1e3, loaded / 1e3))
}

/// Sessions that do one operation in ten milliseconds, against one such session alone.
pub(crate) fn at_a_pace(name: &'static str) -> Line {
    under_load(name, PAUSE, Aim { at_most: 5.0, of: "× idle" })
}

/// Sessions that do nothing but guarded operations: for want of processors each waits for all others, so this
/// grows with the number of sessions, whatever one operation takes.
pub(crate) fn flat_out(name: &'static str) -> Line {
    under_load(name, Duration::ZERO, Aim { at_most: 5.0, of: "× idle" })
}

/// What the monitor and all workers share with nobody, after the work.
pub(crate) fn memory(name: &'static str) -> Line {
    let aim = Aim { at_most: 1024.0, of: "kB" };
    let Some(mut stage) = Stage::with_system_helper() else { return Line::amount(name, f64::NAN, aim) };
    let mut crowd = Crowd::gather(SESSIONS, |n| member(&stage, n, Duration::ZERO));
    crowd.works();
    let bytes = private_memory(stage.system_helper().expect("a helper").pid());
    crowd.ends();
    Line::amount(name, bytes as f64 / f64::from(SESSIONS) / 1024.0, aim)
}
