//! With an empty home and nothing said, things are where everybody expects them: the policy is
//! `~/.codex/es_policy.json`, records are in `~/.codex/es-guard`.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Stage, eventually, output, read};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What `denials.jsonl` may grow to.
const LIMIT: usize = 1 << 20;

/// One whose home has two zones with a file `old` each, and nothing else.
struct Empty {
    sandbox: Sandbox,
}

impl Empty {
    fn new(who: Who) -> Self {
        let empty = Self { sandbox: Sandbox::new(who) };
        for zone in ["important", "other"] {
            fs::create_dir(empty.home().join(zone)).expect("a zone");
            fs::write(empty.home().join(zone).join("old"), "old").expect("a file");
        }
        empty.sandbox.hand_over();
        empty
    }

    fn home(&self) -> PathBuf {
        self.sandbox.home()
    }

    fn records(&self) -> PathBuf {
        self.home().join(".codex/es-guard")
    }

    /// Writes a file of the person's in the home, in place.
    fn writes(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
        self.sandbox.hand_over();
    }

    fn guard(&self, stage: &Stage, args: &[&str]) -> Command {
        let mut guard = stage.guard(&self.sandbox, args);
        guard.env_remove("ES_GUARD_HOME");
        guard
    }

    fn says(&self, stage: &Stage, args: &[&str]) -> String {
        let output = output(&mut self.guard(stage, args));
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn ledgers(&self) -> Vec<PathBuf> {
        let found = fs::read_dir(self.records().join("sessions")).expect("the sessions").flatten();
        let mut found: Vec<_> = found.map(|entry| entry.path()).collect();
        found.sort();
        found
    }

    /// The lines of the shared file of denials.
    fn denials(&self) -> Vec<String> {
        let text = fs::read_to_string(self.records().join("denials.jsonl")).expect("the denials");
        text.lines().map(str::to_owned).collect()
    }
}

fn seccomp_play(play: impl Fn(&Stage, Empty)) {
    if let Some(stage) = Stage::with_engine() {
        everyone().into_iter().for_each(|who| play(&stage, Empty::new(who)));
    }
}

#[test]
fn seccomp_the_policy_of_the_home_is_read_and_watched() {
    seccomp_play(|stage, empty| {
        let policy = ".codex/es_policy.json";
        empty.writes(policy, "{\"protected_zones\": [\"~/important\"]}");
        let mut agent = Agent::start(empty.guard(stage, &["wrap", "--", "sh"]));
        assert_ne!(agent.does("rm -f ~/important/old"), 0);
        assert_eq!(agent.does("rm -f ~/other/old"), 0);
        // A change; the person makes anew what was removed.
        empty.writes(policy, "{\"protected_zones\": [\"~/important\", \"~/other\"]}");
        eventually("the new zone", || {
            empty.writes("other/old", "old");
            agent.does("rm -f ~/other/old") != 0
        });
        assert_ne!(agent.does("rm -f ~/important/old"), 0);
        // The agent can neither remove it nor replace it.
        assert_ne!(agent.does("rm -f ~/.codex/es_policy.json"), 0);
        let (status, told) = agent.ends();
        assert!(status.success() && told.contains("guarding ~/important (seccomp)"), "{told}");
        let checked = empty.says(stage, &["policy", "check"]);
        assert!(checked.contains(".codex/es_policy.json: valid: 2 zones, 0 overrides"), "{checked}");
    });
}

#[test]
fn seccomp_records_are_kept_in_the_home() {
    seccomp_play(|stage, empty| {
        let (home, zone) = (empty.home(), empty.home().join("important"));
        let zone = zone.to_string_lossy();
        let mut agent = Agent::start(empty.guard(stage, &["wrap", "--zone", &zone, "--", "sh"]));
        assert_ne!(agent.does("rm -f ~/important/old"), 0);
        assert_ne!(agent.does("mv ~/important/old ~/moved"), 0);
        assert!(agent.ends().0.success());

        let [unlinked, renamed] = &*empty.denials() else { panic!("{:?}", empty.denials()) };
        let ts =
            |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["ts"].as_i64().expect("seconds");
        let of = |line, op, dest: &str| {
            format!(
                "{{\"ts\":{},\"op\":{op:?},\"path\":\"{zone}/old\",\"dest\":{dest},\"zone\":{zone:?}}}",
                ts(line)
            )
        };
        assert_eq!(*unlinked, of(unlinked, "unlink", "null"));
        assert_eq!(*renamed, of(renamed, "rename", &format!("\"{}/moved\"", home.display())));

        let [ledger] = &*empty.ledgers() else { panic!("{:?}", empty.ledgers()) };
        let name = ledger.file_name().expect("a name").to_string_lossy();
        let id = name.strip_suffix(".jsonl").expect("a ledger");
        eventually("the session's end", || read(ledger).end().is_some());
        let (first, _) =
            read(ledger).denials().next().map(|(line, denial)| (line.clone(), denial)).expect("a denial");
        assert_eq!((first.session.as_str(), first.ts), (id, ts(unlinked)));
        for asked in [id, "last", &id[..id.len() - 1]] {
            let shown = empty.says(stage, &["sessions", "show", asked]);
            assert!(
                shown.contains(id) && shown.contains("2 operations") && shown.contains("old"),
                "{asked}: {shown}"
            );
        }
        assert!(empty.says(stage, &["sessions", "list"]).contains(id));
        let left = fs::read_dir(empty.records()).expect("the records").flatten();
        let mut left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["denials.jsonl", "doors", "sessions", "stash"]);
    });
}

#[test]
fn seccomp_the_file_of_all_denials_keeps_its_newest_half() {
    seccomp_play(|stage, empty| {
        let old = |n: usize| {
            format!("{{\"ts\":{n},\"op\":\"unlink\",\"path\":\"/z/{n:060}\",\"dest\":null,\"zone\":\"/z\"}}")
        };
        let mut lines = 0;
        let mut text = String::new();
        while text.len() + old(lines).len() < LIMIT {
            text += &old(lines);
            text.push('\n');
            lines += 1;
        }
        empty.writes(".codex/es-guard/denials.jsonl", &text);
        let zone = empty.home().join("important").to_string_lossy().into_owned();
        let wrap = [
            "wrap",
            "--quiet",
            "--zone",
            &zone,
            "--",
            "sh",
            "-c",
            "rm -f ~/important/old 2> /dev/null; true",
        ];
        assert!(output(&mut empty.guard(stage, &wrap)).status.success());
        let length = fs::metadata(empty.records().join("denials.jsonl")).expect("the file").len() as usize;
        assert!(length <= LIMIT / 2 && length > LIMIT / 2 - 1000, "{length} bytes");
        let mut kept = empty.denials();
        let newest = kept.pop().expect("a denial");
        assert!(newest.contains(&format!("\"path\":\"{zone}/old\"")), "{newest}");
        // Whole lines, the newest, all of them.
        let expected: Vec<_> = (lines - kept.len()..lines).map(old).collect();
        assert!(kept == expected, "{:?} to {:?}", kept.first(), kept.last());
        // The ledger is never cut.
        assert_eq!(read(&empty.ledgers()[0]).denials().count(), 1);
    });
}
