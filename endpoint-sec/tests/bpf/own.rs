//! What a session has made is its own, and nothing else is.

use crate::world::{Here, bare, said, world};
use std::fs;
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

/// A file system of its own, as people have it: with inodes that leave memory, and numbers that come again.
struct Ext4 {
    world: Here,
    dir: tempfile::TempDir,
}

impl Ext4 {
    fn new() -> Option<Self> {
        let world = world()?;
        let dir = tempfile::tempdir().unwrap();
        let make = "mkdir at && truncate -s 16M image && PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q image && \
                    mount -o loop image at";
        let made = bare(dir.path(), make);
        assert!(made.status.success(), "{}", said(&made));
        Some(Self { world, dir })
    }

    fn plays(&self, scripts: &[&str], succeed: &[bool]) {
        let dir = tempfile::tempdir_in(self.dir.path().join("at")).unwrap();
        let at = |name: &str| dir.path().join(name);
        [at("z/d"), at("out")].iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        [at("z/f"), at("z/g"), at("z/d/f")].iter().for_each(|file| fs::write(file, "old\n").unwrap());
        assert_eq!(play(&self.world, dir.path(), scripts), succeed, "{scripts:?}");
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        bare(self.dir.path(), "umount at");
    }
}

#[test]
fn bpf_lsm_own_is_removed_and_moved_at_will() {
    let Some(ext4) = Ext4::new() else { return };
    ext4.plays(&["echo new >z/new; rm z/new"], &[true]);
    ext4.plays(&["mkdir -p z/a/b/c; touch z/a/b/f z/a/g; rm -r z/a"], &[true]);
    ext4.plays(&["ln -s x z/l; mkfifo z/p; rm z/l z/p"], &[true]);
    ext4.plays(&["echo new >z/new; mv z/new out/new; mv out/new z/new; rm z/new"], &[true]);
    ext4.plays(&["echo new >z/a; mv z/a z/b; mv z/b z/d/c; rm z/d/c"], &[true]);
    ext4.plays(&["mkdir z/a; touch z/a/f; mv z/a out/a"], &[true]);
    ext4.plays(&["echo x >z/a; echo y >z/b; mv z/a z/b; rm z/b"], &[true]);
    ext4.plays(&["set -e; for i in $(seq 50); do mktemp -p z >/dev/null; done; rm z/tmp.*"], &[true]);
}

#[test]
fn bpf_lsm_an_older_file_that_is_opened_to_be_made_is_not_own() {
    let Some(ext4) = Ext4::new() else { return };
    ext4.plays(&["echo more >z/f; rm z/f"], &[false]);
    ext4.plays(&["person: echo 2 >/proc/sys/vm/drop_caches", ": >>z/f; rm z/f"], &[true, false]);
    ext4.plays(&["mkdir z/d; rmdir z/d"], &[false]);
}

#[test]
fn bpf_lsm_what_a_person_made_again_is_the_persons() {
    let Some(ext4) = Ext4::new() else { return };
    ext4.plays(&["touch z/new", "person: rm z/new; echo mine >z/new", "rm z/new"], &[true, true, false]);
    ext4.plays(&["touch z/new", "person: rm z/new; touch z/x z/y z/new", "rm z/new"], &[true, true, false]);
    ext4.plays(&["touch z/new", "person: mv z/f z/new", "rm z/new"], &[true, true, false]);
    ext4.plays(&["mkdir z/new", "person: rmdir z/new; mkdir z/new", "rmdir z/new"], &[true, true, false]);
}

#[test]
fn bpf_lsm_a_saved_file_is_no_more_own() {
    let Some(ext4) = Ext4::new() else { return };
    ext4.plays(&["echo new >z/t; mv z/t z/f", "rm z/f"], &[true, false]);
    ext4.plays(&["echo new >z/t; mv z/t z/f; mv z/f z/t", "rm z/t"], &[true, false]);
    ext4.plays(&["touch z/new; perl -e 'rename q(z/f), q(z/new) or die'", "rm z/new"], &[true, false]);
}

#[test]
fn bpf_lsm_a_further_name_of_older_content_is_own_while_there_is_another() {
    let Some(ext4) = Ext4::new() else { return };
    ext4.plays(&["ln z/f z/h; rm z/h"], &[true]);
    ext4.plays(&["ln z/f z/h", "person: rm z/f", "rm z/h"], &[true, true, false]);
    ext4.plays(&["ln z/f z/h; rm z/f"], &[false]);
    ext4.plays(&["echo new >z/a; ln z/a z/b; rm z/a; rm z/b"], &[true]);
    ext4.plays(&["cp -al z/d z/e; rm -r z/e"], &[true]);
}

#[test]
fn bpf_lsm_a_directory_is_own_only_with_all_that_is_in_it() {
    let Some(ext4) = Ext4::new() else { return };
    ext4.plays(&["mkdir z/a; mv z/f z/a/f; mv z/a out/a"], &[false]);
    ext4.plays(&["mkdir -p z/a/b/c", "person: touch z/a/b/c/mine", "mv z/a out/a"], &[true, true, false]);
    ext4.plays(&["mkdir -p z/a/b", "person: mv z/f z/a/b", "mv z/a out/a"], &[true, true, false]);
    ext4.plays(&["mkdir z/a; ln z/f z/a/f; mv z/a out/a"], &[false]);
    ext4.plays(&["mkdir z/a", "person: touch z/a/mine", "rm -r z/a"], &[true, true, false]);
    ext4.plays(&["mkdir z/a; touch z/a/f; cat z/a/f; mv z/a z/b; mv z/b out/"], &[true]);
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
