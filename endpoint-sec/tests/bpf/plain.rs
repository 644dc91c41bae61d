//! What was found out once of a directory in no zone holds until something changes, and no longer.

use crate::world::{EMPTY, Here, bare, node, said, table, world};
use endpoint_sec::linux::bpf::layout::es_entry;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

/// One thread removes two files beside one another, says so, waits, and tries the third, wherever its directory is by then.
const REMOVES: &str = "exec perl -e 'chdir shift; unlink $_ or die for 1, 2; open F, q(>), q(ready) or die; close F; \
                       select undef, undef, undef, 0.01 until -e q(go); print unlink(3) ? q(taken) : qq($!)' -- ";

fn folder(made: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let made = bare(dir.path(), &format!("mkdir -p z out && {made} && touch $d/1 $d/2 $d/3"));
    assert!(made.status.success(), "{}", said(&made));
    dir
}

fn removes(world: &Here, session: u32, dir: &Path, at: &str) -> Child {
    let mut child = world.shell(session, dir, &format!("{REMOVES}{at}"));
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !dir.join(at).join("ready").exists() {
        assert!(
            Instant::now() < until && child.try_wait().unwrap().is_none(),
            "{at}: it does not come to it"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// What the third try comes to after `change`; `then` says where the directory is.
fn third(made: &str, at: &str, then: &str, change: impl Fn(&Here, u32, &Path)) -> String {
    let Some(world) = world() else { return "Operation not permitted".to_owned() };
    let dir = folder(made);
    let session = world.session(&[&dir.path().join("z")], 0);
    let child = removes(&world, session, dir.path(), at);
    change(&world, session, dir.path());
    fs::write(dir.path().join(then).join("go"), "").unwrap();
    let output = child.wait_with_output().unwrap();
    world.end(session);
    bare(dir.path(), "umount z/m mnt 2>/dev/null");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn person(script: &str) -> impl Fn(&Here, u32, &Path) {
    move |_, _, dir| {
        let done = bare(dir, script);
        assert!(done.status.success(), "{script}: {}", said(&done));
    }
}

const REFUSED: &str = "Operation not permitted";

#[test]
fn bpf_lsm_a_directory_that_comes_into_a_zone_is_in_it_at_once() {
    let made = "d=out/a/d && mkdir -p $d";
    assert_eq!(third(made, "out/a/d", "z/d", person("mv out/a/d z/d")), REFUSED);
    assert_eq!(third(made, "out/a/d", "z/out/a/d", person("mv out z/out")), REFUSED);
    assert_eq!(third(made, "out/a/d", "z/a/d", person("mv out/a z/a && mv out elsewhere")), REFUSED);
    let mounted = "d=mnt/d && mkdir mnt z/m && mount -t tmpfs t mnt && mkdir $d";
    assert_eq!(third(mounted, "mnt/d", "z/m/d", person("mount --move mnt z/m")), REFUSED);
}

#[test]
fn bpf_lsm_a_directory_that_becomes_a_zone_is_one_at_once() {
    let made = "d=out/a/d && mkdir -p $d";
    let becomes = |world: &Here, session, dir: &Path| {
        let zones = [dir.join("z"), dir.join("out")];
        let mut inner = world.lock();
        inner.floor.write(session, 2, &table(&zones.each_ref().map(|zone| zone.as_path()), 0)).unwrap();
        inner.floor.swap(session, 2).unwrap();
    };
    assert_eq!(third(made, "out/a/d", "out/a/d", becomes), REFUSED);
}

#[test]
fn bpf_lsm_what_changes_nothing_there_lets_go() {
    let Some(_) = world() else { return };
    let made = "d=out/a/d && mkdir -p $d";
    assert_eq!(third(made, "out/a/d", "out/a/d", |_, _, _| {}), "taken");
    assert_eq!(third(made, "out/a/d", "elsewhere/a/d", person("mv out elsewhere")), "taken");
    assert_eq!(
        third(
            made,
            "out/a/d",
            "out/a/d",
            person("mkdir z/n && mv z/n z/o && mount -t tmpfs t z/o && umount z/o")
        ),
        "taken"
    );
}

#[test]
fn bpf_lsm_a_file_that_is_kept_is_told_among_others_in_a_plain_directory() {
    let Some(world) = world() else { return };
    let dir = folder("d=out && echo kept >z/f && ln z/f out/4");
    let session = world.session(&[&dir.path().join("z")], 1);
    let mut rules = table(&[&dir.path().join("z")], 1);
    rules.places.push((node(&dir.path().join("z/f")), es_entry { zones: 1, ..EMPTY }));
    world.lock().floor.write(session, 2, &rules).unwrap();
    world.lock().floor.swap(session, 2).unwrap();
    let (output, denials) = world.run(
        session,
        &dir.path().join("out"),
        "exec perl -e 'unlink $_ or die for 1, 2, 3; unlink 4 or print $!'",
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), REFUSED, "{}", said(&output));
    assert_eq!(denials.len(), 1);
    world.end(session);
}
