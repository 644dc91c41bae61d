//! What es-guard keeps for itself: nobody inside a session changes it, hides it, or reaches its processes.

use crate::world::{bare, pins, said, text, world};
use endpoint_sec::linux::bpf::layout::ES_LAYOUT;
use endpoint_sec::linux::bpf::{Op, Reason};
use endpoint_sec::linux::token::AuditToken;
use std::process::Command;

/// Succeeds bare; in a session it is refused as sealed.
fn sealed(script: &str, op: Op) {
    let Some(world) = world() else { return };
    let made = "mkdir -p state/sub out; echo old >state/f; echo old >out/f; mkdir -p mnt";
    let dir = tempfile::tempdir().unwrap();
    assert!(bare(dir.path(), made).status.success());
    let unguarded = bare(dir.path(), script);
    assert!(unguarded.status.success(), "bare: {script}: {}", said(&unguarded));
    let dir = tempfile::tempdir().unwrap();
    assert!(bare(dir.path(), made).status.success());
    let session = world.session(&[&dir.path().join("state")], 1);
    let (output, denials) = world.run(session, dir.path(), script);
    assert!(!output.status.success(), "{script}: {}", said(&output));
    let [denial, ..] = &denials[..] else { panic!("{script}: {}: nothing denied", said(&output)) };
    assert_eq!((denial.op, denial.reason), (op, Reason::Sealed), "{script}: {}", text(&denial.path.names));
    world.end(session);
}

#[test]
fn bpf_lsm_nothing_sealed_is_written() {
    sealed("echo more >>state/f", Op::Write);
    sealed("truncate -s 0 state/f", Op::Write);
    sealed("perl -e 'truncate(q(state/f), 0) or die'", Op::Write);
    sealed("touch state/new", Op::Write);
    sealed("mkdir state/new", Op::Write);
    sealed("ln -s x state/new", Op::Write);
    sealed("ln state/f out/g && echo more >>out/g", Op::Write);
    sealed("ln out/f state/g", Op::Write);
    sealed("mv out/f state/g", Op::Rename);
    sealed("mount --bind state mnt; trap 'umount mnt' EXIT; echo more >>mnt/f", Op::Write);
}

#[test]
fn bpf_lsm_nothing_sealed_is_hidden() {
    sealed("mount -t tmpfs t state; s=$?; umount state; exit $s", Op::Cover);
    sealed("mount --bind out state/sub; s=$?; umount state/sub; exit $s", Op::Cover);
    sealed(
        "mkdir a; mount -t tmpfs a a; mkdir -p a/b state/sub; mount --bind a state; s=$?; umount state a; exit $s",
        Op::Cover,
    );
    // Mounts are changed all the time where a namespace is made, and that hides nothing.
    let Some(world) = world() else { return };
    let dir = tempfile::tempdir().unwrap();
    assert!(bare(dir.path(), "mkdir state mnt").status.success());
    let session = world.session(&[&dir.path().join("state")], 1);
    let (output, denials) =
        world.run(session, dir.path(), "unshare -m bash -c 'mount -t tmpfs t mnt && umount mnt && mount -t tmpfs t state && umount -l state'");
    assert!(output.status.success() && denials.is_empty(), "{}: {denials:?}", said(&output));
    world.end(session);
}

#[test]
fn bpf_lsm_processes_of_es_guard_are_not_reached() {
    let Some(world) = world() else { return };
    let mut ward = Command::new("sleep").arg("600").spawn().unwrap();
    let token = AuditToken::of(ward.id() as i32).unwrap();
    world.lock().floor.protect(token).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let session = world.session(&[dir.path()], 0);
    let pid = ward.id();
    let trials = [
        (format!("kill -9 {pid}"), Op::Signal),
        (format!("kill -STOP {pid}"), Op::Signal),
        (format!("prlimit --pid {pid} --cpu=1"), Op::Meddle),
        (format!("perl -e 'syscall(101, 16, {pid}, 0, 0) == 0 or die'"), Op::Meddle),
        (format!("head -c 1 </proc/{pid}/mem >/dev/null 2>&1; : >/proc/{pid}/mem"), Op::Meddle),
    ];
    for (script, op) in &trials {
        let (output, denials) = world.run(session, dir.path(), script);
        assert!(!output.status.success(), "{script}: {}", said(&output));
        assert!(
            denials.iter().any(|denial| denial.op == *op && denial.target == pid),
            "{script}: {denials:?}"
        );
    }
    let (output, denials) = world.run(session, dir.path(), &format!("kill -0 {pid}; sleep 100 & kill $!"));
    assert!(output.status.success() && denials.is_empty(), "{}: {denials:?}", said(&output));
    assert!(ward.try_wait().unwrap().is_none(), "it lives");
    world.lock().floor.unprotect(token).unwrap();
    assert!(world.run(session, dir.path(), &format!("kill -9 {pid}")).0.status.success());
    ward.wait().unwrap();
    world.end(session);
}

#[test]
fn bpf_lsm_programs_and_maps_are_not_opened_from_inside() {
    let Some(world) = world() else { return };
    let dir = tempfile::tempdir().unwrap();
    let session = world.session(&[dir.path()], 0);
    // bpf(2) by its number, with what it takes packed by hand.
    let maps = format!("{}/maps-{ES_LAYOUT}/members", pins().display());
    let open = format!(
        "perl -e '$p = q({maps}).chr(0); $a = pack(q(pQ4), $p); syscall(321, 7, $a, 16) >= 0 or die qq($!\\n)'"
    );
    let each = "perl -e 'for $c ([11,13],[12,14],[31,30]) { $i = 0; while (1) { $a = pack(q(L32), $i); \
                last if syscall(321, $c->[0], $a, 128); $i = (unpack(q(L32), $a))[1]; $b = pack(q(L32), $i); \
                $f = syscall(321, $c->[1], $b, 128); $n++ if $f >= 0 } } print $n + 0'";
    let unguarded = bare(dir.path(), &format!("{open} && {each}"));
    let counted: u32 = String::from_utf8_lossy(&unguarded.stdout).trim().parse().unwrap_or(0);
    assert!(unguarded.status.success() && counted > 40, "{}", said(&unguarded));
    let (output, denials) = world.run(session, dir.path(), &open);
    assert!(!output.status.success() && denials[0].op == Op::Meddle, "{}: {denials:?}", said(&output));
    let (output, denials) = world.run(session, dir.path(), each);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0", "{}", said(&output));
    assert!(denials.len() > 40);
    world.end(session);
}
