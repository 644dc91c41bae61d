//! Attacks on sessions that the kernel judges by itself: on the zone by ways that no trapped call is on, and on what guards
//! it. Each is made unguarded first, on things of the same kind, and must succeed there.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, denials, ledgers, read};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, USER, everyone};
use e2e::system::children;
use helper_daemon::policy::judge::Reason;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

/// Ways to take `zone/a`, in an empty directory beside the zone.
const ON_THE_ZONE: [&str; 11] = [
    "$STAGE/uring unlink ../zone/a",
    "$STAGE/uring rename ../zone/a a",
    "setsid -w sh -c 'rm ../zone/a'",
    "unshare -Urmpf sh -c 'rm ../zone/a'",
    "mkdir m && unshare -Urm sh -c 'mount --bind ../zone m && rm m/a'",
    "mkdir m && unshare -Urm sh -c 'mount --bind ../zone m && cd m && umount -l . && rm a'",
    // What an overlay writes to moves into the zone after it was mounted, and the file after it.
    "mkdir low up work at && unshare -Urm sh -c \
     'mount -t overlay x -o lowerdir=low,upperdir=up,workdir=work at && mv up ../zone/up && mv ../zone/a ../zone/up/a && rm at/a'",
    "mkdir low work at && unshare -Urm sh -c \
     'mount -t overlay x -o lowerdir=low,upperdir=../zone,workdir=work at && rm at/a'",
    // A container: a root, processes and mounts of its own, with the zone in it by another name.
    "mkdir r && unshare -Urmpf sh -c 'mount -t tmpfs r r && cd r && mkdir usr w old && ln -s usr/bin usr/lib usr/lib64 . && \
     mount --rbind /usr usr && mount --bind ../../zone w && pivot_root . old && cd / && rm w/a'",
    // Only root opens by a handle.
    "$STAGE/assault handle ../zone a",
    // Whoever becomes root stays in the tree.
    "../suid-rm ../zone/a",
];

/// Ways to change what es-guard keeps. `@` is the file.
const ON_FILES: [&str; 8] = [
    "echo forged > @",
    "echo forged >> @",
    "$STAGE/assault openat2 creat,rdwr @",
    "$STAGE/assault truncate @",
    "$STAGE/assault link @ h",
    "rm -f @",
    "mv @ gone",
    "echo forged > n && mv -f n @",
];

/// Ways to reach into a process. `@` is its number.
const ON_PROCESSES: [&str; 6] = [
    "$STAGE/assault trace @",
    "$STAGE/assault read @",
    "$STAGE/assault limit @",
    "kill -STOP @",
    "$STAGE/assault pidfd @ 9",
    "kill -9 @",
];

struct Scene {
    sandbox: Sandbox,
    policy: PathBuf,
}

impl Scene {
    fn new(who: Who) -> Self {
        let sandbox = Sandbox::new(who);
        let root = sandbox.root();
        let policy = root.join("policy.json");
        std::fs::create_dir(root.join("zone")).expect("a zone");
        std::fs::write(root.join("zone/a"), "old").expect("a file");
        std::fs::write(&policy, "{}\n").expect("a policy");
        sandbox.hand_over();
        let rm = root.join("suid-rm");
        std::fs::copy("/bin/rm", &rm).expect("a copy");
        std::os::unix::fs::chown(&rm, Some(0), Some(0)).expect("root's");
        std::fs::set_permissions(&rm, PermissionsExt::from_mode(0o4755)).expect("its rights");
        Self { sandbox, policy }
    }

    fn agent(&self, stage: &Stage, guarded: bool) -> Agent {
        let zones = vec![self.sandbox.root().join("zone")];
        let policy = Some(self.policy.clone());
        let mode = if guarded { Mode::Guarded { zones, policy } } else { Mode::Bare };
        let mut agent = Agent::start(stage.command(&self.sandbox, &mode, "sh".as_ref()));
        assert_eq!(agent.does("true"), 0);
        agent
    }

    /// The file, wherever it is now.
    fn is_there(&self) -> bool {
        let zone = self.sandbox.root().join("zone");
        [zone.join("a"), zone.join("up/a")]
            .iter()
            .any(|path| std::fs::read(path).is_ok_and(|content| content == b"old"))
    }
}

#[test]
fn bpf_lsm_no_other_way_takes_what_is_in_the_zone() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let may = |attack: &&str| who == Who::Root || !attack.contains("assault handle");
        for attack in ON_THE_ZONE.into_iter().filter(may) {
            for guarded in [false, true] {
                let scene = Scene::new(who);
                let mut agent = scene.agent(&stage, guarded);
                let status = agent.does(&format!("mkdir beside && cd beside && {attack}"));
                assert_eq!(status != 0, guarded, "as {who:?}, guarded {guarded}: {attack}: {status}");
                let (_, stderr) = agent.ends();
                assert_eq!(scene.is_there(), guarded, "as {who:?}: {attack}: {stderr}");
                let reasons: Vec<_> = denials(&scene.sandbox).iter().map(|denial| denial.reason).collect();
                assert_eq!(reasons.is_empty(), !guarded, "as {who:?}: {attack}");
                assert!(
                    reasons.iter().all(|reason| matches!(reason, Reason::Removed | Reason::MovedOut)),
                    "{attack}: {reasons:?}"
                );
            }
        }
    }
}

/// While nobody reads what the kernel tells there is no room left at some time: what is refused is refused all the same,
/// counted to the last, and that it is not listed is said.
#[test]
fn bpf_lsm_what_had_no_room_is_refused_and_counted() {
    const TRIES: usize = 7000;
    let Some(mut stage) = Stage::with_bpf_lsm() else { return };
    let scene = Scene::new(Who::User);
    let mut agent = scene.agent(&stage, true);
    let monitor = Pid::from_raw(stage.system_helper().expect("a helper").pid() as i32);
    kill(monitor, Signal::SIGSTOP).expect("it stops");
    // Each record has the arguments in it: a kilobyte and more, of four megabytes.
    let arguments = "y".repeat(900);
    let line = format!("perl -e '$n += unlink q(zone/a) for 1..{TRIES}; exit $n' {arguments}");
    let status = agent.does(&line);
    kill(monitor, Signal::SIGCONT).expect("it goes on");
    assert_eq!(status, 0);
    let (status, stderr) = agent.ends();
    assert!(status.success(), "{stderr}");
    let end = read(&ledgers(&scene.sandbox)[0]).end().expect("an end").1.counts;
    let told = denials(&scene.sandbox).len();
    assert_eq!((end.denied as usize, told + end.lost as usize), (TRIES, TRIES));
    assert!(told > 100 && end.lost > 100, "{end:?}");
    assert!(stderr.contains(&format!("{} records NOT WRITTEN", end.lost)), "{stderr}");
    assert!(scene.is_there());
}

#[test]
fn bpf_lsm_what_es_guard_keeps_is_not_changed() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let scene = Scene::new(who);
        let mut agent = scene.agent(&stage, true);
        assert_eq!(agent.does("mkdir beside && cd beside && echo like it > like"), 0);
        let state = scene.sandbox.state();
        let mut refused = 0;
        for attack in ON_FILES {
            // On a file of the session's own, each comes to something.
            assert_eq!(
                agent.does(&format!("echo > like; {}; rm -f h gone n", attack.replace('@', "like"))),
                0,
                "{attack}"
            );
            for file in [&scene.policy, &ledgers(&scene.sandbox)[0], &state.join("denials.jsonl")] {
                let attack = attack.replace('@', &file.to_string_lossy());
                assert_ne!(agent.does(&attack), 0, "as {who:?}: {attack}");
                let now = std::fs::read_to_string(file).expect("a file that is there");
                assert!(!now.lines().any(|line| line == "forged"), "{attack}: {now}");
                refused += 1;
            }
        }
        for attack in ["echo x > @/sessions/forged.jsonl", "mkdir @/x", "ln -s / @/x", "mv ../zone/a @/a"] {
            assert_ne!(agent.does(&attack.replace('@', &state.to_string_lossy())), 0, "as {who:?}: {attack}");
            refused += 1;
        }
        let (status, stderr) = agent.ends();
        assert!(status.success(), "{stderr}");
        let denials = denials(&scene.sandbox);
        assert!(denials.len() >= refused, "as {who:?}: {} of {refused}", denials.len());
    }
}

/// A process that an attack may be made on.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn bpf_lsm_nobody_reaches_who_guards_nor_what_is_loaded() {
    let Some(mut stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let scene = Scene::new(who);
        let mut agent = scene.agent(&stage, true);
        let monitor = stage.system_helper().expect("a helper").pid();
        let worker = children(monitor)[0];
        let wrap = agent.pid() as i32;
        let beside = children(wrap as u32)[0];
        let user = |command: &mut Command| match who {
            Who::User => command.uid(USER).gid(USER).spawn(),
            Who::Root => command.spawn(),
        };
        // Yama lets an ordinary user trace nobody but its own descendants, guarded or not.
        let traces = |attack: &str| attack.contains(" trace ") || attack.contains(" read ");
        for attack in ON_PROCESSES.into_iter().filter(|attack| who == Who::Root || !traces(attack)) {
            let like_it = Other(user(Command::new("sleep").arg("600")).expect("a process"));
            let on = |pid: i32| attack.replace('@', &pid.to_string());
            assert_eq!(agent.does(&on(like_it.0.id() as i32)), 0, "as {who:?}: {attack} of another");
            for pid in [monitor as i32, worker, wrap, beside] {
                assert_ne!(agent.does(&on(pid)), 0, "as {who:?}: {attack}");
            }
        }
        if who == Who::Root {
            // What the kernel tells only the old name of is refused for any mount; made unguarded it comes to something.
            let by_name = "mount -t bpf b b && mount --move b c && umount c";
            let mut bare = scene.agent(&stage, false);
            assert_eq!(bare.does(&format!("mkdir b c && {by_name} && rmdir b c")), 0);
            assert!(bare.ends().0.success());
            let pins = stage.system_helper().expect("a helper").pins.display().to_string();
            // The same on a bpf file system of the agent's own.
            for line in [
                "mkdir b && mount -t bpf b b && mkdir b/x && rmdir b/x && umount -l b",
                "mount -t tmpfs t b && umount b",
                "mkdir c && mount -t tmpfs t b && $STAGE/assault move b c && umount c",
                // In a namespace of the tree's own nothing is hidden from anybody.
                "unshare -m sh -c 'mount -t tmpfs t b && mount --move b c && mount --move /sys/fs/bpf b'",
            ] {
                assert_eq!(agent.does(line), 0, "{line}");
            }
            for line in [
                format!("rm -r {pins}"),
                format!("mv {pins} /sys/fs/bpf/elsewhere"),
                format!("rm {pins}/*/*"),
                "umount -l /sys/fs/bpf".to_owned(),
                "mount -t tmpfs t /sys/fs/bpf".to_owned(),
                "mount --move /sys/fs/bpf b".to_owned(),
                "$STAGE/assault move /sys/fs/bpf b".to_owned(),
                "$STAGE/assault move /sys b".to_owned(),
                "mount -t tmpfs t b && mount --move b c".to_owned(),
            ] {
                assert_ne!(agent.does(&line), 0, "{line}");
            }
            assert_eq!(agent.does("umount b"), 0);
        }
        assert_ne!(agent.does("rm zone/a"), 0);
        assert!(scene.is_there());
        assert_eq!(children(monitor), [worker]);
        let (status, stderr) = agent.ends();
        assert!(status.success(), "{stderr}");
        let told = denials(&scene.sandbox);
        // Of root's processes a user is refused it by who it is, and that is no denial.
        let reached = if who == Who::Root { monitor.to_string() } else { wrap.to_string() };
        assert!(told.iter().any(|denial| denial.path.ends_with(&reached)), "{told:?}");
        assert!(
            told.iter()
                .all(|denial| matches!(denial.reason, Reason::Sealed | Reason::Removed | Reason::ZoneMoved)),
            "{told:?}"
        );
    }
}
