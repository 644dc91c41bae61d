//! What replacers remove is held until they have ended: whatever happens meanwhile, nothing is lost.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, denials, eventually, kept, run};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use e2e::system::children;
use helper_daemon::denial::Denial;
use helper_daemon::stash;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::BufReader;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Removes a file and goes on until it is killed. It is one process, whose number is said.
const REMOVES: &str = "{ perl -e 'unlink $ARGV[0] or die; open F, \">\", \"out/ready\"; close F; sleep 1000' FILE & } ; echo $!";

struct Scene<'a> {
    stage: &'a mut Stage,
    sandbox: Sandbox,
    agent: Agent,
}

impl Scene<'_> {
    fn path(&self, below: &str) -> PathBuf {
        self.sandbox.root().join(below)
    }

    /// Has a replacer remove a file and wait.
    fn removes(&mut self, file: &str) -> Pid {
        let pid = self.agent.says(&REMOVES.replace("FILE", file)).parse().expect("a number");
        let ready = self.path("out/ready");
        eventually("it is removed", || ready.exists());
        assert!(!self.path(file).exists());
        Pid::from_raw(pid)
    }

    /// Ends the session: what was denied, what was kept, and where.
    fn ends(self) -> (Vec<Denial>, Vec<Denial>, Sandbox) {
        self.agent.ends();
        (denials(&self.sandbox), kept(&self.sandbox), self.sandbox)
    }
}

/// With an old file `zone/a`, for each helper and each user.
fn seccomp_scenes(play: impl Fn(Scene<'_>)) {
    for mut stage in Stage::of_every_helper() {
        for who in everyone() {
            let stage = &mut stage;
            let sandbox = sandbox(who);
            let zones = vec![sandbox.root().join("zone")];
            let agent = stage.command(&sandbox, &Mode::Guarded { zones, policy: None }, "sh".as_ref());
            play(Scene { stage, sandbox, agent: Agent::start(agent) });
        }
    }
}

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    for dir in ["zone", "out"] {
        fs::create_dir(sandbox.root().join(dir)).expect("an empty sandbox");
    }
    fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
    sandbox.hand_over();
    sandbox
}

/// What is left in the only stash, each thing with its content.
fn left(state: &Path) -> Vec<String> {
    let [folder] = &fs::read_dir(state.join(stash::FOLDER)).unwrap().flatten().collect::<Vec<_>>()[..] else {
        panic!("one session, one stash")
    };
    let index = fs::File::open(folder.path().join(stash::INDEX)).unwrap();
    let contents = stash::read(BufReader::new(index)).unwrap();
    let data = folder.path().join(stash::DATA);
    let content = |entry: u64| fs::read_to_string(data.join(stash::data_name(entry))).unwrap();
    contents.left().map(|(_, kept)| content(kept.entry)).collect()
}

#[test]
fn seccomp_what_is_held_is_put_back_as_soon_as_its_process_has_ended() {
    seccomp_scenes(|mut scene| {
        let before = fs::metadata(scene.path("zone/a")).unwrap();
        let pid = scene.removes("zone/a");
        kill(pid, Signal::SIGKILL).unwrap();
        let back = scene.path("zone/a");
        // Nobody in the tree asks for anything meanwhile.
        eventually("it is put back", || back.exists());
        let after = fs::metadata(&back).unwrap();
        let looks = |m: &fs::Metadata| (m.ino(), m.mode(), m.uid(), m.gid(), m.mtime_nsec(), m.atime_nsec());
        assert_eq!(looks(&before), looks(&after));
        let (denied, kept, sandbox) = scene.ends();
        assert_eq!(left(&sandbox.state()), [""; 0]);
        assert_eq!((denied.len(), kept.len()), (1, 0));
        assert_eq!((denied[0].path.as_path(), denied[0].pid), (back.as_path(), pid.as_raw()));
    });
}

#[test]
fn seccomp_what_a_person_puts_there_meanwhile_is_left_and_what_was_held_is_kept() {
    seccomp_scenes(|mut scene| {
        let pid = scene.removes("zone/a");
        fs::write(scene.path("zone/a"), "the person's").unwrap();
        assert_ne!(scene.agent.does("rm -f zone/a"), 0);
        kill(pid, Signal::SIGKILL).unwrap();
        assert_eq!(scene.agent.does("wait; ! rm -f zone/a"), 0);
        let (denied, kept, sandbox) = scene.ends();
        assert_eq!((denied.len(), kept.len()), (2, 1));
        assert_eq!(fs::read_to_string(sandbox.root().join("zone/a")).unwrap(), "the person's");
        assert_eq!(left(&sandbox.state()), ["old"]);
    });
}

/// A backup may go; what was only renamed, and what a person has put in a backup's place, may not.
#[test]
fn seccomp_only_the_backup_of_an_edit_is_the_sessions_own() {
    seccomp_scenes(|mut scene| {
        let renames = "perl -e 'rename \"zone/a\", \"zone/b\"'; rm zone/b 2>/dev/null; echo $?";
        assert_eq!(scene.agent.says(renames), "1", "{:?}", scene.sandbox.who);
        let edits = "mv zone/b zone/a; sed -i.bak s/old/new/ zone/a; rm zone/a.bak; echo $?";
        assert_eq!(scene.agent.says(edits), "0", "{:?}", scene.sandbox.who);
        assert_eq!(scene.agent.says("sed -i.bak s/new/newer/ zone/a; echo done"), "done");
        let backup = scene.path("zone/a.bak");
        fs::remove_file(&backup).and_then(|()| fs::write(&backup, "a person's")).expect("another file");
        assert_eq!(scene.agent.says("rm -f zone/a.bak 2>/dev/null; echo $?"), "1", "{:?}", scene.sandbox.who);
        let (denied, kept, _) = scene.ends();
        assert_eq!((denied.len(), kept.len()), (2, 0), "{denied:?}");
    });
}

#[test]
fn seccomp_what_can_not_be_put_back_is_kept() {
    for moved in ["out/d", "zone/e"] {
        seccomp_scenes(|mut scene| {
            assert_eq!(scene.agent.does("mkdir zone/d && chmod 777 zone/d"), 0);
            fs::write(scene.path("zone/d/f"), "the person's").unwrap();
            let pid = scene.removes("zone/d/f");
            assert_eq!(scene.agent.does(&format!("mv zone/d {moved} && ln -s ../{moved} zone/d")), 0);
            kill(pid, Signal::SIGKILL).unwrap();
            let (denied, kept, sandbox) = scene.ends();
            assert_eq!((denied.len(), kept.len()), (0, 1), "{moved}");
            assert_eq!(left(&sandbox.state()), ["the person's"]);
            assert!(!sandbox.root().join(moved).join("f").exists());
        });
    }
}

#[test]
fn seccomp_what_is_held_is_in_the_stash_when_the_helper_is_killed() {
    seccomp_scenes(|mut scene| {
        let pid = scene.removes("zone/a");
        let helper = match scene.stage.system_helper() {
            Some(system) => {
                let workers = || children(system.pid());
                eventually("it has one session", || workers().len() == 1);
                workers()[0]
            }
            None => scene.agent.says("echo $PPID").parse().expect("a number"),
        };
        kill(Pid::from_raw(helper), Signal::SIGKILL).unwrap();
        assert_eq!(left(&scene.sandbox.state()), ["old"]);
        // It may have been killed with the helper.
        let _ = kill(pid, Signal::SIGKILL);
        scene.agent.ends();
        assert_eq!(left(&scene.sandbox.state()), ["old"]);
    });
}

/// There it is copied, and copied back.
#[test]
fn seccomp_on_another_file_system_a_copy_is_put_back() {
    for (stage, who) in
        Stage::of_every_helper().iter().flat_map(|s| everyone().into_iter().map(move |w| (s, w)))
    {
        let sandbox = sandbox(who);
        let zone = tempfile::Builder::new().prefix("es-guard-e2e.").tempdir_in("/dev/shm").expect("a place");
        let everybody = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(zone.path(), everybody(0o777)).unwrap();
        let [gone, made] = ["gone", "made"].map(|name| zone.path().join(name));
        for path in [&gone, &made] {
            fs::write(path, "old").unwrap();
            fs::set_permissions(path, everybody(0o646)).unwrap();
        }
        let looks = || fs::metadata(&gone).map(|m| (m.mode(), m.mtime(), m.mtime_nsec())).unwrap();
        let before = looks();
        let zones = vec![zone.path().to_owned()];
        let script = "unlink $_ or die for @ARGV; open F, '>', $ARGV[1]; print F 'new'; close F";
        let mut agent = stage.command(&sandbox, &Mode::Guarded { zones, policy: None }, "perl".as_ref());
        agent.args(["-e", script]).args([&gone, &made]);
        let outcome = run(&sandbox, agent);
        assert!(outcome.status.success(), "{who:?}: {}", outcome.stderr);
        assert_eq!(outcome.denials.iter().map(|denial| &denial.path).collect::<Vec<_>>(), [&gone]);
        assert_eq!((fs::read_to_string(&gone).unwrap(), looks()), ("old".to_owned(), before));
        assert_eq!(fs::read_to_string(&made).unwrap(), "new");
        assert_eq!((left(&sandbox.state()), fs::read_dir(zone.path()).unwrap().count()), (Vec::new(), 2));
    }
}

#[test]
fn seccomp_a_policy_may_name_further_replacers() {
    for (stage, who) in
        Stage::of_every_helper().iter().flat_map(|s| everyone().into_iter().map(move |w| (s, w)))
    {
        for (replacers, status) in [("", 1), ("\"unlink\"", 0)] {
            let sandbox = sandbox(who);
            let policy = sandbox.root().join("policy.json");
            fs::write(&policy, format!("{{\"replacers\": [{replacers}]}}")).unwrap();
            let mode = Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: Some(policy) };
            let mut agent = stage.command(&sandbox, &mode, "unlink".as_ref());
            agent.arg("zone/a");
            let outcome = run(&sandbox, agent);
            assert_eq!(
                (outcome.status.code(), outcome.denials.len()),
                (Some(status), 1),
                "{}",
                outcome.stderr
            );
            assert!(sandbox.root().join("zone/a").exists());
        }
    }
}

/// One process, however many files: more than the helper may have open.
#[test]
fn seccomp_thousands_of_files_of_one_archive() {
    for (stage, who) in &Stage::of_every_helper_once() {
        let sandbox = sandbox(*who);
        for top in ["zone", "out"] {
            for n in 0..2_000 {
                let dir = sandbox.root().join(format!("{top}/{}", n % 500));
                fs::create_dir_all(&dir).unwrap();
                fs::write(dir.join(n.to_string()), top).unwrap();
            }
        }
        sandbox.hand_over();
        let wrap = stage.guard_words("--quiet --zone zone");
        let line = format!("tar cf t.tar -C out . && ulimit -n 64 && {wrap} tar xf t.tar -C zone");
        let mut agent = stage.command(&sandbox, &Mode::Bare, "sh".as_ref());
        agent.args(["-c", &line]);
        let outcome = run(&sandbox, agent);
        assert!(outcome.status.success(), "{who:?}: {}", outcome.stderr);
        assert_eq!((outcome.denials.len(), kept(&sandbox).len()), (0, 0));
        for n in 0..2_000 {
            let path = sandbox.root().join(format!("zone/{}/{n}", n % 500));
            assert_eq!(fs::read_to_string(&path).unwrap(), "out", "{}", path.display());
        }
        assert_eq!(left(&sandbox.state()), [""; 0]);
    }
}
