//! What the hooks cost: a measurement, for a machine that does nothing else. In the virtual machine:
//!
//!     tests/e2e/vm/run endpoint-sec/bpf -- --ignored --nocapture
//!
//! With `ES_GUARD_TEST_VM_COUNT=1` that machine's clock counts instructions instead of time: figures that nothing beside
//! it changes.

use crate::world::{bare, go_on, has_floor, pins, said, table, waiting};
use endpoint_sec::linux::bpf::{Floor, uninstall};
use endpoint_sec::linux::token::AuditToken;
use std::path::Path;
use std::process::Output;

/// Makes files, removes them, tells how long the removals took, in microseconds each.
const REMOVE: &str = "exec perl -MTime::HiRes=time -e 'for (1..20000) { open F, q(>), qq(f$_) or die; close F } \
                      $t = time; for (1..20000) { unlink qq(f$_) or die } printf qq(%.4f), (time - $t) * 50'";
/// The same of programs that are started: of files in memory, with nothing to wait for.
const START: &str = "exec perl -MTime::HiRes=time -e '$t = time; for (1..300) { $p = fork; $p or exec qw(../../../../ld \
                     --library-path ../../../.. ../../../../true) or die; waitpid $p, 0; $? and die } \
                     printf qq(%.2f), (time - $t) * 3333'";
const PROGRAM: &str = "cp /bin/true true && cp $(ldd /bin/true | grep -o '/[^ ]*') . && mv ld-* ld";
/// A file system of its own, as people have it.
const EXT4: &str = "mkdir ext4 && truncate -s 256M image && PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q image && \
                    mount -o loop image ext4 && mkdir -p ext4/z ext4/out/a/b/c";
/// With nothing loaded, loaded and in no session, in one.
const HOW: [&str; 3] = ["bare", "outside", "inside"];
const ROUNDS: usize = 3;
const TURNS: usize = 2;

fn number(output: &Output) -> f64 {
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{}", said(output)))
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The same in a session over `z`.
fn guarded(floor: &mut Floor, zone: &Path, dir: &Path, script: &str) -> Output {
    floor.begin(1, 0).unwrap();
    floor.write(1, 1, &table(&[zone], 0)).unwrap();
    floor.swap(1, 1).unwrap();
    let child = waiting(dir, script);
    floor.enrol(1, AuditToken::of(child.id() as i32).unwrap()).unwrap();
    let output = go_on(child);
    while floor.end(1).is_err() {
        std::thread::yield_now();
    }
    output
}

#[test]
#[ignore = "a measurement"]
fn bpf_lsm_speed() {
    if !has_floor() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let made = bare(dir.path(), &format!("mkdir -p z out/a/b/c && {PROGRAM} && {EXT4}"));
    assert!(made.status.success(), "{}", said(&made));
    let on_ext4 = dir.path().join("ext4");
    let works = [
        ("removal, tmpfs", dir.path(), REMOVE),
        ("removal, ext4", &on_ext4, REMOVE),
        ("start", dir.path(), START),
    ];
    let mut figures = vec![[const { Vec::new() }; 3]; works.len()];
    uninstall(&pins()).unwrap();
    for _ in 0..ROUNDS {
        for _ in 0..TURNS {
            for ((_, dir, script), figures) in works.iter().zip(&mut figures) {
                figures[0].push(number(&bare(&dir.join("out/a/b/c"), script)));
            }
        }
        let mut floor = Floor::open(&pins()).unwrap_or_else(|error| panic!("{error}"));
        for _ in 0..TURNS {
            for ((_, dir, script), figures) in works.iter().zip(&mut figures) {
                let at = dir.join("out/a/b/c");
                figures[1].push(number(&bare(&at, script)));
                figures[2].push(number(&guarded(&mut floor, &dir.join("z"), &at, script)));
            }
        }
        drop(floor);
        uninstall(&pins()).unwrap();
    }
    bare(dir.path(), "umount ext4");
    for ((what, ..), figures) in works.iter().zip(&mut figures) {
        let [first, ..] = figures.each_mut().map(|figures| median(figures));
        for (how, figures) in HOW.iter().zip(figures.iter_mut()) {
            let median = median(figures);
            let (least, most) = (figures[0], figures[figures.len() - 1]);
            let more = (median / first - 1.0) * 100.0;
            println!("{what}, {how}: {median:.3} µs ({least:.3} to {most:.3}), {more:+.2} % of bare");
        }
    }
}
