//! What is performed for a caller comes to exactly what it would have come to bare: the same error, the same
//! files of the same owners and modes afterwards; and nothing happens that bare would refuse.
//!
//! Every [act](ACTS) is done in every [place](PLACES) by one process of an ordinary user: bare, guarded outside
//! all zones, and guarded in one, there with the choice of a refusal where bare would remove something.
#![cfg(target_os = "linux")]

use e2e::bare::{Caller, can_be_made, same_as_bare};
use e2e::guard::Stage;
use e2e::parallel::every;
use e2e::places::{ACTS, PLACES, PROC_FILES, Place, place};
use e2e::require;
use e2e::sandbox::is_root;

fn everywhere(stage: &Stage) {
    let acts: Vec<String> = ACTS.iter().map(|act| (*act).to_owned()).collect();
    let places: Vec<&Place> = PLACES.iter().filter(|place| can_be_made(stage, place)).collect();
    every(&places, |place| same_as_bare(stage, Caller::USER, place, &acts));
}

fn in_procfs(stage: &Stage) {
    let of = |file: &&str| {
        ["wronly", "rdwr", "creat,wronly"]
            .map(|flags| format!("open @/{file} {flags}"))
            .into_iter()
            .chain([format!("truncate @/{file}")])
    };
    let steps: Vec<String> = PROC_FILES.iter().flat_map(of).collect();
    let places: Vec<Place> = [
        "/proc/OF_ROOT",
        "/proc/UNREADABLE",
        "/proc/OTHER",
        "/proc/CHILD",
        "/proc/self",
        "/proc/1",
        "/proc/OTHER/task/OTHER",
    ]
    .map(|path| place(path, ""))
    .into();
    every(&places, |place| same_as_bare(stage, Caller::USER, place, &steps));
}

/// Root, to make the places.
fn rooted(stage: Option<Stage>) -> Option<Stage> {
    if is_root() {
        return stage;
    }
    require::skip("root", "to make places of others");
    None
}

#[test]
fn seccomp_an_embedded_helper_comes_to_what_bare_comes_to() {
    rooted(Stage::with_engine()).iter().for_each(everywhere);
}

#[test]
fn seccomp_the_systems_helper_comes_to_what_bare_comes_to() {
    rooted(Stage::with_system_helper()).iter().for_each(everywhere);
}

#[test]
fn seccomp_an_embedded_helper_opens_in_procfs_what_bare_opens() {
    rooted(Stage::with_engine()).iter().for_each(in_procfs);
}

#[test]
fn seccomp_the_systems_helper_opens_in_procfs_what_bare_opens() {
    rooted(Stage::with_system_helper()).iter().for_each(in_procfs);
}
