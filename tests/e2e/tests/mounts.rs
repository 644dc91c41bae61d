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

/// A container's root is an overlay, of whose upper directory nothing is in sight from inside.
#[test]
fn seccomp_inside_of_a_container_whose_root_is_an_overlay_a_session_is_as_anywhere() {
    if !is_root() {
        return require::skip("root", "mounting is root's");
    }
    let stage = Stage::new();
    let container = "mkdir up ct; mount -t tmpfs none up; mkdir up/u up/w; \
        mount -t overlay overlay -o lowerdir=/,upperdir=$PWD/up/u,workdir=$PWD/up/w ct; cd ct; \
        mkdir -p old es/zone es/home .$STAGE; echo old > es/zone/a; chown -R 1000:1000 es; \
        mount -t proc proc proc; mount --rbind /dev dev; mount --bind $STAGE .$STAGE; \
        pivot_root . old; umount -l /old; cd /es; export HOME=/es/home; unset ES_GUARD_HOME; \
        exec setpriv --reuid=1000 --regid=1000 --clear-groups";
    let tried = "echo x > zone/n && rm zone/n && echo own; rm -f zone/a; \
        unshare -Urm sh -c 'for dir in . zone; do echo x > $dir/n && rm $dir/n && mkdir $dir/d && rmdir $dir/d; done \
        && echo inner; rm -f zone/a'; test -e zone/a && echo kept";
    for guarded in [false, true] {
        if guarded && !stage.has_engine() {
            continue;
        }
        let sandbox = Sandbox::new(Who::Root);
        let by = if guarded { "$STAGE/es-guard wrap --quiet --helper none --zone /es/zone --" } else { "" };
        let mut command = stage.command(&sandbox, &Mode::Bare, "unshare".as_ref());
        let script = format!("{container} {by} sh -c \"$1\"");
        command.args(["--mount", "--propagation", "private", "sh", "-ec", &script, "sh", tried]);
        let outcome = run(&sandbox, command);
        let expected = if guarded { "own\ninner\nkept\n" } else { "own\ninner\n" };
        assert_eq!(outcome.stdout, expected, "guarded: {guarded}: {}", outcome.stderr);
    }
}
