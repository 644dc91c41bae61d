//! `~/.codex` kept as a symlink to elsewhere, and a state folder reached through another: turned by the agent, either
//! would have the next session read another policy, or write its records where nobody looks.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, denials, eventually};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// Ways to make a symlink lead elsewhere. `@` is the symlink.
const TURNS: [&str; 6] = [
    "rm @",
    "rm @ && mkdir @ && echo '{}' > @/es_policy.json",
    "mv @ @.gone",
    "ln -sfn /tmp @",
    "ln -sfn /tmp n && mv -fT n @",
    "rm -rf d && mkdir d && echo renameat2 cwd d cwd @ exchange | $STAGE/driver - | grep -q ' 0$'",
];

struct Scene {
    sandbox: Sandbox,
}

impl Scene {
    fn new(who: Who) -> Self {
        let scene = Self { sandbox: Sandbox::new(who) };
        fs::create_dir_all(scene.sandbox.home().join("dot/codex")).expect("a home");
        fs::create_dir(scene.sandbox.root().join("zone")).expect("a zone");
        fs::write(scene.sandbox.root().join("zone/a"), "old").expect("a file");
        scene.settles();
        scene
    }

    /// The symlinks, and where they lead.
    fn links(&self) -> [(PathBuf, PathBuf); 2] {
        let home = self.sandbox.home();
        [(home.join(".codex"), "dot/codex".into()), (home.join("records"), self.sandbox.state())]
    }

    /// The person puts everything where it belongs.
    fn settles(&self) {
        for (link, target) in self.links() {
            let _ = fs::remove_file(&link).or_else(|_| fs::remove_dir_all(&link));
            symlink(target, link).expect("a symlink");
        }
        self.protects("");
        self.sandbox.hand_over();
    }

    /// The person writes the policy, through the symlink.
    fn protects(&self, but: &str) {
        let zone = self.sandbox.root().join("zone");
        let text = format!("{{\"protected_zones\": [{zone:?}], \"temporary_overrides\": [{but}]}}\n");
        fs::write(self.sandbox.home().join(".codex/es_policy.json"), text).expect("a policy");
    }

    fn is_settled(&self) -> bool {
        self.links().iter().all(|(link, target)| fs::read_link(link).is_ok_and(|found| found == *target))
    }

    fn agent(&self, stage: &Stage, guarded: bool) -> Agent {
        let mut command = if guarded {
            let mut wrap = stage.guard(&self.sandbox, &["wrap", "--quiet", "--"]);
            wrap.env("ES_GUARD_HOME", self.sandbox.home().join("records"));
            wrap
        } else {
            stage.command(&self.sandbox, &Mode::Bare, "env".as_ref())
        };
        command.arg("sh");
        let mut agent = Agent::start(command);
        assert_eq!(agent.does("mkdir -p aside && cd aside"), 0);
        agent
    }
}

#[test]
fn seccomp_a_symlink_on_the_way_to_the_policy_or_the_state_folder_is_not_turned() {
    for (stage, who) in
        Stage::of_every_helper().iter().flat_map(|stage| everyone().into_iter().map(move |who| (stage, who)))
    {
        let attacks = |scene: &Scene| {
            let links = scene.links().map(|(link, _)| link.display().to_string());
            links.into_iter().flat_map(|link| TURNS.map(|turn| turn.replace('@', &link))).collect::<Vec<_>>()
        };
        let scene = Scene::new(who);
        let mut agent = scene.agent(stage, false);
        for attack in attacks(&scene) {
            assert_eq!(agent.does(&attack), 0, "as {who:?}, bare: {attack}");
            assert!(!scene.is_settled(), "as {who:?}, bare: {attack}");
            scene.settles();
        }
        agent.ends();

        let scene = Scene::new(who);
        let mut agent = scene.agent(stage, true);
        for attack in attacks(&scene) {
            assert_ne!(agent.does(&attack), 0, "as {who:?}: {attack}");
            assert!(scene.is_settled(), "as {who:?}: {attack}");
        }
        // What they lead to is the agent's to use, but for what es-guard keeps there.
        assert_eq!(agent.does("cd ~/.codex && mkdir -p x && echo > x/log && mv x/log log && rm -r log x"), 0);
        assert_ne!(agent.does("echo forged > ~/.codex/es_policy.json"), 0);
        assert_eq!(agent.does("cd - && mkdir -p ~/.codex"), 0);
        // The person edits it as ever.
        assert_ne!(agent.does("rm -f ../zone/a"), 0);
        scene.protects(&format!("{:?}", scene.sandbox.root().join("zone/a")));
        eventually("the override", || agent.does("rm -f ../zone/a") == 0);
        let (status, told) = agent.ends();
        assert!(status.success(), "{told}");
        let denied = denials(&scene.sandbox);
        for (link, _) in scene.links() {
            let of_link = denied.iter().filter(|denial| {
                denial.zone == link && (denial.path == link || denial.dest.as_deref() == Some(&link))
            });
            assert!(of_link.count() >= TURNS.len(), "as {who:?}: {}: {denied:?}", link.display());
        }
    }
}
