//! Who belongs to a session, when a table counts, and what stays when nobody looks.

use crate::world::{EMPTY, Here, bare, go_on, node, pins, said, table, world, world_alone};
use endpoint_sec::linux::bpf::layout::{ES_LAYOUT, es_entry};
use endpoint_sec::linux::bpf::{Error, Floor, Reason};
use endpoint_sec::linux::token::AuditToken;
use std::path::Path;
use std::time::{Duration, Instant};

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        bare(dir.path(), "mkdir -p z/open out; echo old >z/f; echo old >z/open/f; echo old >z/g")
            .status
            .success()
    );
    dir
}

#[test]
fn bpf_lsm_descendants_belong_however_they_are_started() {
    let Some(world) = world() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    let ways = [
        "bash -c 'bash -c \"rm z/f\"'",
        "(rm z/f)",
        "setsid rm z/f",
        "perl -e 'system(q(rm), q(z/f)) == 0 or die'",
        "unshare -Ur --pid --fork rm z/f",
        "unshare --pid --fork --mount-proc rm z/f",
        "exec -a other rm z/f",
        "python3 -c 'import threading,os,sys\nt=threading.Thread(target=lambda: os.unlink(\"z/f\"))\nt.start(); t.join()\nsys.exit(os.path.exists(\"z/f\"))'",
        "nohup bash -c '(sleep 0.3; rm z/f) & disown' >/dev/null 2>&1; sleep 2; test ! -e z/f",
    ];
    for way in ways {
        let (output, denials) = world.run(session, dir.path(), way);
        assert!(!output.status.success() && denials.len() == 1, "{way}: {}: {denials:?}", said(&output));
    }
    world.end(session);
}

#[test]
fn bpf_lsm_a_tree_is_found_and_counted_when_its_root_has_died() {
    let Some(world) = world() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    let (output, _) = world.run(session, dir.path(), "setsid sleep 300 >/dev/null 2>&1 & echo $!");
    let pid: i32 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    let token = AuditToken::of(pid).unwrap();
    assert_eq!(world.lock().floor.members(session).unwrap(), [token]);
    assert_eq!(world.lock().floor.session_of(token).unwrap(), Some(session));
    assert_eq!(world.lock().floor.session_of(AuditToken::of(1).unwrap()).unwrap(), None);
    assert_eq!(world.counted(session).alive, 1);
    assert!(matches!(world.lock().floor.end(session), Err(Error::Alive { alive: 1, .. })));
    assert!(
        matches!(world.lock().floor.enrol(session, token), Err(Error::NotThere(_))),
        "it belongs to it already"
    );
    assert!(bare(Path::new("/"), &format!("kill {pid}")).status.success());
    let mut ended = false;
    let until = Instant::now() + Duration::from_secs(60);
    while !ended && Instant::now() < until {
        let mut inner = world.lock();
        inner.read();
        ended |= inner.ended.contains(&session);
        drop(inner);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(ended);
    assert_eq!(world.counted(session).alive, 0);
    world.end(session);
    assert_eq!(world.lock().floor.session(session).unwrap(), None);
}

#[test]
fn bpf_lsm_a_process_that_is_not_there_joins_nothing() {
    let Some(world) = world() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    let me = AuditToken::of(std::process::id() as i32).unwrap();
    let earlier = AuditToken { start: me.start - 1, ..me };
    assert!(
        matches!(world.lock().floor.enrol(session, earlier), Err(Error::NotThere(_))),
        "another start, another process"
    );
    assert_eq!(world.lock().floor.members(session).unwrap(), []);
    world.end(session);
}

#[test]
fn bpf_lsm_no_child_of_a_crowd_is_missed() {
    let Some(world) = world() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    let crowd = "for i in $(seq 60); do (rm -f z/f 2>/dev/null || echo no) & done | sort | uniq -c; wait";
    let (output, denials) = world.run(session, dir.path(), crowd);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "60 no");
    assert_eq!(denials.len(), 60);
    assert_eq!(world.counted(session).alive, 0);
    world.end(session);
}

#[test]
fn bpf_lsm_a_table_counts_from_one_operation_to_the_next() {
    let Some(world) = world() else { return };
    let dir = folder();
    let zone = dir.path().join("z");
    let session = world.session(&[&zone], 0);
    let try_all = "rm z/open/f; rm z/g";
    assert_eq!(world.run(session, dir.path(), try_all).1.len(), 2);
    // Another version, with an override of one directory that never ends.
    let mut opened = table(&[&zone], 0);
    let entry = es_entry { opens: 1, until: [u64::MAX; 4], ..EMPTY };
    opened.places.push((node(&zone.join("open")), entry));
    world.lock().floor.write(session, 2, &opened).unwrap();
    assert_eq!(world.run(session, dir.path(), "rm z/open/f").1.len(), 1, "it does not count yet");
    world.lock().floor.swap(session, 2).unwrap();
    world.lock().floor.forget(session, 1).unwrap();
    let (output, denials) = world.run(session, dir.path(), try_all);
    assert_eq!(denials.len(), 1, "{}", said(&output));
    assert!(!zone.join("open/f").exists() && zone.join("g").exists());
    world.end(session);
}

#[test]
fn bpf_lsm_an_override_ends_by_itself() {
    let Some(world) = world() else { return };
    let dir = folder();
    let zone = dir.path().join("z");
    let session = world.session(&[&zone], 0);
    let mut opened = table(&[&zone], 0);
    let entry = es_entry { opens: 1, until: [1; 4], ..EMPTY };
    opened.places.push((node(&zone.join("open")), entry));
    world.lock().floor.write(session, 2, &opened).unwrap();
    world.lock().floor.swap(session, 2).unwrap();
    assert_eq!(world.run(session, dir.path(), "rm z/open/f").1.len(), 1);
    world.end(session);
}

#[test]
fn bpf_lsm_without_a_table_what_would_be_removed_is_refused() {
    let Some(world) = world() else { return };
    let dir = folder();
    let session = 4000;
    world.lock().floor.begin(session, 7).unwrap();
    assert!(world.lock().floor.begin(session, 7).is_err(), "a number is one session's");
    let (output, _) = world.run(session, dir.path(), "rm out/none; touch out/new; rm z/f");
    assert!(!output.status.success() && dir.path().join("z/f").exists(), "{}", said(&output));
    assert_eq!(world.counted(session).uid, 7);
    world.end(session);
}

#[test]
fn bpf_lsm_a_zone_that_a_person_makes_again_is_a_zone() {
    let Some(world) = world() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    assert!(bare(dir.path(), "rm -r z; mkdir z; echo old >z/f").status.success());
    let (output, denials) = world.run(session, dir.path(), "rm z/f");
    assert!(!output.status.success() && denials.len() == 1, "{}", said(&output));
    world.end(session);
}

#[test]
fn bpf_lsm_a_zone_that_is_a_file_is_its_name() {
    let Some(world) = world() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z/f")], 0);
    let (output, denials) = world.run(session, dir.path(), "rm z/g; echo new >t; mv t z/f; rm z/f");
    assert!(!output.status.success() && denials.len() == 1, "{}", said(&output));
    assert_eq!(std::fs::read_to_string(dir.path().join("z/f")).unwrap(), "new\n");
    assert!(!dir.path().join("z/g").exists());
    let (output, denials) = world.run(session, dir.path(), "perl -e 'rename q(z), q(y) or die'");
    assert!(!output.status.success() && denials.len() == 1, "{}", said(&output));
    world.end(session);
}

#[test]
fn bpf_lsm_records_without_room_are_counted() {
    let Some(world) = world_alone() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    let flood = "my $a = q(x) x 200; unlink q(z/f) for 1..12000";
    let arguments = "y".repeat(900);
    let child = world.shell(session, dir.path(), &format!("exec perl -e '{flood}' {arguments}"));
    let output = go_on(child);
    assert!(output.status.success(), "{}", said(&output));
    let told = world.denials(session).len() as u64;
    let counted = world.counted(session);
    assert_eq!(counted.denied, 12000);
    assert!(counted.lost > 0, "{counted:?}");
    assert_eq!(told + counted.lost, 12000);
    assert!(dir.path().join("z/f").exists());
    world.end(session);
}

#[test]
fn bpf_lsm_the_guard_stays_on_when_its_helper_is_gone_and_is_taken_over() {
    let Some(world) = world_alone() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    let child = world.shell(session, dir.path(), "rm z/f");
    let before = Instant::now();
    reopen(&world);
    eprintln!("taken over in {:?}", before.elapsed());
    assert_eq!(world.lock().floor.members(session).unwrap().len(), 1);
    let output = go_on(child);
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(world.denials(session).len(), 1);
    world.end(session);
}

/// As a helper that is started again does.
fn reopen(world: &Here) {
    let floor = Floor::open(&pins()).unwrap_or_else(|error| panic!("{error}"));
    let mut inner = world.lock();
    inner.records = floor.records().unwrap();
    inner.floor = floor;
}

/// A member that tries without end, and says how often it got through once it is told to stop.
const TRIES: &str = "exec perl -e '$SIG{TERM} = sub { print qq($tries tries, $taken taken\\n); exit }; \
                     while (1) { $tries++; $taken++ if unlink q(z/f) }'";

fn stop(child: std::process::Child) -> String {
    let end = format!("kill -TERM {}", child.id());
    assert!(bare(Path::new("/"), &end).status.success());
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn started(world: &Here, session: u32, dir: &Path) -> std::process::Child {
    use std::io::Write;
    let mut child = world.shell(session, dir, TRIES);
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while world.counted(session).denied == 0 {
        assert!(Instant::now() < until, "it never tried");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[test]
fn bpf_lsm_another_build_takes_over_without_a_moment_between() {
    let Some(world) = world_alone() else { return };
    let dir = folder();
    let session = world.session(&[&dir.path().join("z")], 0);
    let child = started(&world, session, dir.path());
    // What is pinned passes for an earlier build's.
    let kind = format!("programs-{ES_LAYOUT}-");
    let programs = || {
        let all = std::fs::read_dir(pins()).unwrap().map(|entry| entry.unwrap().path());
        let mut of_it: Vec<_> = all.filter(|path| path.to_string_lossy().contains(&kind)).collect();
        assert_eq!(of_it.len(), 1, "{of_it:?}");
        of_it.remove(0)
    };
    let ours = programs();
    let earlier = pins().join(format!("{kind}0000000000000000"));
    std::fs::rename(&ours, &earlier).unwrap();
    reopen(&world);
    assert_eq!(programs(), ours, "the earlier ones are gone");
    std::thread::sleep(Duration::from_millis(200));
    let said = stop(child);
    assert!(said.ends_with("tries,  taken"), "{said}");
    assert!(dir.path().join("z/f").exists());
    world.end(session);
}

#[test]
fn bpf_lsm_tables_change_under_load_without_a_moment_between() {
    let Some(world) = world_alone() else { return };
    let dir = folder();
    let zone = dir.path().join("z");
    let session = world.session(&[&zone], 0);
    let child = started(&world, session, dir.path());
    let rules = table(&[&zone], 0);
    for version in 2..100 {
        let mut inner = world.lock();
        inner.floor.write(session, version, &rules).unwrap();
        inner.floor.swap(session, version).unwrap();
        inner.floor.forget(session, version - 1).unwrap();
        inner.read();
    }
    let said = stop(child);
    assert!(said.ends_with("tries,  taken"), "{said}");
    // Two changes in the time of one look are refused, too, as nothing is known.
    let denials = world.denials(session);
    assert!(denials.iter().all(|denial| matches!(denial.reason, Reason::Removed | Reason::Unclear)));
    world.end(session);
}
