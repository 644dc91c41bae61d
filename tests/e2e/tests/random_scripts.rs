//! Ten thousand random scripts of a tree and a person: nothing of the person's is ever lost, nothing but what
//! would lose it is ever refused. See [`e2e::random`].
#![cfg(target_os = "linux")]

use e2e::guard::Stage;
use e2e::parallel;
use e2e::random::make::{Dice, script};
use e2e::random::place::{Care, Rules};
use e2e::random::shorten::shorten;
use e2e::random::{Course, Script, run};
use e2e::require::{Pace, pace};
use e2e::row::Who;
use e2e::sandbox::everyone;
use e2e::sandbox::is_root;
use std::time::{SystemTime, UNIX_EPOCH};

/// Refused in both zones, kept in both, kept in one.
const RULES: [Rules; 3] = [
    Rules { zone: Care::Refused, other: Care::Refused },
    Rules { zone: Care::Kept, other: Care::Kept },
    Rules { zone: Care::Kept, other: Care::Refused },
];
/// Played in one session.
const IN_A_SESSION: u64 = 250;

/// `ES_GUARD_TEST_SEED`, or the same for everybody; where much is tried, another one each time.
fn seed() -> u64 {
    if let Ok(seed) = std::env::var("ES_GUARD_TEST_SEED") {
        return seed.parse().expect("ES_GUARD_TEST_SEED is a number");
    }
    match pace() {
        Pace::Long => SystemTime::now().duration_since(UNIX_EPOCH).expect("a date").as_secs(),
        Pace::Normal | Pace::Slow => 1,
    }
}

fn count() -> u64 {
    if let Ok(count) = std::env::var("ES_GUARD_TEST_SCRIPTS") {
        return count.parse().expect("ES_GUARD_TEST_SCRIPTS is a number");
    }
    match pace() {
        // Root plays them as root and as a user.
        Pace::Normal if is_root() => 10_000,
        Pace::Normal => 250,
        Pace::Long => 200_000,
        Pace::Slow => 500,
    }
}

#[test]
fn seccomp_nothing_of_a_persons_is_lost_and_nothing_else_is_refused() {
    let stages = Stage::of_every_helper();
    let (seed, count) = (seed(), count());
    let courses = stages.iter().flat_map(|stage| {
        RULES.into_iter().flat_map(move |rules| {
            everyone().into_iter().map(move |who| (stage, Course { who, rules, guarded: true }))
        })
    });
    let courses: Vec<_> = courses.collect();
    if courses.is_empty() {
        return;
    }
    let sessions: Vec<_> = (0..count.div_ceil(IN_A_SESSION)).collect();
    parallel::every(&sessions, |session| {
        let (stage, course) = courses[*session as usize % courses.len()];
        let first = session * IN_A_SESSION;
        let numbers: Vec<u64> = (first..count.min(first + IN_A_SESSION)).collect();
        let scripts: Vec<Script> = numbers.iter().map(|number| script(Dice::of(seed, *number))).collect();
        let troubles = run(stage, course, &scripts);
        let told = troubles.into_iter().map(|trouble| {
            let script = &scripts[trouble.number];
            let number = numbers[trouble.number];
            let (short, findings) = match shorten(stage, course, script) {
                Some((short, findings)) => (short, findings),
                // It takes what came before, or luck.
                None => (script.clone(), trouble.findings),
            };
            format!(
                "ES_GUARD_TEST_SEED={seed}, script {number}, {course:?}:\n{}\n{short}",
                findings.join("\n")
            )
        });
        told.collect()
    });
}

/// The proof that losses are seen: nothing is guarded, and every deletion goes through.
#[test]
fn bare_losses_are_seen() {
    let stage = Stage::new();
    let scripts: Vec<Script> = (0..100).map(|number| script(Dice::of(1, number))).collect();
    for rules in RULES {
        let course = Course { who: Who::User, rules, guarded: false };
        let seen = scripts.iter().filter(|script| {
            let troubles = run(&stage, course, std::slice::from_ref(script));
            troubles
                .iter()
                .flat_map(|trouble| &trouble.findings)
                .any(|finding| finding.contains("lost: ") || finding.contains("not kept: "))
        });
        let seen = seen.count();
        assert!(seen > 20, "of {} scripts {seen} are seen to lose something under {rules:?}", scripts.len());
    }
}
