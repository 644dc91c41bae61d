//! Stashes made by hand are put back, and stopped before every step.

mod scene;

use super::RestoreError;
use super::aside::is_aside;
use super::directory::close_again;
use super::perform::Trouble;
use super::select::{entries, session};
use helper_daemon::stash::{How, Kept, data_name, discard};
use jiff::Timestamp;
use scene::{ID, Scene, handle};
use std::fs::{self, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn left_in(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

#[test]
fn everything_comes_back_as_it_was() {
    for elsewhere in [false, true] {
        let (scene, before) = Scene::full(elsewhere);
        assert_eq!(scene.picture().len(), 1);
        let done = scene.restore(&[], false, usize::MAX).unwrap();
        assert_eq!(done.len(), 8);
        assert!(done.iter().all(|done| done.is_ok()), "{done:?}");
        assert_eq!(scene.picture(), before);
        assert_eq!((left_in(&scene.data()), scene.stash().left().count()), (0, 0));
    }
}

#[test]
fn stopped_before_any_step_nothing_is_lost_and_another_run_finishes_it() {
    for elsewhere in [false, true] {
        for steps in 0.. {
            let (scene, before) = Scene::full(elsewhere);
            let finished = scene.restore(&[], false, steps).is_some();
            let again = scene.restore(&[], false, usize::MAX).unwrap();
            assert!(again.iter().all(|done| done.is_ok()), "after {steps} steps: {again:?}");
            assert_eq!(scene.picture(), before, "after {steps} steps");
            assert_eq!((left_in(&scene.data()), scene.stash().left().count()), (0, 0));
            if finished {
                assert!(steps > 20, "{steps}");
                break;
            }
        }
    }
}

#[test]
fn what_is_there_is_left_alone_or_set_aside_and_can_come_back() {
    for elsewhere in [false, true] {
        let mut scene = Scene::new(elsewhere);
        fs::write(scene.path("f"), "old").unwrap();
        scene.take("f", How::Moved);
        fs::write(scene.path("f"), "newer").unwrap();
        let refused = scene.restore(&["f"], false, usize::MAX).unwrap();
        assert!(matches!(refused[0], Err(Trouble::Occupied)), "{refused:?}");
        assert_eq!(fs::read(scene.path("f")).unwrap(), b"newer");
        let done = scene.restore(&["f"], true, usize::MAX).unwrap();
        assert_eq!(done[0].as_ref().unwrap().aside, Some(1));
        assert_eq!(fs::read(scene.path("f")).unwrap(), b"old");
        let back = scene.restore_to(&[], &[1], None, true, usize::MAX).unwrap();
        assert_eq!(back[0].as_ref().unwrap().aside, Some(2));
        assert_eq!(fs::read(scene.path("f")).unwrap(), b"newer");
        // Run again, a restore does not undo itself.
        assert_eq!(scene.restore(&[], true, usize::MAX).unwrap().len(), 0);
    }
}

#[test]
fn stopped_before_any_step_of_a_replacement_both_are_there() {
    for elsewhere in [false, true] {
        for steps in 0.. {
            let mut scene = Scene::new(elsewhere);
            // A tree, or a file.
            let file = if elsewhere { "t" } else { "t/f" };
            let write = |scene: &Scene, content| {
                fs::create_dir_all(scene.path(file).parent().unwrap()).unwrap();
                fs::write(scene.path(file), content).unwrap();
            };
            write(&scene, "old");
            scene.take("t", How::Copied);
            write(&scene, "newer");
            let finished = scene.restore(&[], true, steps).is_some();
            scene.restore(&[], true, usize::MAX).unwrap();
            assert_eq!(fs::read(scene.path(file)).unwrap(), b"old", "after {steps} steps");
            let stash = scene.stash();
            let kept: Vec<&Kept> = stash.left().map(|(_, kept)| kept).collect();
            let newer = |kept: &&&Kept| {
                let there = scene.data().join(data_name(kept.entry));
                let file = if elsewhere { there } else { there.join("f") };
                is_aside(kept) && fs::read(file).is_ok_and(|content| content == b"newer")
            };
            assert!(kept.iter().any(|kept| newer(&kept)), "after {steps} steps: {kept:?}");
            if finished {
                break;
            }
        }
    }
}

#[test]
fn of_several_of_one_path_the_newest_comes_back_and_the_others_by_number() {
    let mut scene = Scene::new(false);
    for content in ["first", "second", "third"] {
        fs::write(scene.path("f"), content).unwrap();
        scene.take("f", How::Moved);
    }
    let stash = scene.stash();
    let chosen = entries(&stash, &["f".into()], &[], &scene.zone).unwrap();
    let numbers =
        |entries: &[&(Timestamp, Kept)]| entries.iter().map(|(_, kept)| kept.entry).collect::<Vec<_>>();
    assert_eq!((numbers(&chosen.entries), numbers(&chosen.older)), (vec![2], vec![0, 1]));
    scene.restore_to(&[], &[1], None, false, usize::MAX).unwrap();
    assert_eq!(fs::read(scene.path("f")).unwrap(), b"second");
    let unknown = entries(&stash, &[], &[9], &scene.zone).unwrap_err();
    assert!(matches!(unknown, RestoreError::NoEntry { entry: 9, .. }));
}

#[test]
fn a_directory_of_which_nothing_is_kept_is_made_and_told() {
    let mut scene = Scene::new(false);
    fs::create_dir_all(scene.path("gone/deep")).unwrap();
    fs::write(scene.path("gone/deep/f"), "x").unwrap();
    scene.take("gone/deep/f", How::Moved);
    fs::remove_dir_all(scene.path("gone")).unwrap();
    let done = scene.restore(&["gone/deep/f"], false, usize::MAX).unwrap();
    assert_eq!(done[0].as_ref().unwrap().made, [scene.path("gone"), scene.path("gone/deep")]);
    assert_eq!(fs::read(scene.path("gone/deep/f")).unwrap(), b"x");
}

#[test]
fn one_file_brings_the_directories_it_was_in() {
    let (scene, before) = Scene::full(false);
    assert_eq!(scene.restore(&["d/sub/f2"], false, usize::MAX).unwrap().len(), 3);
    let now = scene.picture();
    for name in ["d", "d/sub", "d/sub/f2"] {
        assert_eq!(now[&scene.path(name)], before[&scene.path(name)]);
    }
    assert!(!scene.path("d/f1").exists());
}

#[test]
fn a_symlink_in_the_place_of_a_directory_is_not_followed() {
    let mut scene = Scene::new(false);
    fs::create_dir(scene.path("d")).unwrap();
    fs::write(scene.path("d/f"), "x").unwrap();
    scene.take("d/f", How::Moved);
    fs::remove_dir(scene.path("d")).unwrap();
    let trap = tempfile::tempdir().unwrap();
    symlink(trap.path(), scene.path("d")).unwrap();
    let refused = scene.restore(&["d/f"], true, usize::MAX).unwrap();
    assert!(refused[0].as_ref().unwrap_err().to_string().contains("is a symlink now"), "{refused:?}");
    assert_eq!((left_in(trap.path()), scene.stash().left().count()), (0, 1));
}

#[test]
fn a_directory_that_was_made_writable_to_be_moved_gets_its_mode_again() {
    let mut scene = Scene::new(false);
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    fs::create_dir(scene.path("d")).unwrap();
    mode(&scene.path("d"), 0o555);
    scene.take("d", How::Moved);
    let kept = scene.data().join(data_name(0));
    mode(&kept, 0o755);
    fs::rename(kept, scene.path("d")).unwrap();
    close_again(scene.stash().directories_elsewhere());
    assert_eq!(scene.path("d").metadata().unwrap().permissions().mode() & 0o777, 0o555);
}

#[test]
fn everything_goes_below_another_directory_as_it_lay_in_its_zone() {
    let (scene, before) = Scene::full(false);
    let to = tempfile::tempdir_in("/dev/shm").unwrap();
    let done = scene.restore_to(&[], &[], Some(to.path()), false, usize::MAX).unwrap();
    assert!(done.iter().all(|done| done.is_ok()), "{done:?}");
    assert_eq!(scene.picture().len(), 1);
    let mut moved = Scene::new(false);
    let zone = std::mem::replace(&mut moved.zone, to.path().to_owned());
    let mut now: Vec<_> = moved.picture().into_iter().collect();
    moved.zone = zone;
    for (path, _) in &mut now {
        *path = scene.path(path.strip_prefix(to.path()).unwrap());
    }
    let stays = scene.path("stays");
    assert_eq!(now, before.into_iter().filter(|(path, _)| *path != stays).collect::<Vec<_>>());
    let _ = discard(handle(to.path()).as_fd(), c"tree");
}

#[test]
fn the_first_word_is_a_session_if_there_is_one_of_that_name() {
    let mut scene = Scene::new(false);
    let found = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(Into::into).collect();
        session(&scene.state, &words).map(|(name, paths)| (name.to_string(), paths.len()))
    };
    assert!(found(&[]).is_err(), "nothing is kept");
    fs::write(scene.path("f"), "x").unwrap();
    scene.take("f", How::Moved);
    let found = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(Into::into).collect();
        session(&scene.state, &words).map(|(name, paths)| (name.to_string(), paths.len()))
    };
    for (words, paths) in [
        (&[][..], 0),
        (&["last"], 0),
        (&["20260102"], 0),
        (&[ID, "f"], 1),
        (&["f", "g"], 2),
        (&["./20260102"], 1),
        (&["last", "last"], 1),
    ] {
        assert_eq!(found(words).unwrap(), (ID.to_owned(), paths), "{words:?}");
    }
    assert!(found(&["20260102-030405-ffff"]).is_err());
}
