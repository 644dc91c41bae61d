//! The policy file is changed by the person while the agent runs: it takes effect, at once and as a whole; what
//! is broken changes nothing and is told.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Stage, eventually, ledgers, read};
use e2e::sandbox::{Sandbox, everyone};
use helper_daemon::ledger::{PolicyRecord, Record};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A session with the zones `one` and `two`, of which the policy file names `one` at first.
struct Play {
    sandbox: Sandbox,
    agent: Agent,
}

impl Play {
    fn policy(&self) -> PathBuf {
        self.sandbox.beside("policy.json")
    }

    fn root(&self) -> PathBuf {
        self.sandbox.root()
    }

    fn zone(&self, name: &str) -> String {
        self.root().join(name).display().to_string()
    }

    /// The person writes another policy, in place.
    fn writes(&self, text: &str) {
        fs::write(self.policy(), text).expect("a policy file");
    }

    /// The person makes a directory, and those above it that are missing. Anybody may make a file in them,
    /// whoever the session is: the person of these tests can be root.
    fn makes(&self, path: &str) {
        let mut dir = self.root();
        for name in Path::new(path) {
            dir.push(name);
            if fs::create_dir(&dir).is_ok() {
                fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).expect("permissions");
            }
        }
        assert!(dir.is_dir(), "{path}");
    }

    /// Whether the agent can remove a file that the person has just made.
    fn removes(&mut self, path: &str) -> bool {
        let file = self.root().join(path);
        fs::write(&file, "the person's").expect("a file");
        let removed = self.agent.does(&format!("rm -f {path}")) == 0;
        assert_eq!(removed, !file.exists());
        removed
    }

    /// Waits until the agent can, or can't, remove files there.
    fn comes_to(&mut self, path: &str, removable: bool) {
        eventually(path, || self.removes(path) == removable);
    }

    /// The changes of policy in the ledger.
    fn changes(&self) -> Vec<PolicyRecord> {
        let ledger = ledgers(&self.sandbox).pop().expect("a ledger");
        let records = read(&ledger).lines.into_iter().map(|line| line.record);
        records.filter_map(|r| if let Record::Policy(p) = r { Some(p) } else { None }).collect()
    }

    fn overrides(&self) -> Vec<String> {
        let ledger = ledgers(&self.sandbox).pop().expect("a ledger");
        let records = read(&ledger).lines.into_iter().map(|line| line.record);
        records.filter_map(|r| if let Record::Override(o) = r { Some(o.change) } else { None }).collect()
    }

    /// Waits until so many changes are recorded.
    fn is_recorded(&self, count: usize) {
        eventually("a record", || self.changes().len() >= count);
        assert_eq!(self.changes().len(), count, "{:?}", self.changes());
    }

    /// Ends: what the summary says.
    fn ends(self) -> String {
        let (status, told) = self.agent.ends();
        assert!(status.success());
        told
    }
}

fn zones(zones: &[&str]) -> String {
    overridden(zones, "")
}

fn overridden(zones: &[&str], overrides: &str) -> String {
    let zones: Vec<String> = zones.iter().map(|zone| format!("{zone:?}")).collect();
    format!("{{\"protected_zones\": [{}], \"temporary_overrides\": [{overrides}]}}\n", zones.join(", "))
}

fn seccomp_play(play: impl Fn(Play)) {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        for zone in ["one", "two"] {
            fs::create_dir(sandbox.root().join(zone)).expect("a zone");
        }
        let policy = sandbox.beside("policy.json");
        fs::write(&policy, zones(&[&sandbox.root().join("one").to_string_lossy()])).expect("a policy");
        sandbox.hand_over();
        let mut command = stage.guard(&sandbox, &["wrap", "--policy"]);
        command.arg(&policy).args(["--", "sh"]);
        let mut begun = Play { agent: Agent::start(command), sandbox };
        assert!(!begun.removes("one/f") && begun.removes("two/f"));
        play(begun);
    }
}

#[test]
fn seccomp_zones_come_and_go() {
    seccomp_play(|mut play| {
        let (one, two) = (play.zone("one"), play.zone("two"));
        play.writes(&zones(&[&one, &two]));
        play.comes_to("two/f", false);
        assert!(!play.removes("one/f"));
        play.is_recorded(1);
        play.writes(&zones(&[&two]));
        play.comes_to("one/f", true);
        assert!(!play.removes("two/f"));
        play.is_recorded(2);
        let changes = play.changes();
        assert!(changes.iter().all(|change| change.change == "replaced"));
        assert_eq!(changes[0].detail, format!("zones: +{two}"));
        assert_eq!(changes[1].detail, format!("zones: -{one}"));
        play.ends();
    });
}

#[test]
fn seccomp_overrides_come_and_go_and_expire() {
    seccomp_play(|mut play| {
        let one = play.zone("one");
        play.writes(&overridden(&[&one], &format!("\"{one}/f\"")));
        play.comes_to("one/f", true);
        assert!(!play.removes("one/g"), "of one path");
        play.is_recorded(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        let until = |path: &str, end: u64| format!("{{\"path\": \"{one}/{path}\", \"expires_at\": {end}}}");
        // Over already; for a while; for long.
        let overrides = [until("f", now - 1), until("g", now + 3), until("h", now + 3600)];
        play.writes(&overridden(&[&one], &overrides.join(", ")));
        play.comes_to("one/f", false);
        play.comes_to("one/h", true);
        play.is_recorded(2);
        play.comes_to("one/g", false);
        let ended = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
        assert!(ended >= now + 3, "it expired {} s early", now + 3 - ended);
        assert!(play.removes("one/h"));
        assert_eq!(play.changes().len(), 2, "an expiry is no change of the file");
        assert_eq!(play.overrides(), ["added", "removed", "added", "added", "added"]);
        play.ends();
    });
}

#[test]
fn seccomp_exempt_names_come_and_go() {
    seccomp_play(|mut play| {
        let one = play.zone("one");
        let exempt =
            |names: &str| format!("{{\"protected_zones\": [{one:?}], \"exempt_names\": [{names}]}}\n");
        play.makes("one/dist");
        play.makes("one/out");
        assert!(!play.removes("one/dist/f"));
        play.writes(&exempt("\"dist\""));
        play.comes_to("one/dist/f", true);
        assert!(!play.removes("one/out/f") && !play.removes("one/f"));
        play.is_recorded(1);
        // One for another.
        play.writes(&exempt("\"out\""));
        play.comes_to("one/dist/f", false);
        assert!(play.removes("one/out/f"));
        play.is_recorded(2);
        play.writes(&zones(&[&one]));
        play.comes_to("one/out/f", false);
        assert!(!play.removes("one/dist/f"));
        play.is_recorded(3);
        let details: Vec<_> = play.changes().into_iter().map(|change| change.detail).collect();
        assert_eq!(details, ["exempt names: +dist", "exempt names: -dist, +out", "exempt names: -out"]);
        play.ends();
    });
}

#[test]
fn seccomp_a_broken_edit_keeps_the_last_good_policy_and_is_told() {
    seccomp_play(|mut play| {
        let (one, two) = (play.zone("one"), play.zone("two"));
        let broken = [
            ("{\"protected_zones\": [".to_owned(), "EOF while parsing"),
            ("{\"zones\": []}".to_owned(), "unknown field `zones`"),
            (zones(&["relative"]), "found the relative path"),
            (String::new(), "EOF while parsing a value"),
            ("[]".to_owned(), "invalid type: sequence"),
        ];
        for (at, (text, why)) in broken.iter().enumerate() {
            play.writes(text);
            play.is_recorded(at + 1);
            let last = play.changes().pop().expect("a record");
            assert_eq!(last.change, "refused");
            assert!(last.detail.contains(why) && last.detail.contains("policy.json"), "{}", last.detail);
            assert!(!play.removes("one/f"), "after {text}");
        }
        // Mended, it works again.
        play.writes(&zones(&[&one, &two]));
        play.comes_to("two/f", false);
        let told = play.ends();
        assert!(told.contains("a change of policy was refused, the earlier one stayed: "), "{told}");
        // Each at once, too, as it is no terminal that it would be written across; and whole.
        let at_once = told.lines().filter(|line| line.contains("a change of policy is refused"));
        assert_eq!(at_once.clone().count(), broken.len(), "{told}");
        assert!(at_once.zip(&broken).all(|(line, (_, why))| line.contains(why)), "{told}");
    });
}

#[test]
fn seccomp_the_file_is_replaced_removed_and_turned() {
    seccomp_play(|mut play| {
        let (one, two) = (play.zone("one"), play.zone("two"));
        // An atomic save.
        let next = play.sandbox.beside("next.json");
        fs::write(&next, zones(&[&one, &two])).expect("a file");
        fs::rename(&next, play.policy()).expect("a rename");
        play.comes_to("two/f", false);
        play.is_recorded(1);
        // Gone: the last policy stays. Two files are looked at in the meantime.
        fs::remove_file(play.policy()).expect("a removal");
        play.is_recorded(2);
        assert_eq!(play.changes()[1].change, "refused");
        assert!(!play.removes("one/f") && !play.removes("two/f"));
        // A directory of that name, then a symlink, which is turned in place.
        fs::create_dir(play.policy()).expect("a directory");
        play.is_recorded(3);
        assert!(play.changes()[2].detail.contains("found a directory"));
        fs::remove_dir(play.policy()).expect("a removal");
        let (first, second) = (play.sandbox.beside("first.json"), play.sandbox.beside("second.json"));
        fs::write(&first, zones(&[&one])).expect("a file");
        fs::write(&second, zones(&[&one, &two])).expect("a file");
        std::os::unix::fs::symlink(&first, play.policy()).expect("a symlink");
        play.comes_to("two/f", true);
        let turned = play.sandbox.beside("turned");
        std::os::unix::fs::symlink(&second, &turned).expect("a symlink");
        fs::rename(&turned, play.policy()).expect("a rename");
        play.comes_to("two/f", false);
        // And the file that it leads to is written to.
        fs::write(&second, zones(&[&one])).expect("a file");
        play.comes_to("two/f", true);
        assert!(!play.removes("one/f"));
        play.ends();
    });
}

#[test]
fn seccomp_a_zone_that_appears_is_armed() {
    seccomp_play(|mut play| {
        let (one, later) = (play.zone("one"), play.zone("later/deep"));
        play.writes(&zones(&[&one, &later]));
        play.is_recorded(1);
        play.makes("later/deep");
        play.comes_to("later/deep/f", false);
        assert_ne!(play.agent.does("mv later other"), 0, "nor is what is above it moved away");
        // It goes and comes again.
        fs::remove_dir_all(play.root().join("later")).expect("a removal");
        play.makes("later/deep");
        play.comes_to("later/deep/f", false);
        assert!(!play.removes("one/f"));
        let told = play.ends();
        assert!(told.contains("later/deep does not exist: it is"), "{told}");
    });
}

/// There is no moment in which half a policy holds: not while one is replaced by another, not while the file is
/// written in pieces.
#[test]
fn seccomp_what_every_policy_protects_is_protected_all_the_time() {
    seccomp_play(|mut play| {
        let (one, two) = (play.zone("one"), play.zone("two"));
        let precious = play.root().join("one/precious");
        fs::write(&precious, "old").expect("a file");
        play.agent
            .is_told("while [ ! -e stop ]; do rm -f one/precious; mv one/precious .; done 2> /dev/null &");
        let policies =
            [zones(&[&two, &one]), zones(&[&one]), overridden(&[&one, &two], &format!("\"{two}/x\""))];
        for round in 0..6 {
            let text = &policies[round % policies.len()];
            let before = play.changes().len();
            // Half of it, for as long as it takes to be looked at; then the whole.
            play.writes(&text[..text.len() / 2]);
            play.is_recorded(before + 1);
            play.writes(text);
            play.is_recorded(before + 2);
        }
        fs::write(play.root().join("stop"), "").expect("a file");
        assert_eq!(play.agent.does("wait"), 0);
        assert_eq!(fs::read(&precious).expect("the file"), b"old");
        let changes = play.changes();
        assert_eq!(changes.iter().filter(|change| change.change == "refused").count(), 6, "{changes:?}");
        play.ends();
    });
}
