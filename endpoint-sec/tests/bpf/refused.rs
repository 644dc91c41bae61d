//! What is refused, what is not, and what bare refuses with bare's own error.

use crate::world::{EMPTY, bare, node, said, table, text, world};
use endpoint_sec::linux::bpf::layout::es_entry;
use endpoint_sec::linux::bpf::{Op, Reason};
use std::fs;
use std::path::Path;

/// `z` is a zone, `out` is not, in a folder that is fresh each time.
fn fresh() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    ["z/d/e", "z/target/t", "z/empty", "out/d"]
        .iter()
        .for_each(|folder| fs::create_dir_all(at(folder)).unwrap());
    ["z/f", "z/g", "z/d/f", "z/target/f", "out/f"]
        .iter()
        .for_each(|file| fs::write(at(file), "old\n").unwrap());
    std::os::unix::fs::symlink("f", at("z/l")).unwrap();
    nix::unistd::mkfifo(&at("z/p"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    dir
}

/// Succeeds bare, is refused in a session, with this record and nothing else changed.
fn refused(script: &str, op: Op, reason: Reason, path: &str) {
    let Some(world) = world() else { return };
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
    world.end(session);
}

/// Ends bare and in a session alike, with nothing denied.
fn alike(script: &str) {
    let Some(world) = world() else { return };
    let dir = fresh();
    let unguarded = bare(dir.path(), script);
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let (output, denials) = world.run(session, dir.path(), script);
    assert_eq!(said(&output), said(&unguarded), "{script}: {denials:?}");
    assert!(denials.is_empty(), "{script}: {denials:?}");
    world.end(session);
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
    let Some(world) = world() else { return };
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let output = bare(dir.path(), "rm -r z/d z/f && mv z y && rm -r y");
    assert!(output.status.success(), "{}", said(&output));
    assert!(world.denials(session).is_empty());
    world.end(session);
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
    let Some(world) = world() else { return };
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
    let counted = world.counted(session);
    assert_eq!((counted.denied, counted.lost, counted.alive), (2, 0, 0));
    world.end(session);
}

#[test]
fn bpf_lsm_a_path_as_long_as_can_be_is_told_whole_or_cut() {
    let Some(world) = world() else { return };
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let down = |last: &str| {
        format!(
            "exec perl -e 'chdir q(z); $n = q(n) x 100; for (1..170) {{ mkdir $n; chdir $n or die }} {last}'"
        )
    };
    let made = bare(dir.path(), &down("open F, q(>), q(f) or die"));
    assert!(made.status.success(), "{}", said(&made));
    let (output, denials) = world.run(session, dir.path(), &down("unlink q(f) or die"));
    assert!(!output.status.success());
    let [denial] = &denials[..] else { panic!("{denials:?}") };
    assert!(denial.is_cut && denial.path.names.len() > 100, "{} names", denial.path.names.len());
    assert_eq!(denial.path.names.last().unwrap(), b"f");
    world.end(session);
    assert!(bare(Path::new("/"), &format!("rm -r {}/z", dir.path().display())).status.success());
}

#[test]
fn bpf_lsm_deeper_than_can_be_seen_is_refused() {
    let Some(world) = world() else { return };
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let down = |to: u32, more: &str| {
        format!("exec perl -e 'for (1..{to}) {{ mkdir q(d); chdir q(d) or die }} {more}'")
    };
    let made = "open F, q(>), q(f) or die; close F";
    assert!(bare(&dir.path().join("out/d"), &down(1100, made)).status.success());
    let remove = "unlink q(f) or die qq($!\n)";
    let (output, denials) = world.run(session, &dir.path().join("out/d"), &down(1100, remove));
    assert!(!output.status.success() && denials.len() == 1, "{}", said(&output));
    assert_eq!((denials[0].reason, denials[0].zone), (Reason::Unclear, None));
    let (output, denials) =
        world.run(session, &dir.path().join("out/d"), &down(900, &format!("{made}; {remove}")));
    assert!(output.status.success() && denials.is_empty(), "{}: {denials:?}", said(&output));
    world.end(session);
    assert!(bare(dir.path(), "rm -r out").status.success());
}

#[test]
fn bpf_lsm_a_file_system_that_is_mounted_in_a_zone_is_in_it() {
    let Some(world) = world() else { return };
    let dir = fresh();
    let session = world.session(&[&dir.path().join("z")], 0);
    let mount = "mount -t tmpfs t z/empty && mkdir z/empty/d && echo old >z/empty/d/f";
    assert!(bare(dir.path(), mount).status.success());
    let (output, denials) =
        world.run(session, dir.path(), "touch z/empty/d/own; rm z/empty/d/own; rm z/empty/d/f");
    assert!(!output.status.success() && denials.len() == 1, "{}: {denials:?}", said(&output));
    assert_eq!(denials[0].path.below, Some(3));
    // Its root is told to be in the zone, as the helper does: it then is in it wherever it is mounted.
    let elsewhere = "mkdir b; unshare -m bash -c 'mount --bind z/empty b; rm b/d/f'";
    let mut rules = table(&[&dir.path().join("z")], 0);
    rules.places.push((node(&dir.path().join("z/empty")), es_entry { zones: 1, ..EMPTY }));
    world.lock().floor.write(session, 2, &rules).unwrap();
    world.lock().floor.swap(session, 2).unwrap();
    let (output, denials) = world.run(session, dir.path(), elsewhere);
    assert!(!output.status.success() && denials.len() == 1, "{}: {denials:?}", said(&output));
    assert!(bare(dir.path(), "umount z/empty").status.success());
    world.end(session);
}

#[test]
fn bpf_lsm_no_other_user_and_no_other_call_is_a_way_round() {
    refused(
        "perl -e '$> = 1000; $> = 0; unlink q(z/f) or die qq($!\\n)'",
        Op::Unlink,
        Reason::Removed,
        "z/f",
    );
    // What is owned by root is removed by an ordinary user's root: as sudo does it.
    refused(
        "cp $(type -P rm) rm; chmod 4755 rm; chmod 755 . z; exec setpriv --reuid 1000 --clear-groups ./rm -f z/f",
        Op::Unlink,
        Reason::Removed,
        "z/f",
    );
    // unlinkat(2) by a descriptor of its directory, found through /proc.
    let by_descriptor = "exec 9<z; exec perl -e '$f = q(f); syscall(263, 9, $f, 0) == 0 or die qq($!\\n)'";
    refused(by_descriptor, Op::Unlink, Reason::Removed, "z/f");
    refused("exec 9<z; rm /proc/self/fd/9/f", Op::Unlink, Reason::Removed, "z/f");
    // A directory opened by its handle, which no path leads to: name_to_handle_at(2), open_by_handle_at(2).
    let by_handle = "exec 9<.; exec perl -e '$z = q(z); $h = pack(q(Ii), 120, 0) . qq(\\0) x 120; $m = pack(q(i), 0); \
                     syscall(303, -100, $z, $h, $m, 0) == 0 or die qq(1 $!\\n); $d = syscall(304, 9, $h, 0x10000); \
                     $d >= 0 or die qq(2 $!\\n); $f = q(f); syscall(263, $d, $f, 0) == 0 or die qq($!\\n)'";
    refused(by_handle, Op::Unlink, Reason::Removed, "z/f");
}

/// Places that become part of a zone, or were, by another way than their path.
#[test]
fn bpf_lsm_what_lies_in_a_zone_does_so_by_every_way_to_it() {
    // A directory moves into the zone, with a mount of a part of the zone below it: that is nobody's own by this.
    let script = "unshare -m bash -c 'mkdir -p x/m; mount --bind z/d x/m; mv x z/x; rm z/d/f'";
    refused(script, Op::Unlink, Reason::Removed, "z/d/f");
    // What is also mounted elsewhere moves into the zone.
    let script = "mkdir work seen; mount --bind work seen; trap 'umount seen' EXIT; mv work z/work; mv z/g z/work/g; rm seen/g";
    refused(script, Op::Unlink, Reason::Removed, "z/work/g");
    // An overlay's upper directory does.
    let script = "unshare -m bash -c 'mkdir -p x/s/u x/s/w low at; \
                  mount -t overlay o -o lowerdir=low,upperdir=x/s/u,workdir=x/s/w at; mount -t tmpfs t x/s; mv x z/x; \
                  umount z/x/s; mv z/g z/x/s/u/g; rm at/g'";
    refused(script, Op::Unlink, Reason::Removed, "z/x/s/u/g");
    // Another root.
    let script = "mkdir -p j/in; mount --bind z j/in; trap 'umount j/in' EXIT; \
                  perl -e 'chroot q(j) or die; chdir q(/in); unlink q(f) or die qq($!\\n)'";
    refused(script, Op::Unlink, Reason::Removed, "j/in/f");
}
