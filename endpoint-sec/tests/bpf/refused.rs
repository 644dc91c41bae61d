//! What is refused, what is not, and what bare refuses with bare's own error.

use crate::world::{bare, said, text, world};
use endpoint_sec::linux::bpf::{Op, Reason};
use std::fs;
use std::path::Path;

/// `z` is a zone, `out` is not, in a folder that is fresh each time.
const MADE: &str = "mkdir -p z/d/e z/target/t z/empty out/d; echo old >z/f; echo old >z/g; echo old >z/d/f; \
                    echo old >z/target/f; echo old >out/f; ln -s f z/l; mkfifo z/p";

fn fresh() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let made = bare(dir.path(), MADE);
    assert!(made.status.success(), "{}", said(&made));
    dir
}

/// Succeeds bare, is refused in a session, with this record and nothing else changed.
fn refused(script: &str, op: Op, reason: Reason, path: &str) {
    let Some(mut world) = world() else { return };
    let dir = fresh();
    let unguarded = bare(dir.path(), script);
    assert!(unguarded.status.success(), "bare: {script}: {}", said(&unguarded));
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let (output, denials) = world.run(session, dir.path(), script);
    let said = said(&output);
    assert!(!output.status.success() && said.contains("not permitted"), "{script}: {said}\n{denials:?}");
    let [denial] = &denials[..] else { panic!("{script}: {denials:?}") };
    assert_eq!((denial.op, denial.reason, denial.zone), (op, reason, Some(0)), "{script}: {denial:?}");
    let (whole, expected) = (text(&denial.path.names), dir.path().join(path));
    assert!(
        if denial.is_inside {
            expected.to_str().unwrap().ends_with(&whole)
        } else {
            Path::new(&whole) == expected
        },
        "{script}: {whole}"
    );
    assert_eq!(fs::read_to_string(dir.path().join("z/f")).unwrap(), "old\n", "{script}");
    world.floor.end(session).unwrap();
}

/// Ends bare and in a session alike, with nothing denied.
fn alike(script: &str) {
    let Some(mut world) = world() else { return };
    let dir = fresh();
    let unguarded = bare(dir.path(), script);
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let (output, denials) = world.run(session, dir.path(), script);
    assert_eq!(said(&output), said(&unguarded), "{script}: {denials:?}");
    assert!(denials.is_empty(), "{script}: {denials:?}");
    world.floor.end(session).unwrap();
}

#[test]
fn bpf_lsm_removals() {
    refused("rm z/f", Op::Unlink, Reason::Removed, "z/f");
    refused("rm z/l", Op::Unlink, Reason::Removed, "z/l");
    refused("rm z/p", Op::Unlink, Reason::Removed, "z/p");
    refused("cd z/d && rm ../f", Op::Unlink, Reason::Removed, "z/f");
    refused("ln -s z y; rm y/f", Op::Unlink, Reason::Removed, "z/f");
    refused("rmdir z/empty", Op::Rmdir, Reason::Removed, "z/empty");
    refused("cd z; exec perl -e 'unlink q(f) or die qq($!\\n)'", Op::Unlink, Reason::Removed, "z/f");
}

#[test]
fn bpf_lsm_moves() {
    refused("mv -T z/d out/new", Op::Rename, Reason::MovedOut, "z/d");
    refused("perl -e 'rename q(z/f), q(out/new) or die qq($!\\n)'", Op::Rename, Reason::MovedOut, "z/f");
    refused("perl -e 'rename q(z/f), q(z/target/new) or die qq($!\\n)'", Op::Rename, Reason::MovedOut, "z/f");
    refused(
        "perl -e 'rename q(z/f), q(z/target/target) or die qq($!\\n)'",
        Op::Rename,
        Reason::MovedOut,
        "z/f",
    );
    refused("perl -e 'rename q(z), q(y) or die qq($!\\n)'", Op::Rename, Reason::ZoneMoved, "z");
    refused("perl -e 'rename q(z/g), q(z/d/f) or die qq($!\\n)'", Op::Rename, Reason::Clobbered, "z/g");
    refused("perl -e 'rename q(out/d), q(z/empty) or die qq($!\\n)'", Op::Rename, Reason::Clobbered, "out/d");
}

#[test]
fn bpf_lsm_what_takes_nothing_away_is_let_through() {
    alike("echo more >>z/f; : >z/g; chmod 600 z/f; ln z/f z/h; echo new >z/new");
    alike("rm -r out z/target/t z/target/f; mkdir z/target/again");
    alike("rm -r z/target");
    alike("mv z/f z/d/new; mv -T z/d z/moved");
    alike("echo new >out/new; mv out/new z/f; cat z/f");
    alike("perl -e 'rename q(out/f), q(z/f) or die qq($!\\n)'; cat z/f");
}

#[test]
fn bpf_lsm_what_bare_refuses_has_bares_error() {
    alike("LC_ALL=C rm z/none; rm -f z/none");
    alike("LC_ALL=C rmdir z/d z/f z/none");
    alike("perl -e 'unlink q(z/d) or print qq($!\\n)'");
    alike("perl -e 'rename q(z/none), q(out/x) or print qq($!\\n)'");
    alike("perl -e 'rename q(z/f), q(z/d) or print qq($!\\n)'");
    alike("perl -e 'rename q(z/d), q(z/d/e/x) or print qq($!\\n)'");
    alike("cd z; perl -e 'rename q(f), q(f/x) or print qq($!\\n)'");
}

#[test]
fn bpf_lsm_others_see_nothing_of_it() {
    let Some(mut world) = world() else { return };
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let output = bare(dir.path(), "rm -r z/d z/f && mv z y && rm -r y");
    assert!(output.status.success(), "{}", said(&output));
    assert!(world.denials(session).is_empty());
    world.floor.end(session).unwrap();
}

#[test]
fn bpf_lsm_a_mount_gives_no_other_way() {
    let mount = "mkdir -p mnt; mount --bind z/d mnt; trap 'umount mnt' EXIT";
    // The zone is on no visible path: the one inside the file system is told.
    refused(&format!("{mount}; rm mnt/f"), Op::Unlink, Reason::Removed, "z/d/f");
    // Mounted inside the zone, it is seen in it; by its own name it is what it was.
    refused("mount --bind out z/d; trap 'umount z/d' EXIT; rm z/d/f", Op::Unlink, Reason::Removed, "z/d/f");
    refused("unshare -m bash -c 'mount --bind z/d out && rm out/f'", Op::Unlink, Reason::Removed, "z/d/f");
}

#[test]
fn bpf_lsm_an_overlay_over_a_zone_takes_nothing_from_it() {
    let mount = "mkdir -p ov/m ov/l ov/w; mount -t overlay o -o lowerdir=ov/l,upperdir=z,workdir=z/../ov/w ov/m; \
                 trap 'umount ov/m' EXIT";
    refused(&format!("{mount}; rm ov/m/f"), Op::Unlink, Reason::Removed, "z/f");
}

#[test]
fn bpf_lsm_an_exchange_is_judged_both_ways() {
    // renameat2(2) by its number: neither shells nor perl have it.
    let swap = |a: &str, b: &str| {
        format!(
            "perl -e '($a, $b) = @ARGV; syscall(316, -100, $a, -100, $b, 2) == 0 or die qq($!\\n)' {a} {b}"
        )
    };
    refused(&swap("z/f", "out/f"), Op::Exchange, Reason::MovedOut, "z/f");
    refused(&swap("out/f", "z/g"), Op::Exchange, Reason::MovedOut, "out/f");
    refused(&swap("z/d", "out/d"), Op::Exchange, Reason::MovedOut, "z/d");
    refused(&swap("out", "z"), Op::Exchange, Reason::ZoneMoved, "out");
    alike(&swap("z/f", "z/g"));
    alike(&format!("echo new >z/new; {}; cat z/f; rm z/new; {}", swap("z/new", "z/f"), "ls z"));
}

#[test]
fn bpf_lsm_a_record_tells_who_it_was() {
    let Some(mut world) = world() else { return };
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let (_, denials) =
        world.run(session, &dir.path().join("z/d"), "exec perl -e 'unlink q(f); unlink q(../f)' an argument");
    let [first, _] = &denials[..] else { panic!("{denials:?}") };
    assert!(text(&first.exe).contains("/perl"), "{first:?}");
    assert_eq!(text(&first.cwd), dir.path().join("z/d").to_str().unwrap());
    assert_eq!(first.argv[0], b"perl");
    assert_eq!(first.argv.last().unwrap(), b"argument");
    assert_eq!(first.path.below, Some(2), "d/f lies below the zone");
    let counted = world.floor.session(session).unwrap().unwrap();
    assert_eq!((counted.denied, counted.lost, counted.alive), (2, 0, 0));
    world.floor.end(session).unwrap();
}

#[test]
fn bpf_lsm_a_path_as_long_as_can_be_is_told_whole_or_cut() {
    let Some(mut world) = world() else { return };
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let deep = "mkdir_deep() { for i in $(seq 300); do mkdir \"$1\"; cd \"$1\" || exit; done; }; ";
    let name = "n".repeat(100);
    let script = format!("{deep} cd z; mkdir_deep {name}; ");
    let made = bare(dir.path(), &format!("{script} echo old >f"));
    assert!(made.status.success(), "{}", said(&made));
    let (output, denials) = world.run(
        session,
        dir.path(),
        &format!("cd z; for i in $(seq 300); do cd {name} || exit; done; rm f"),
    );
    assert!(!output.status.success());
    let [denial] = &denials[..] else { panic!("{denials:?}") };
    assert!(denial.is_cut && denial.path.names.len() > 100, "{} names", denial.path.names.len());
    assert_eq!(denial.path.names.last().unwrap(), b"f");
    world.floor.end(session).unwrap();
    drop(world);
    assert!(bare(Path::new("/"), &format!("rm -r {}/z", dir.path().display())).status.success());
}
