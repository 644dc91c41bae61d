//! OpenAI's Codex.
//!
//! Everything goes through `-c`, which is for this run only. A hook that is new to Codex is skipped in silence unless
//! its person has trusted it; what trusts every hook there is, a repository's own among them, is no option. So the
//! trust that a person's own settings may give is [given](trust) to es-guard's hooks alone, in the same way: for
//! this run, by what each of them is.

mod overrides;
mod trust;

use super::{Agent, Guard, SERVER, has_option, hooks};
use overrides::Overrides;
use std::ffi::OsString;
use toml::{Table, Value};

/// Codex.
pub(super) struct Codex;

/// Before and after each call of a tool: of a patch that fails, nothing is told afterwards.
const EVENTS: [&str; 4] = ["SessionStart", "PreToolUse", "PostToolUse", "Stop"];

/// First words that start no conversation.
const ERRANDS: [&str; 19] = [
    "login",
    "logout",
    "mcp",
    "plugin",
    "remote-control",
    "completion",
    "update",
    "doctor",
    "sandbox",
    "debug",
    "apply",
    "a",
    "queue",
    "archive",
    "delete",
    "unarchive",
    "cloud",
    "exec-server",
    "features",
];

/// Options with which it only says something.
const HELP: [&str; 4] = ["-h", "--help", "-V", "--version"];

/// What a server of Codex's is not given of the environment unless it is named.
const VARIABLES: [&str; 3] = ["ES_GUARD_HOME", "ES_GUARD_SESSION", "ES_GUARD_DOOR"];

/// What is typed in Codex's terminal is done by a server in the background, which may be anybody's child, unless its
/// command line sets something: then Codex does it itself, in every version. This sets nothing that there is.
const KEPT_HERE: [&str; 2] = ["-c", "hooks.state.es-guard.trusted_hash=none"];

/// What has another server do the work: an option, and first words.
const REMOTE: &str = "--remote";
const SERVERS: [&str; 2] = ["remote-control", "queue"];

/// For how many seconds a tool may wait for a person: a day.
const TOOL_PATIENCE: i64 = 86_400;

impl Agent for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["codex", "codex.js"]
    }

    fn packages(&self) -> &'static [&'static str] {
        &["@openai/codex"]
    }

    fn extended(&self, args: &[OsString], guard: &Guard) -> Option<Vec<OsString>> {
        if is_errand(args) {
            return None;
        }
        let (mut theirs, args) = Overrides::taken_from(args, &["hooks", "mcp_servers"]);
        self.hook(theirs.table("hooks")?, guard)?;
        theirs.table("mcp_servers")?.insert(SERVER.to_owned(), server(guard));
        Some([theirs.words(), args].concat())
    }

    fn kept_here(&self, args: &[OsString]) -> Vec<OsString> {
        KEPT_HERE.iter().map(OsString::from).chain(args.iter().cloned()).collect()
    }

    fn done_elsewhere(&self, args: &[OsString]) -> Option<&'static str> {
        let first = first_word(args);
        let by_word = || SERVERS.into_iter().find(|word| first.is_some_and(|first| first == word));
        has_option(args, REMOTE).then_some(REMOTE).or_else(by_word)
    }
}

/// Options that come before a first word, and take the next word.
const WITH_VALUE: [&str; 20] = [
    "-c",
    "--config",
    "--enable",
    "--disable",
    "--remote",
    "--remote-auth-token-env",
    "-i",
    "--image",
    "-m",
    "--model",
    "--local-provider",
    "-p",
    "--profile",
    "-s",
    "--sandbox",
    "-C",
    "--cd",
    "--add-dir",
    "-a",
    "--ask-for-approval",
];

/// Whether the first word that is no option starts no conversation.
fn is_errand(args: &[OsString]) -> bool {
    HELP.into_iter().any(|help| has_option(args, help))
        || first_word(args).is_some_and(|first| ERRANDS.iter().any(|errand| first == errand))
}

/// The first word that is no option, nor an option's.
fn first_word(args: &[OsString]) -> Option<&OsString> {
    let mut args = args.iter();
    while let Some(arg) = args.next().filter(|arg| *arg != "--") {
        if WITH_VALUE.iter().any(|option| arg == option) {
            args.next();
        } else if !arg.as_encoded_bytes().starts_with(b"-") {
            return Some(arg);
        }
    }
    None
}

impl Codex {
    /// Adds es-guard's hooks after a person's own, and says that they are trusted.
    fn hook(&self, into: &mut Table, guard: &Guard) -> Option<()> {
        let mut trusted = Table::new();
        for (event, handler) in hooks(self, &EVENTS, guard) {
            let groups = into.entry(event).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
            let (key, state) = trust::of(event, groups.len(), &handler);
            trusted.insert(key, state);
            let group = Table::from_iter([("hooks".to_owned(), Value::try_from([handler]).ok()?)]);
            groups.push(group.into());
        }
        let state = into.entry("state").or_insert_with(|| Table::new().into());
        state.as_table_mut()?.extend(trusted);
        Some(())
    }
}

fn server(guard: &Guard) -> Value {
    let texts = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
    Value::Table(Table::from_iter([
        ("command".to_owned(), guard.program().into()),
        ("args".to_owned(), texts(guard.server_args())),
        ("env_vars".to_owned(), texts(VARIABLES.map(str::to_owned).to_vec())),
        ("tool_timeout_sec".to_owned(), TOOL_PATIENCE.into()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(args: &[&str]) -> (Table, Table, Vec<String>) {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let words = Codex.extended(&args, &Guard::of_tests()).unwrap();
        let words: Vec<String> = words.into_iter().map(|word| word.into_string().unwrap()).collect();
        let table = |n: usize, key: &str| {
            assert_eq!(words[n - 1], "-c");
            let document: Table = words[n].parse().unwrap();
            document[key].as_table().unwrap().clone()
        };
        (table(1, "hooks"), table(3, "mcp_servers"), words[4..].to_vec())
    }

    #[test]
    fn the_persons_words_follow_as_they_are() {
        let (hooks, servers, rest) = extended(&["exec", "-c", "model=\"x\"", "a -c task"]);
        assert_eq!(rest, ["exec", "-c", "model=\"x\"", "a -c task"]);
        let command = &hooks["PostToolUse"][0]["hooks"][0]["command"];
        assert_eq!(command.as_str(), Some("/bin/es-guard hook codex PostToolUse"));
        assert_eq!(servers["es-guard"]["command"].as_str(), Some("/bin/es-guard"));
        assert_eq!(hooks["state"].as_table().map(Table::len), Some(EVENTS.len()));
    }

    #[test]
    fn hooks_and_servers_of_the_persons_own_stay_in_force() {
        let own = "hooks.Stop=[{hooks=[{type=\"command\",command=\"mine\"}]}]";
        let args = [
            "-c",
            own,
            "exec",
            "--config=mcp_servers.mine.command=\"m\"",
            "-cmcp_servers.mine.args=[1]",
            "x",
        ];
        let (hooks, servers, rest) = extended(&args);
        assert_eq!(rest, ["exec", "x"]);
        assert_eq!(hooks["Stop"][0]["hooks"][0]["command"].as_str(), Some("mine"));
        assert!(hooks["Stop"][1]["hooks"][0]["command"].as_str().unwrap().contains("es-guard"));
        let state = hooks["state"].as_table().unwrap();
        assert!(state.contains_key("/<session-flags>/config.toml:stop:1:0"), "{state:?}");
        assert_eq!(servers["mine"]["args"].as_array().map(Vec::len), Some(1));
        assert!(servers.contains_key("es-guard"));
    }

    #[test]
    fn what_makes_no_sense_is_left_to_the_agent() {
        let args = ["-c", "hooks=\"odd\"", "exec"].map(OsString::from);
        assert_eq!(Codex.extended(&args, &Guard::of_tests()), None);
    }

    #[test]
    fn its_work_stays_in_its_own_process() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (line, word) in [
            ("--remote unix://", Some("--remote")),
            ("--remote=ws://127.0.0.1:1 resume", Some("--remote")),
            ("-m x remote-control start", Some("remote-control")),
            ("queue --thread x --message y", Some("queue")),
            ("exec queue", None),
            ("-- --remote", None),
            ("--search", None),
        ] {
            assert_eq!(Codex.done_elsewhere(&words(line)), word, "{line}");
        }
        assert_eq!(
            Codex.kept_here(&words("resume --last")),
            [&words("-c hooks.state.es-guard.trusted_hash=none")[..], &words("resume --last")].concat()
        );
    }

    #[test]
    fn what_starts_no_conversation_is_left_alone() {
        for line in
            ["mcp list", "-c x=y mcp list", "--model m -C /x --search login", "--help", "-m=x --version"]
        {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(Codex.extended(&args, &Guard::of_tests()), None, "{line}");
        }
        for line in ["exec mcp", "-m mcp exec", "-- mcp", "delete_everything", "--search x mcp"] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(Codex.extended(&args, &Guard::of_tests()).is_some(), "{line}");
        }
    }
}
