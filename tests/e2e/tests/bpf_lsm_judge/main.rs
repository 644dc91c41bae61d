//! What the kernel decides by a policy's table is what the judge decides by the policy: for random policies, trees and
//! operations. The kernel's decision is compiled here without the kernel.
//!
//! `ES_GUARD_TEST_SEED` is the number that they are made from.
#![cfg(target_os = "linux")]

mod made;

use e2e::guard::judge_of_the_kernel;
use e2e::require::{Pace, pace};
use helper_daemon::policy::Policy;
use helper_daemon::policy::judge::{Circumstances, Reason, Verdict, judge};
use helper_daemon::policy::operation::{Kind, Operation, Place};
use helper_daemon::policy::table::{FOREVER, Looked, Places, Says, Spot, Table};
use made::{Random, Tree, operation, policy, with_layers};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NOW: u64 = 1000;

/// The question, as the kernel would come to it. Where all is mounted at `mount` again, it goes on there.
fn question(number: u32, operation: &Operation, table: &Table, tree: &Tree, mount: Option<&Path>) -> String {
    let mut out = format!("{number} {NOW} {} {}", table.sealed, table.layers.len());
    table.layers.iter().for_each(|zones| write!(out, " {zones}").expect("room"));
    write!(out, " {}", table.freed.len()).expect("room");
    table.freed.iter().flatten().for_each(|end| write!(out, " {end}").expect("room"));
    let places: Vec<_> = operation.places().collect();
    for place in [places[0], places[places.len() - 1]] {
        let kind = match place.kind {
            None => 0,
            Some(Kind::Regular) => 1,
            Some(Kind::Directory) => 2,
            Some(Kind::Other) => 3,
        };
        let path = &place.paths[0];
        let steps = || path.ancestors().chain(mount.into_iter().flat_map(Path::ancestors));
        let below = mount.map_or(0, |_| path.ancestors().count());
        write!(out, " {kind} {} {} {below}", u8::from(place.own), steps().count()).expect("room");
        for step in steps() {
            let id = |path| match tree.look(path) {
                Looked::Directory(id) | Looked::Other(id) => Some(id),
                Looked::Alike | Looked::Nothing => None,
            };
            said(&mut out, id(step).and_then(|id| table.entries.get(&Spot::File(id))));
            let (Some(name), Some(above)) = (step.file_name(), step.parent()) else { continue };
            let spot = id(above).map(|id| Spot::Name(id, name.as_bytes().to_vec()));
            said(&mut out, spot.and_then(|spot| table.entries.get(&spot)));
            let exempt_from = table.exempt_names.get(name.as_bytes()).copied().unwrap_or_default();
            write!(out, " {exempt_from}").expect("room");
        }
    }
    out
}

fn said(out: &mut String, says: Option<&Says>) {
    let Some(says) = says else { return out.push_str(" 0") };
    write!(out, " 1 {} {} {} {}", says.zones, says.carried, says.exempts, says.opens).expect("room");
    says.until.iter().for_each(|end| write!(out, " {end}").expect("room"));
}

/// Each question's answer: the reason and the zone.
fn answers(questions: &[String]) -> Vec<String> {
    let mut judge = Command::new(judge_of_the_kernel());
    let mut judge = judge.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the kernel's judge");
    let mut asked = judge.stdin.take().expect("a pipe");
    let text = questions.join("\n");
    let asks = std::thread::spawn(move || asked.write_all(text.as_bytes()));
    let output = judge.wait_with_output().expect("its answers");
    asks.join().expect("a thread").expect("all questions are read");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("numbers").lines().map(str::to_owned).collect()
}

fn expected(policy: &Policy, operation: &Operation) -> (u32, Option<PathBuf>) {
    let when = Circumstances { now: NOW, in_kernel: true, ..Circumstances::default() };
    match judge(policy, operation, when) {
        Verdict::Allow => (0, None),
        Verdict::Deny(loss) => {
            let reason = match loss.reason {
                Reason::Removed => 1,
                Reason::MovedOut => 2,
                Reason::ZoneMoved => 3,
                Reason::Clobbered => 4,
                Reason::Sealed => 5,
                other => panic!("{other:?}"),
            };
            (reason, Some(loss.zone))
        }
        other => panic!("{other:?}"),
    }
}

fn seed() -> u64 {
    let seed = std::env::var("ES_GUARD_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    seed.unwrap_or(0x5eed_0000_0000_0001u64 ^ u64::from(std::process::id()))
}

fn count() -> usize {
    match pace() {
        Pace::Slow => 2_000,
        Pace::Normal => 40_000,
        Pace::Long => 1_000_000,
    }
}

/// The policy, what is done, the table's zones, and the kernel's question.
type Case = (Policy, Operation, Vec<PathBuf>, String);

/// Asks the kernel's judge what the other one says, and gives how often each reason was said.
fn both_agree(seed: u64, cases: &[Case]) -> HashMap<u32, usize> {
    let questions: Vec<_> = cases.iter().map(|(.., question)| question.clone()).collect();
    let answers = answers(&questions);
    assert_eq!(answers.len(), cases.len());
    let mut seen = HashMap::new();
    for ((policy, operation, zones, question), answer) in cases.iter().zip(&answers) {
        let (reason, zone) = answer.split_once(' ').expect("two numbers");
        let zone =
            usize::try_from(zone.parse::<i64>().expect("a number")).ok().map(|zone| zones[zone].clone());
        let told: (u32, _) = (reason.parse().expect("a number"), zone);
        let expected = expected(policy, operation);
        assert_eq!(told.0, expected.0, "seed {seed}: {operation:#?} by {policy:#?}\n{question}");
        // By one path more another zone may be called.
        if operation.places().all(|place| place.paths.len() == 1) {
            assert_eq!(told.1, expected.1, "seed {seed}: {operation:#?} by {policy:#?}\n{question}");
        }
        *seen.entry(expected.0).or_insert(0) += 1;
    }
    seen
}

#[test]
fn the_kernel_decides_by_the_table_what_the_judge_decides_by_the_policy() {
    decides_the_same(policy);
}

#[test]
fn the_kernel_judges_each_layer_by_itself() {
    let mut several = 0;
    decides_the_same(|tree, random| {
        let policy = with_layers(policy(tree, random), tree, random);
        several += usize::from(policy.layers.len() > 1);
        policy
    });
    assert!(several > 50, "{several}");
}

fn decides_the_same(mut policy: impl FnMut(&Tree, &mut Random) -> Policy) {
    let (seed, count) = (seed(), count());
    let mut random = Random(seed | 1);
    let mut cases = Vec::new();
    while cases.len() < count {
        let tree = Tree::grown(&mut random);
        let policy = policy(&tree, &mut random);
        // es-guard's own has a directory to be in.
        let Ok(table) = Table::lower(&policy, &tree) else { continue };
        assert!(table.freed.iter().flatten().all(|end| *end == FOREVER || *end <= NOW + 1));
        for _ in 0..8 {
            let (number, operation) = operation(&tree, &mut random);
            let question = question(number, &operation, &table, &tree, None);
            cases.push((policy.clone(), operation, table.zones.clone(), question));
        }
    }
    let seen = both_agree(seed, &cases);
    // Every verdict was among them, often enough to say something.
    assert!((0..=5).all(|reason| seen.get(&reason).is_some_and(|count| *count > 20)), "{seen:?}");
}

/// What the judge is asked where everything is mounted at `at` once more and is reached through that: a name has a path
/// more. Where one of two lies in a zone, the other one's place is where that lies, and not where it is seen.
fn seen_through(at: &Path, policy: &Policy, operation: Operation) -> Operation {
    let lies = |place: &Place| policy.guards(&place.paths[0], NOW, false).is_some();
    let seen = |mut place: Place, only_lies: bool| {
        let below = place.paths[0].strip_prefix("/").expect("absolute").to_owned();
        if !only_lies {
            place.paths.push(at.join(below));
        }
        place
    };
    match operation {
        Operation::Rename { from, to } => {
            let in_one = lies(&from);
            Operation::Rename { from: seen(from, false), to: seen(to, in_one) }
        }
        Operation::Exchange { first, second } => {
            let (one, other) = (lies(&first), lies(&second));
            Operation::Exchange { first: seen(first, other), second: seen(second, one) }
        }
        Operation::Unlink(place) => Operation::Unlink(seen(place, false)),
        Operation::Rmdir(place) => Operation::Rmdir(seen(place, false)),
        Operation::Write(place) => Operation::Write(seen(place, false)),
        Operation::Cover(place) => Operation::Cover(seen(place, false)),
    }
}

#[test]
fn what_is_only_seen_in_a_zone_is_outside_of_it_to_the_kernel_too() {
    let (seed, count) = (seed(), count());
    let mut random = Random(seed | 1);
    let (mut cases, mut only_seen) = (Vec::new(), 0);
    while cases.len() < count {
        let tree = Tree::grown(&mut random);
        let at = random.one(&tree.directories);
        let mut policy = policy(&tree, &mut random);
        // What is exempt or let through by a name's one path is so by each, to the kernel: that is another question.
        policy.overrides.clear();
        let plain =
            |path: &Path| path.iter().all(|name| name == "/" || "abf".contains(&*name.to_string_lossy()));
        let hidden = |path: &Path| path.starts_with(&at) && path != at;
        if at == Path::new("/")
            || policy.zones.iter().any(|zone| zone.internal || hidden(&zone.path))
            || tree.found.keys().any(|path| hidden(path) || !plain(path))
        {
            continue;
        }
        let Ok(table) = Table::lower(&policy, &tree) else { continue };
        for _ in 0..8 {
            let (number, operation) = operation(&tree, &mut random);
            if !operation.places().all(|place| plain(&place.paths[0])) {
                continue;
            }
            let question = question(number, &operation, &table, &tree, Some(&at));
            let operation = seen_through(&at, &policy, operation);
            only_seen += operation.places().filter(|place| place.paths.len() == 1).count();
            cases.push((policy.clone(), operation, table.zones.clone(), question));
        }
    }
    let seen = both_agree(seed, &cases);
    assert!((0..=4).all(|reason| seen.get(&reason).is_some_and(|count| *count > 10)), "{seen:?}");
    assert!(only_seen > 20, "{only_seen}");
}
