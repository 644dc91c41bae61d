//! Mounts that a person has made before the session: whatever a zone's file is reached through, it is the zone's.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Stage, denials, run};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, is_root};
use std::path::Path;
use std::process::Command;

/// What a person has made, what the agent tries, and what must be there afterwards.
struct Case {
    made: &'static str,
    undone: &'static str,
    tried: &'static str,
    precious: &'static str,
    denied: usize,
}

fn shell(at: &Path, script: &str) -> bool {
    Command::new("sh").args(["-ec", script]).current_dir(at).status().is_ok_and(|status| status.success())
}

fn seccomp_holds(case: &Case) {
    if !is_root() {
        return require::skip("root", "mounting is root's");
    }
    let stage = Stage::new();
    for (who, guarded) in [(Who::User, false), (Who::User, true), (Who::Root, false), (Who::Root, true)] {
        if guarded && !stage.has_engine() {
            continue;
        }
        let sandbox = Sandbox::new(who);
        let root = sandbox.root();
        assert!(shell(&root, "mkdir zone"), "a zone");
        sandbox.hand_over();
        assert!(shell(&root, case.made), "{}", case.made);
        assert!(shell(&root, "chown -R --reference=zone ."), "{}", case.made);
        let zones = vec![root.join("zone")];
        let mode = if guarded { Mode::Guarded { zones, policy: None } } else { Mode::Bare };
        let mut command = stage.command(&sandbox, &mode, "sh".as_ref());
        command.args(["-c", case.tried]);
        let outcome = run(&sandbox, command);
        let there = root.join(case.precious).exists();
        assert!(shell(&root, case.undone), "{}", case.undone);
        assert_eq!(there, guarded, "{who:?}: {} {outcome:?}", case.tried);
        let denied = if guarded { denials(&sandbox).len() } else { 0 };
        assert_eq!(denied, if guarded { case.denied } else { 0 }, "{who:?}: {outcome:?}");
    }
}

#[test]
fn seccomp_a_file_system_in_a_zone_is_in_it_wherever_else_it_is_mounted() {
    seccomp_holds(&Case {
        made: "mkdir zone/m seen; mount -t tmpfs none zone/m; echo precious > zone/m/p; mount --bind zone/m seen",
        undone: "umount seen; umount zone/m",
        tried: "rm -f seen/p; unshare -Urm sh -c 'mkdir b && mount --bind zone/m b && rm -f b/p'; rm -f zone/m/p",
        precious: "zone/m/p",
        denied: 3,
    });
}

#[test]
fn seccomp_an_overlay_that_a_person_has_mounted_removes_nothing_from_the_zone_that_it_writes_to() {
    seccomp_holds(&Case {
        made: "mkdir -p low at zone/up zone/work; echo precious > zone/up/p; \
               mount -t overlay overlay -o lowerdir=low,upperdir=$PWD/zone/up,workdir=$PWD/zone/work at",
        undone: "umount at",
        tried: "rm -f at/p",
        precious: "zone/up/p",
        denied: 1,
    });
}

#[test]
fn seccomp_what_moves_into_a_zone_is_in_it_where_a_mount_shows_it_elsewhere() {
    seccomp_holds(&Case {
        made: "mkdir -p x/work seen; echo precious > zone/p; mount --bind x/work seen",
        undone: "umount seen",
        tried: "mv x y && mv y zone/y && mv zone/p zone/y/work/p && rm -f seen/p",
        precious: "zone/y/work/p",
        denied: 1,
    });
}
