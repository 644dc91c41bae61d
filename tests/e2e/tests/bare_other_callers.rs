//! What `bare_result` shows of a session's own user, of callers that are somebody else by now: of
//! root's agents that have become an ordinary user, wholly or for files only, and of a user with further groups.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::bare::{Caller, can_be_made, same_as_bare};
use e2e::guard::{Mode, Stage};
use e2e::parallel::every;
use e2e::places::{ACTS, PLACES, Place};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER, is_root};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

/// A group that the user is not in.
const FURTHER: u32 = 2000;

fn stages() -> Vec<Stage> {
    if !is_root() {
        require::skip("root", "to become others");
        return Vec::new();
    }
    [Stage::with_engine(), Stage::with_system_helper()].into_iter().flatten().collect()
}

/// Places whose files' owners matter. Root's own may be removed by one who is root but for files.
fn places(stage: &Stage) -> Vec<&'static Place> {
    let of_owners = |place: &&Place| !place.path.contains("/proc") && !place.made.contains("/proc");
    PLACES.iter().filter(of_owners).filter(|place| can_be_made(stage, place)).collect()
}

#[test]
fn seccomp_roots_agent_that_has_become_a_user_comes_to_what_that_user_comes_to() {
    let becomes = "setpriv --reuid=1000 --regid=1000 --clear-groups";
    let steps: Vec<String> = ACTS.iter().map(|act| (*act).to_owned()).collect();
    for stage in stages() {
        let caller = Caller { session: Who::Root, becomes };
        every(&places(&stage), |place| same_as_bare(&stage, caller, place, &steps));
    }
}

#[test]
fn seccomp_roots_agent_that_is_a_user_to_files_only_comes_to_what_that_comes_to() {
    // Refused with EACCES: what only a process of all the same ids may look at, in procfs and on a FUSE mount's root.
    let refused = ["linkat cwd /proc/self/fd/100 cwd @/new13 follow", "open @ wronly"];
    let acts = ACTS.iter().copied().filter(|act| !refused.contains(act));
    let steps = std::iter::once("setfsuid 1000").chain(acts);
    let steps: Vec<String> = steps.map(str::to_owned).collect();
    for stage in stages() {
        let caller = Caller { session: Who::Root, becomes: "" };
        every(&places(&stage), |place| same_as_bare(&stage, caller, place, &steps));
    }
}

/// One file that is a file system of its own.
#[test]
fn seccomp_a_file_that_fuse_is_mounted_on_is_opened_as_bare() {
    let made = "touch mnt; mine mnt; fuse";
    let place = Place { path: "mnt", made, undone: "umount mnt" };
    let steps = [
        "open @ wronly",
        "open @ rdwr",
        "open @ creat,wronly",
        "open @ creat,excl,wronly",
        "openat2 cwd @ wronly",
        "append @ new",
        "truncate @",
        "open @ wronly,trunc",
        "write @ new",
        "unlink @",
        "rename @ out/new",
        "rename out/r1 @",
        "link @ out/new2",
        "open ROOT/@ rdwr",
    ];
    let steps: Vec<String> = steps.map(str::to_owned).into();
    for stage in stages().into_iter().filter(|stage| can_be_made(stage, &place)) {
        let becomes = "setpriv --reuid=1000 --regid=1000 --clear-groups";
        let callers = [Caller::USER, Caller { session: Who::Root, becomes }];
        every(&callers, |caller| same_as_bare(&stage, *caller, &place, &steps));
    }
}

/// In a user namespace that somebody outside has mapped further groups into, a process may take them on. Bare they
/// count; what performs for it has not got them, and can't: it is refused, and nothing is done with others.
#[test]
fn seccomp_a_user_with_further_groups_gets_no_further_than_bare() {
    let line = "rm shared/f && echo > shared/new && echo new >> shared/g";
    for stage in stages() {
        for guarded in [false, true] {
            let sandbox = Sandbox::new(Who::User);
            let shared = sandbox.root().join("shared");
            fs::create_dir(&shared).expect("a directory");
            for name in ["f", "g"] {
                fs::write(shared.join(name), "old").expect("a file");
                chown(shared.join(name), Some(0), Some(FURTHER)).expect("a group");
                fs::set_permissions(shared.join(name), Permissions::from_mode(0o660)).expect("a mode");
            }
            sandbox.hand_over();
            chown(&shared, Some(0), Some(FURTHER)).expect("a group");
            fs::set_permissions(&shared, Permissions::from_mode(0o770)).expect("a mode");
            let zones = vec![sandbox.home()];
            let mode = if guarded { Mode::Guarded { zones, policy: None } } else { Mode::Bare };
            let mut agent = Agent::start(stage.command(&sandbox, &mode, "sh".as_ref()));
            assert_ne!(agent.does(line), 0, "without the group");
            let pid = agent.says("exec unshare -U --keep-caps sh -c 'echo $$; exec sh'");
            for (map, ids) in
                [("uid_map", format!("0 {USER} 1")), ("gid_map", format!("0 {USER} 1\n5 {FURTHER} 1"))]
            {
                fs::write(format!("/proc/{pid}/{map}"), ids).expect("a map");
            }
            assert_eq!(agent.says("exec setpriv --groups 5 sh -c 'id -G; exec sh'"), "0 5");
            let done = agent.does(line) == 0;
            let content = |name: &str| fs::read_to_string(shared.join(name)).ok();
            let files = [content("f"), content("new"), content("g")];
            if guarded {
                let old = Some("old".to_owned());
                assert!(!done && files == [old.clone(), None, old], "{files:?}");
            } else {
                assert!(done, "bare: {files:?}");
            }
            agent.ends();
        }
    }
}
