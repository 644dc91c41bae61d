//! The tree against its guard: the policy, the records and the processes of es-guard. Every attack succeeds
//! bare, on files and processes of the same kind. (What another process may ask of the system's helper has
//! tests of its own.)
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Outcome, Stage, denials, ledgers, run};
use e2e::require::{Pace, pace};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use helper_daemon::policy::judge::Reason;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

/// Ways to change a file. `@` is the file; everything else is made beside it in the working directory.
const WRITES: [&str; 18] = [
    "echo forged > @",
    "echo forged >> @",
    "echo forged 1<> @",
    "$STAGE/assault open wronly @",
    "$STAGE/assault open rdwr @",
    "$STAGE/assault open rdwr,append @",
    "$STAGE/assault open trunc @",
    "$STAGE/assault open creat,wronly @",
    "$STAGE/assault open wronly,nofollow @",
    "$STAGE/assault openat2 wronly @",
    "$STAGE/assault openat2 creat,rdwr @",
    "$STAGE/assault truncate @",
    "ln -sf @ l && echo forged > l",
    "ln -sf @ l && $STAGE/assault truncate l",
    "echo forged 3< @ > /proc/self/fd/3",
    "echo forged > /proc/self/root@",
    "rm -f h && ln @ h",
    "rm -f h && $STAGE/assault link @ h",
];

/// Ways to put something else in its place, or nothing.
const REPLACEMENTS: [&str; 5] = [
    "rm -f @",
    "mv @ gone",
    "echo forged > n && mv -f n @",
    "mv -f @ @.old",
    "python3 -c 'import os, sys; os.rename(sys.argv[1], \"x\")' @ || mv @ x",
];

struct Scene {
    sandbox: Sandbox,
    policy: PathBuf,
}

impl Scene {
    fn new(who: Who) -> Self {
        let sandbox = Sandbox::new(who);
        let policy = sandbox.root().join("policy.json");
        std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
        std::fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
        std::fs::write(&policy, "{}\n").expect("a policy");
        sandbox.hand_over();
        Self { sandbox, policy }
    }

    fn agent(&self, stage: &Stage, guarded: bool) -> Agent {
        let zones = vec![self.sandbox.root().join("zone")];
        let policy = Some(self.policy.clone());
        let mode = if guarded { Mode::Guarded { zones, policy } } else { Mode::Bare };
        let mut agent = Agent::start(stage.command(&self.sandbox, &mode, "sh".as_ref()));
        assert_eq!(agent.does("mkdir -p aside && cd aside"), 0);
        agent
    }
}

fn on(attack: &str, path: &Path) -> String {
    attack.replace('@', &path.to_string_lossy())
}

#[test]
fn bare_every_attack_on_a_file_succeeds() {
    let stage = Stage::new();
    for who in everyone() {
        let scene = Scene::new(who);
        let mut agent = scene.agent(&stage, false);
        for attack in WRITES.iter().chain(&REPLACEMENTS) {
            std::fs::write(&scene.policy, "{}\n").expect("a policy");
            scene.sandbox.hand_over();
            assert_eq!(agent.does(&on(attack, &scene.policy)), 0, "as {who:?}: {attack}");
        }
        agent.ends();
    }
}

#[test]
fn seccomp_what_es_guard_keeps_is_not_written_replaced_or_removed() {
    for (stage, who) in
        Stage::of_every_helper().iter().flat_map(|stage| everyone().into_iter().map(move |who| (stage, who)))
    {
        let scene = Scene::new(who);
        let mut agent = scene.agent(stage, true);
        assert_eq!(agent.does("rm ../zone/a"), 1);
        let state = scene.sandbox.state();
        let files = [scene.policy.clone(), ledgers(&scene.sandbox)[0].clone(), state.join("denials.jsonl")];
        let mut refused = 1;
        for file in &files {
            let inode = file.metadata().expect("a file").ino();
            for attack in WRITES.iter().chain(&REPLACEMENTS) {
                assert_ne!(agent.does(&on(attack, file)), 0, "as {who:?}: {attack} of {}", file.display());
                let now = std::fs::read_to_string(file).expect("a file that is there");
                assert!(file.metadata().expect("a file").ino() == inode, "{attack}: replaced");
                // The records name the attacks, and may quote them; a forged line is one of its own.
                assert!(!now.lines().any(|line| line == "forged"), "{attack}: {now}");
                assert!(!now.is_empty(), "{attack}: cut");
                refused += 1;
            }
        }
        for attack in
            ["echo x > @/sessions/forged.jsonl", "mkdir @/sessions/x", "ln -s / @/x", "mv ../zone/a @/a"]
        {
            assert_ne!(agent.does(&on(attack, &state)), 0, "as {who:?}: {attack}");
            refused += 1;
        }
        // Reading is everybody's.
        assert_eq!(agent.does(&on("cat @", &files[1])), 0);
        let (status, stderr) = agent.ends();
        assert!(status.success(), "{stderr}");
        let denials = denials(&scene.sandbox);
        assert!(denials.len() >= refused, "as {who:?}: {} of {refused}", denials.len());
        let sealed = denials.iter().filter(|denial| denial.reason == Reason::Sealed).count();
        assert!(sealed >= files.len() * WRITES.len(), "{sealed}");
    }
}

/// `socketcall(2)` has its arguments in memory, and is there beside `bind(2)` itself.
#[cfg(target_arch = "x86_64")]
#[test]
fn seccomp_no_socket_is_made_in_what_es_guard_keeps_by_the_32_bit_entry() {
    let attack = "echo i386 bind_socket @/x.sock | $STAGE/driver - | grep -q ' 0$'";
    for (stage, who) in
        Stage::of_every_helper().iter().flat_map(|stage| everyone().into_iter().map(move |who| (stage, who)))
    {
        for guarded in [false, true] {
            let scene = Scene::new(who);
            let (state, elsewhere) = (scene.sandbox.state(), scene.sandbox.root());
            let mut agent = scene.agent(stage, guarded);
            assert_eq!(agent.does(&on(attack, &state)) != 0, guarded, "as {who:?}, guarded: {guarded}");
            assert_eq!(state.join("x.sock").exists(), !guarded);
            assert_eq!(agent.does(&on(attack, &elsewhere)), 0, "as {who:?}, guarded: {guarded}");
            agent.ends();
            if guarded {
                let denials = denials(&scene.sandbox);
                assert!(matches!(&denials[..], [denial] if denial.reason == Reason::Sealed), "{denials:?}");
            }
        }
    }
}

#[test]
fn seccomp_a_policy_that_is_not_there_yet_is_not_made() {
    for (stage, who) in
        Stage::of_every_helper().iter().flat_map(|stage| everyone().into_iter().map(move |who| (stage, who)))
    {
        let scene = Scene::new(who);
        std::fs::remove_file(&scene.policy).expect("a policy");
        let mut command = stage.guard(&scene.sandbox, &["wrap", "--quiet", "--zone", "zone"]);
        // Without `--policy` the file may be missing; it is the home's.
        command.args(["--", "sh"]);
        let mut agent = Agent::start(command);
        let policy = scene.sandbox.home().join(".codex/es_policy.json");
        for attack in [
            "mkdir -p $(dirname @); echo '{}' > @",
            "ln -s @ l; echo '{}' > l",
            "echo > n; ln n @",
            "mkdir @",
        ] {
            assert_ne!(agent.does(&on(attack, &policy)), 0, "as {who:?}: {attack}");
            assert!(!policy.exists(), "{attack}");
        }
        agent.ends();
    }
}

#[test]
fn seccomp_nothing_is_mounted_over_what_es_guard_keeps() {
    let everyone = everyone();
    if !everyone.contains(&Who::Root) {
        e2e::require::skip("root", "mounting is root's");
        return;
    }
    for stage in Stage::of_every_helper() {
        let scene = Scene::new(Who::Root);
        let mut agent = scene.agent(&stage, true);
        let state = scene.sandbox.state();
        assert_eq!(agent.does("echo '{}' > forged; mkdir -p empty"), 0);
        let attacks = [
            on("$STAGE/assault bind forged @", &scene.policy),
            on("$STAGE/assault bind empty @", &state),
            on("$STAGE/assault bind empty @/sessions", &state),
            // With a directory above them they are hidden too.
            on("$STAGE/assault bind empty @", &scene.sandbox.root()),
        ];
        for attack in &attacks {
            assert_ne!(agent.does(attack), 0, "{attack}");
        }
        // Elsewhere it is allowed, and in a namespace of its own it hides nothing from es-guard.
        assert_eq!(agent.does("mkdir -p on && $STAGE/assault bind empty on && umount on"), 0);
        let own = on("unshare --mount $STAGE/assault bind empty @", &state);
        assert_eq!(agent.does(&own), 0, "{own}");
        agent.ends();
        assert_eq!(denials(&scene.sandbox).len(), attacks.len());
    }
}

#[test]
fn seccomp_a_file_that_es_guard_keeps_is_not_written_under_the_name_that_it_is_mounted_over() {
    let attack = "unshare -Urm sh -c ': > x; $STAGE/assault bind @ x && WAY'";
    let ways =
        ["echo forged > x", "echo forged >> x", "$STAGE/assault truncate x", "$STAGE/assault open rdwr x"];
    let attacks = || ways.iter().map(|way| attack.replace("WAY", way));
    for (stage, who) in
        Stage::of_every_helper().iter().flat_map(|stage| everyone().into_iter().map(move |who| (stage, who)))
    {
        let scene = Scene::new(who);
        let mut agent = scene.agent(stage, false);
        for attack in attacks() {
            assert_eq!(agent.does(&on(&attack, &scene.policy)), 0, "as {who:?}, bare: {attack}");
        }
        agent.ends();
        let scene = Scene::new(who);
        let mut agent = scene.agent(stage, true);
        assert_eq!(agent.does("rm ../zone/a"), 1);
        for file in [&scene.policy, &ledgers(&scene.sandbox)[0]] {
            for attack in attacks() {
                assert_ne!(agent.does(&on(&attack, file)), 0, "as {who:?}: {attack}");
                let now = std::fs::read_to_string(file).expect("a file that is there");
                assert!(!now.is_empty() && !now.lines().any(|line| line == "forged"), "{attack}: {now}");
            }
        }
        agent.ends();
        let sealed = denials(&scene.sandbox).iter().filter(|denial| denial.reason == Reason::Sealed).count();
        assert!(sealed >= 2 * ways.len(), "as {who:?}: {sealed}");
    }
}

/// Bare the other file is opened within a few tries.
#[test]
fn seccomp_a_race_for_a_writing_open_is_lost() {
    let tries = match pace() {
        Pace::Long => 1_000_000,
        Pace::Normal => 20_000,
        Pace::Slow => 1_000,
    };
    let Some(stage) = Stage::with_system_helper() else { return };
    for who in everyone() {
        for race in ["race @ decoy", "turn @ link"] {
            let attack = |scene: &Scene, tries: u32| {
                on(&format!("echo > decoy; $STAGE/assault {race} {tries}"), &scene.policy)
            };
            let scene = Scene::new(who);
            let mut agent = scene.agent(&stage, false);
            assert_eq!(agent.does(&attack(&scene, 10_000_000)), 0, "as {who:?}: {race}");
            agent.ends();
            let scene = Scene::new(who);
            let mut agent = scene.agent(&stage, true);
            assert_ne!(agent.does(&attack(&scene, tries)), 0, "as {who:?}: {race}");
            agent.ends();
            assert_eq!(std::fs::read_to_string(&scene.policy).expect("a policy"), "{}\n");
        }
    }
}

/// A policy that is not there yet, made as a symlink: the name is free, and only the path's bytes are in the way.
#[test]
fn seccomp_a_race_for_a_new_name_is_lost() {
    let tries = if pace() == Pace::Slow { 1_000 } else { 20_000 };
    let Some(stage) = Stage::with_system_helper() else { return };
    for who in everyone() {
        for guarded in [false, true] {
            let scene = Scene::new(who);
            let policy = scene.sandbox.home().join(".codex/es_policy.json");
            std::fs::create_dir_all(policy.parent().expect("a folder")).expect("a folder");
            scene.sandbox.hand_over();
            let mut command = if guarded {
                stage.guard(&scene.sandbox, &["wrap", "--quiet", "--zone", "zone", "--"])
            } else {
                stage.command(&scene.sandbox, &Mode::Bare, "env".as_ref())
            };
            command.arg("sh");
            let mut agent = Agent::start(command);
            let tries = if guarded { tries } else { 10_000_000 };
            let attack = on(&format!("$STAGE/assault plant @ $(dirname @)/decoy {tries}"), &policy);
            assert_eq!(agent.does(&attack) != 0, guarded, "as {who:?}, guarded: {guarded}");
            assert_eq!(policy.symlink_metadata().is_err(), guarded);
            agent.ends();
        }
    }
}

/// Ways to end, stop or read a process. `@` is its number.
const MEDDLING: [&str; 14] = [
    "kill -STOP @",
    "kill -TERM @",
    "$STAGE/assault kill @ 19",
    "$STAGE/assault tkill @ 19",
    "$STAGE/assault tgkill @ 19",
    "$STAGE/assault queue @ 19",
    "$STAGE/assault pidfd @ 19",
    "$STAGE/assault owner @ 19",
    "$STAGE/assault trace @",
    "$STAGE/assault seize @",
    "$STAGE/assault read @",
    "$STAGE/assault limit @",
    "$STAGE/assault take @ 0",
    "ls -l /proc/@/fd/",
];

#[test]
fn seccomp_the_processes_around_the_agent_are_out_of_its_reach() {
    let Some(stage) = Stage::with_system_helper() else { return };
    let scene = Scene::new(Who::User);
    let bare_scene = Scene::new(Who::User);
    let mut bare = bare_scene.agent(&stage, false);
    // A process that is nobody's child here, and can be read by its user.
    assert_eq!(bare.does("(trap '' TERM; exec sleep 600) & echo $! > pid; sleep 0.1"), 0);
    let other = std::fs::read_to_string(bare_scene.sandbox.root().join("aside/pid")).expect("a number");
    for attack in MEDDLING {
        assert_eq!(bare.does(&attack.replace('@', other.trim())), 0, "bare: {attack}");
        assert_eq!(bare.does(&format!("kill -CONT {}", other.trim())), 0);
    }
    assert_eq!(bare.does(&format!("kill -9 {}", other.trim())), 0);
    bare.ends();

    let mut agent = scene.agent(&stage, true);
    let helper = agent.says("echo $PPID");
    let wrap = agent.says("ps -o ppid= -p $PPID | tr -d ' '");
    assert_eq!(wrap, agent.pid().to_string());
    for process in [&helper, &wrap] {
        for attack in
            MEDDLING.iter().chain(&["kill -9 @", "$STAGE/assault pidfd @ 9", "$STAGE/assault write @"])
        {
            assert_ne!(agent.does(&attack.replace('@', process)), 0, "{attack}");
        }
        assert_eq!(agent.does(&format!("kill -0 {process}")), 0, "it is there, and may be asked for");
    }
    // Others of the tree it may treat as it likes. (No children of the shell's: it has a handler for theirs
    // that makes any call of its own that waits for the helper say EINTR.)
    let own = "(sleep 600 & echo $! > own) && read p < own && kill -STOP $p && $STAGE/assault pidfd $p 18 && kill -9 $p";
    assert_eq!(agent.does(own), 0);
    assert_eq!(agent.does("rm ../zone/a"), 1);
    let (status, stderr) = agent.ends();
    assert!(status.success(), "{stderr}");
    let denials = denials(&scene.sandbox);
    assert!(denials.iter().filter(|denial| denial.reason == Reason::Sealed).count() > 2 * 10);
}

/// The agent shares its process group with `wrap`. Bare, whoever started it would be hit instead.
#[test]
fn seccomp_a_signal_to_the_agents_group_ends_the_agent_and_wrap_tells() {
    for stage in Stage::of_every_helper() {
        let scene = Scene::new(Who::User);
        let mut command = stage.guard(&scene.sandbox, &["wrap", "--zone", "zone"]);
        command.args(["--", "sh", "-c", "rm -f zone/a; sleep 600 & kill -9 0; sleep 600"]);
        let Outcome { status, stderr, .. } = run(&scene.sandbox, command);
        assert_eq!(status.signal(), Some(9), "{stderr}");
        assert!(stderr.contains("es-guard: blocked 1 operation"), "{stderr}");
    }
}

#[test]
fn seccomp_a_signal_to_the_agents_group_arrives_once() {
    for stage in Stage::of_every_helper() {
        for guarded in [false, true] {
            let scene = Scene::new(Who::User);
            let zones = vec![scene.sandbox.root().join("zone")];
            let mode = if guarded { Mode::Guarded { zones, policy: None } } else { Mode::Bare };
            let mut command = stage.command(&scene.sandbox, &mode, "bash".as_ref());
            let line =
                "n=0; trap 'n=$((n + 1))' TERM; kill -TERM 0; for i in 1 2 3 4; do sleep 0.1; done; echo $n";
            command.args(["-c", line]);
            let outcome = run(&scene.sandbox, command);
            assert_eq!(outcome.stdout, "1\n", "guarded: {guarded}: {outcome:?}");
        }
    }
}
