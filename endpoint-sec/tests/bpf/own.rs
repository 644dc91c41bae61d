//! What a session has made is its own, and nothing else is.

use crate::world::{Here, bare, said, world};
use std::path::Path;

/// Runs each of these in one session over one folder, `person:` scripts outside of it, and gives what `last` said.
fn play(world: &Here, dir: &Path, scripts: &[&str]) -> Vec<bool> {
    let session = world.session(&[&dir.join("z")], 0);
    let ended = scripts.iter().map(|script| match script.strip_prefix("person: ") {
        Some(script) => {
            let output = bare(dir, script);
            assert!(output.status.success(), "{script}: {}", said(&output));
            true
        }
        None => world.run(session, dir, script).0.status.success(),
    });
    let ended = ended.collect();
    world.end(session);
    ended
}

fn plays(scripts: &[&str], succeed: &[bool]) {
    let Some(world) = world() else { return };
    let dir = tempfile::tempdir().unwrap();
    assert!(
        bare(dir.path(), "mkdir -p z/d out; echo old >z/f; echo old >z/g; echo old >z/d/f").status.success()
    );
    assert_eq!(play(&world, dir.path(), scripts), succeed, "{scripts:?}");
}

#[test]
fn bpf_lsm_own_is_removed_and_moved_at_will() {
    plays(&["echo new >z/new; rm z/new"], &[true]);
    plays(&["mkdir -p z/a/b/c; touch z/a/b/f z/a/g; rm -r z/a"], &[true]);
    plays(&["ln -s x z/l; mkfifo z/p; rm z/l z/p"], &[true]);
    plays(&["echo new >z/new; mv z/new out/new; mv out/new z/new; rm z/new"], &[true]);
    plays(&["echo new >z/a; mv z/a z/b; mv z/b z/d/c; rm z/d/c"], &[true]);
    plays(&["mkdir z/a; touch z/a/f; mv z/a out/a"], &[true]);
    plays(&["echo x >z/a; echo y >z/b; mv z/a z/b; rm z/b"], &[true]);
    plays(&["set -e; for i in $(seq 50); do mktemp -p z >/dev/null; done; rm z/tmp.*"], &[true]);
}

#[test]
fn bpf_lsm_an_older_file_that_is_opened_to_be_made_is_not_own() {
    plays(&["echo more >z/f; rm z/f"], &[false]);
    plays(&["person: echo 2 >/proc/sys/vm/drop_caches", ": >>z/f; rm z/f"], &[true, false]);
    plays(&["mkdir z/d; rmdir z/d"], &[false]);
}

#[test]
fn bpf_lsm_what_a_person_made_again_is_the_persons() {
    plays(&["touch z/new", "person: rm z/new; echo mine >z/new", "rm z/new"], &[true, true, false]);
    plays(&["touch z/new", "person: rm z/new; touch z/x z/y z/new", "rm z/new"], &[true, true, false]);
    plays(&["touch z/new", "person: mv z/f z/new", "rm z/new"], &[true, true, false]);
    plays(&["mkdir z/new", "person: rmdir z/new; mkdir z/new", "rmdir z/new"], &[true, true, false]);
}

#[test]
fn bpf_lsm_a_saved_file_is_no_more_own() {
    plays(&["echo new >z/t; mv z/t z/f", "rm z/f"], &[true, false]);
    plays(&["echo new >z/t; mv z/t z/f; mv z/f z/t", "rm z/t"], &[true, false]);
    plays(&["touch z/new; perl -e 'rename q(z/f), q(z/new) or die'", "rm z/new"], &[true, false]);
}

#[test]
fn bpf_lsm_a_further_name_of_older_content_is_own_while_there_is_another() {
    plays(&["ln z/f z/h; rm z/h"], &[true]);
    plays(&["ln z/f z/h", "person: rm z/f", "rm z/h"], &[true, true, false]);
    plays(&["ln z/f z/h; rm z/f"], &[false]);
    plays(&["echo new >z/a; ln z/a z/b; rm z/a; rm z/b"], &[true]);
    plays(&["cp -al z/d z/e; rm -r z/e"], &[true]);
}

#[test]
fn bpf_lsm_a_directory_is_own_only_with_all_that_is_in_it() {
    plays(&["mkdir z/a; mv z/f z/a/f; mv z/a out/a"], &[false]);
    plays(&["mkdir -p z/a/b/c", "person: touch z/a/b/c/mine", "mv z/a out/a"], &[true, true, false]);
    plays(&["mkdir -p z/a/b", "person: mv z/f z/a/b", "mv z/a out/a"], &[true, true, false]);
    plays(&["mkdir z/a; ln z/f z/a/f; mv z/a out/a"], &[false]);
    plays(&["mkdir z/a", "person: touch z/a/mine", "rm -r z/a"], &[true, true, false]);
    plays(&["mkdir z/a; touch z/a/f; cat z/a/f; mv z/a z/b; mv z/b out/"], &[true]);
}

#[test]
fn bpf_lsm_another_sessions_is_not_own() {
    let Some(world) = world() else { return };
    let dir = tempfile::tempdir().unwrap();
    assert!(bare(dir.path(), "mkdir z").status.success());
    let zone = dir.path().join("z");
    let (one, other) = (world.session(&[&zone], 0), world.session(&[&zone], 0));
    assert!(world.run(one, dir.path(), "touch z/a z/b").0.status.success());
    assert!(!world.run(other, dir.path(), "rm z/a").0.status.success());
    assert!(world.run(one, dir.path(), "rm z/a").0.status.success());
    let counted = world.counted(one);
    assert_eq!((counted.own, counted.forgotten), (1, 0));
    world.end(one);
    world.end(other);
}
