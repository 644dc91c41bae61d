//! What a hook costs. A measurement, for a machine that does nothing else: `--ignored --nocapture speed`.

use crate::world::{bare, said, world_alone};
use std::path::Path;
use std::process::Output;

/// Removes files, tells the microseconds each took.
const REMOVE: &str = "exec perl -MTime::HiRes=time -e 'for (1..20000) { open F, q(>), qq(f$_) or die; close F } \
                      $t = time; for (1..20000) { unlink qq(f$_) or die } printf qq(%.3f), (time - $t) * 50'";
/// The same of programs that are started.
const START: &str = "exec perl -MTime::HiRes=time -e '$t = time; for (1..300) { system q(/bin/true) } \
                     printf qq(%.1f), (time - $t) * 3333'";

fn number(output: &Output) -> f64 {
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{}", said(output)))
}

#[test]
#[ignore = "a measurement"]
fn bpf_lsm_speed() {
    let dir = tempfile::tempdir().unwrap();
    assert!(bare(dir.path(), "mkdir -p z out/a/b/c").status.success());
    let out = dir.path().join("out/a/b/c");
    let least = |run: &dyn Fn(&Path) -> f64| (0..5).map(|_| run(&out)).fold(f64::MAX, f64::min);
    for (what, script) in [("removal", REMOVE), ("start", START)] {
        // The first is timed before anything is loaded.
        let before = least(&|dir| number(&bare(dir, script)));
        let Some(world) = world_alone() else { return };
        let outside = least(&|dir| number(&bare(dir, script)));
        let session = world.session(&[&dir.path().join("z")], 0);
        let inside = least(&|dir| number(&world.run(session, dir, script).0));
        world.end(session);
        eprintln!("{what}: {before} µs before, {outside} µs outside, {inside} µs inside");
    }
}
