//! How much slower work is in a session than bare: ratios, each side measured in turns within one run.
//!
//!     cargo bench -p e2e --bench ratios                 # everything, about ten minutes
//!     cargo bench -p e2e --bench ratios -- pairs git    # what has one of these words in its name
//!
//! Nothing is asserted: a busy machine is no broken es-guard. The table says where the aim is missed.
#![forbid(unsafe_code)]

mod crowd;
mod grant;
mod measure;
mod stage;

use e2e::play::Play;
use e2e::row::Who;
use measure::{Aim, Line, of_turns};
use stage::{Place, Run};

/// Runs them.
pub(crate) fn run() {
    // Cargo hands down flags such as `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let stage = stage::Bench::new();
    println!("{}", Line::heading());
    for (name, measured) in all() {
        if wanted(name) {
            println!("{}", measured(name, &stage));
        }
    }
}

type Measured = fn(&'static str, &stage::Bench) -> Line;

fn all() -> Vec<(&'static str, Measured)> {
    vec![
        ("start-up: wrap -- true", start_up),
        ("pairs outside the zones, tmpfs", |name, b| pairs(name, b, Place::Tmpfs, Run::Outside)),
        ("pairs outside the zones, disk", |name, b| pairs(name, b, Place::Disk, Run::Outside)),
        ("pairs in a zone, tmpfs", |name, b| pairs(name, b, Place::Tmpfs, Run::Inside)),
        ("pairs in a zone, disk", |name, b| pairs(name, b, Place::Disk, Run::Inside)),
        ("a removal that is kept, against one that is judged", removals),
        ("reading opens", |name, b| untrapped(name, b, "opens", 200_000)),
        ("reads of 4 kB", |name, b| untrapped(name, b, "reads", 500_000)),
        ("writes of 4 kB", |name, b| untrapped(name, b, "writes", 300_000)),
        ("forks", |name, b| untrapped(name, b, "forks", 1_000)),
        ("execs", |name, b| untrapped(name, b, "execs", 400)),
        ("cargo build in a zone", cargo_build),
        ("git clone of 5,000 files in a zone", |name, b| git_clone(name, b, Run::Inside)),
        ("git clone of 5,000 files outside", |name, b| git_clone(name, b, Run::Outside)),
        ("memory of the helper, a million operations", memory),
        ("from a denial to its explanation", explanation),
        ("from a grant to its effect, a helper of its own", |name, _| {
            grant::to_effect(name, Play::embedded(Who::User))
        }),
        ("from a grant to its effect, system's helper", |name, _| {
            grant::to_effect(name, Play::new(Who::User))
        }),
        ("p99 of one operation, 64 sessions at a pace", |name, _| crowd::at_a_pace(name)),
        ("p99 of one operation, 64 sessions flat out", |name, _| crowd::flat_out(name)),
        ("memory of the system's helper, a session", |name, _| crowd::memory(name)),
    ]
}

fn start_up(name: &'static str, bench: &stage::Bench) -> Line {
    let turns = of_turns(200, || {
        [Run::Bare, Run::Inside].map(|run| bench.time(run, Place::Disk, "true".as_ref(), &[]))
    });
    Line::difference(name, &turns, Aim { at_most: 5.0, of: "ms above bare" })
}

fn pairs(name: &'static str, bench: &stage::Bench, place: Place, run: Run) -> Line {
    let turns = of_turns(15, || [Run::Floor, run].map(|run| bench.work(run, place, "pairs", 20_000)));
    let aim = (run == Run::Outside).then_some(Aim { at_most: 1.8, of: "× notify-and-continue" });
    let against_floor = Line::ratio(name, &turns, aim.unwrap_or(Aim::none("× notify-and-continue")));
    let bare = bench.work(Run::Bare, place, "pairs", 20_000);
    against_floor.remark(format!("bare {:.1} µs a pair", bare / 1e3))
}

fn removals(name: &'static str, bench: &stage::Bench) -> Line {
    let turns = of_turns(15, || ["target", "kept"].map(|dir| bench.removals(dir, 3_000)));
    Line::ratio(name, &turns, Aim { at_most: 2.0, of: "× one in an exempt place" })
}

fn untrapped(name: &'static str, bench: &stage::Bench, kind: &str, count: u32) -> Line {
    let of = |runs: [Run; 2]| of_turns(21, || runs.map(|run| bench.work(run, Place::Disk, kind, count)));
    let line = Line::ratio(name, &of([Run::Bare, Run::Inside]), Aim { at_most: 1.02, of: "× bare" });
    // What any filter costs, be it ever so small.
    let floor = Line::ratio(name, &of([Run::Bare, Run::Floor]), Aim::none("× bare"));
    line.remark(format!("the floor {:.3}", floor.figure()))
}

fn cargo_build(name: &'static str, bench: &stage::Bench) -> Line {
    let turns = of_turns(3, || [Run::Bare, Run::Inside].map(|run| bench.cargo_build(run)));
    Line::ratio(name, &turns, Aim { at_most: 1.03, of: "× bare" })
}

fn git_clone(name: &'static str, bench: &stage::Bench, guarded: Run) -> Line {
    let source = bench.repository(5_000);
    let turns = of_turns(7, || [Run::Bare, guarded].map(|run| bench.git_clone(run, &source)));
    Line::ratio(name, &turns, Aim { at_most: 1.08, of: "× bare" })
}

fn explanation(name: &'static str, bench: &stage::Bench) -> Line {
    let turns = of_turns(200, || [false, true].map(|explained| bench.refused(explained)));
    Line::difference(name, &turns, Aim::none("ms more than one that is not explained"))
}

fn memory(name: &'static str, bench: &stage::Bench) -> Line {
    // A pair is two operations.
    let kb = bench.work(Run::Inside, Place::Disk, "memory", 500_000);
    Line::amount(name, kb / 1024.0, Aim { at_most: 20.0, of: "MB" })
}
