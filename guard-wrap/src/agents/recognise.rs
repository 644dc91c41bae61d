//! Which agent a command line starts: by its own name, by a link to it, or by way of `env`, `node` or what runs
//! packages.

use super::{ALL, Agent};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// How many wrappers around one another are looked through, and links after one another.
const DEEP: usize = 8;

/// The agent, and where its own arguments begin.
pub(super) fn agent(command: &[OsString]) -> Option<(&'static dyn Agent, usize)> {
    let mut at = 0;
    let mut by_path = true;
    for _ in 0..DEEP {
        let word = command.get(at)?;
        if let Some(agent) = started_by(word, by_path) {
            return Some((agent, at + 1));
        }
        let rest = &command[at + 1..];
        by_path = true;
        at += 1 + match Path::new(word).file_name()?.to_str()? {
            "env" => env(rest)?,
            "node" | "nodejs" | "bun" => {
                by_path = false;
                options(rest, &["-r", "--require", "--import", "--loader"])?
            }
            "npx" | "bunx" => return package(rest, at + 1),
            "npm" if begins(rest, "exec") || begins(rest, "x") => return package(&rest[1..], at + 2),
            "pnpm" | "yarn" if begins(rest, "dlx") => return package(&rest[1..], at + 2),
            _ => return None,
        };
    }
    None
}

fn begins(words: &[OsString], with: &str) -> bool {
    words.first().is_some_and(|word| word == with)
}

/// The agent that a program is. `by_path`: looked for in PATH, as a command is; else a file's name, as a script's.
fn started_by(word: &OsStr, by_path: bool) -> Option<&'static dyn Agent> {
    let is_plain = !word.as_encoded_bytes().contains(&b'/');
    let found = if by_path && is_plain { in_path(word) } else { Some(word.into()) };
    links(&found.unwrap_or_else(|| word.into())).iter().find_map(|path| of_file(path))
}

fn in_path(name: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.exists())
}

/// A path, and what it leads to, link by link.
fn links(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    while let Some(next) = found.last().and_then(|last| Some(last.parent()?.join(last.read_link().ok()?))) {
        if found.len() > DEEP {
            break;
        }
        found.push(next);
    }
    found.extend(path.canonicalize());
    found
}

fn of_file(path: &Path) -> Option<&'static dyn Agent> {
    let name = path.file_name()?.to_str()?;
    let is_in = |package: &&str| {
        let mut dirs = path.parent().into_iter().flat_map(Path::ancestors);
        dirs.any(|dir| dir.ends_with(Path::new("node_modules").join(package)))
    };
    let is_it = |agent: &&dyn Agent| agent.programs().contains(&name) || agent.packages().iter().any(is_in);
    ALL.into_iter().find(is_it)
}

/// How many words of `env` come before the command.
fn env(words: &[OsString]) -> Option<usize> {
    let own = options(words, &["-u", "--unset", "-C", "--chdir"])?;
    let assigned = words[own..].iter().take_while(|word| word.as_encoded_bytes().contains(&b'='));
    Some(own + assigned.count())
}

/// How many words are options, some of which take the next word. `None`: of one it can't be told.
fn options(words: &[OsString], with_value: &[&str]) -> Option<usize> {
    let mut count = 0;
    while let Some(word) = words.get(count) {
        let text = word.to_str()?;
        match text {
            "--" => return Some(count + 1),
            // It has the whole command in one word.
            _ if text.starts_with("-S") || text.starts_with("--split-string") => return None,
            _ if with_value.contains(&text) => count += 2,
            _ if text.starts_with('-') => count += 1,
            _ => break,
        }
    }
    Some(count)
}

/// The agent that a runner of packages is asked for, whose options begin with the word of number `first`.
fn package(words: &[OsString], first: usize) -> Option<(&'static dyn Agent, usize)> {
    let own = options(words, &["-p", "--package"])?;
    let wanted = words.get(own)?.to_str()?;
    // A version follows the second `@` of a scoped name.
    let scope = usize::from(wanted.starts_with('@'));
    let name = &wanted[..wanted[scope..].find('@').map_or(wanted.len(), |at| at + scope)];
    let is_it = |agent: &&dyn Agent| agent.packages().contains(&name) || agent.programs().contains(&name);
    let agent = ALL.into_iter().find(is_it)?;
    let after = own + 1;
    // npm takes one `--` for itself; what comes after it is the command's.
    let skipped = usize::from(words.get(after).is_some_and(|word| word == "--"));
    Some((agent, first + after + skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(&'static str, usize)> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        agent(&words).map(|(agent, at)| (agent.name(), at))
    }

    #[test]
    fn an_agent_is_known_by_its_name_and_through_its_wrappers() {
        for (line, expected) in [
            ("codex exec x", Some(("codex", 1))),
            ("/opt/x/claude -p x", Some(("claude", 1))),
            ("node /x/node_modules/@openai/codex/bin/codex.js exec", Some(("codex", 2))),
            ("node --no-warnings -r ./a.js /x/codex.js", Some(("codex", 5))),
            ("node /x/node_modules/@anthropic-ai/claude-code/cli.js -p", Some(("claude", 2))),
            ("npx -y @openai/codex@0.169.0 exec", Some(("codex", 3))),
            ("npx @anthropic-ai/claude-code -- -p", Some(("claude", 3))),
            ("npm exec -- @openai/codex exec", Some(("codex", 4))),
            ("pnpm dlx @openai/codex exec", Some(("codex", 3))),
            ("env -u X A=1 B=2 codex exec", Some(("codex", 6))),
            ("env A=1 node /x/codex.js", Some(("codex", 4))),
            ("env -S codex", None),
            ("npx cowsay codex", None),
            ("node", None),
            ("node /x/other.js codex", None),
            ("sh -c codex", None),
            ("bash", None),
            ("env", None),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn an_agent_is_known_by_a_link_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let package = dir.path().join("node_modules/@anthropic-ai/claude-code/bin");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("claude.exe"), "").unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        std::os::unix::fs::symlink("node_modules/@anthropic-ai/claude-code/bin/claude.exe", &one).unwrap();
        std::os::unix::fs::symlink("one", &two).unwrap();
        assert_eq!(told(two.to_str().unwrap()), Some(("claude", 1)));
        // A native installation: what is executed is called by its version.
        std::fs::write(dir.path().join("2.1.330"), "").unwrap();
        std::os::unix::fs::symlink("2.1.330", dir.path().join("claude")).unwrap();
        std::os::unix::fs::symlink("claude", dir.path().join("c")).unwrap();
        assert_eq!(told(dir.path().join("c").to_str().unwrap()), Some(("claude", 1)));
        std::os::unix::fs::symlink("loop", dir.path().join("loop")).unwrap();
        assert_eq!(told(dir.path().join("loop").to_str().unwrap()), None);
    }
}
