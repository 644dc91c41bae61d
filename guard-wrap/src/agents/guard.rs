//! How an agent calls es-guard.

use std::path::{Path, PathBuf};

/// This very program, and where it is to ask. Every text is one that a command line in UTF-8 can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    program: String,
    options: Vec<String>,
}

impl Guard {
    /// This program; `helper`: where the system's helper was said to listen. `None` where a name is not UTF-8.
    pub(crate) fn here(helper: Option<&Path>) -> Option<Self> {
        Self::at(std::env::current_exe().ok()?, helper)
    }

    fn at(program: PathBuf, helper: Option<&Path>) -> Option<Self> {
        let text = |path: &Path| path.to_str().map(str::to_owned);
        let helper = match helper {
            Some(helper) => vec!["--helper".to_owned(), text(helper)?],
            None => Vec::new(),
        };
        Some(Self { program: text(&program)?, options: helper })
    }

    /// The path of the program.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// What it is given to be an MCP server.
    pub(super) fn server_args(&self) -> Vec<String> {
        [&["mcp".to_owned()], &self.options[..]].concat()
    }

    /// The line of shell that is an agent's hook at an event.
    pub(super) fn hook(&self, agent: &str, event: &str) -> String {
        let words = [&self.program, "hook", agent, event].into_iter();
        let words = words.chain(self.options.iter().map(String::as_str));
        // A NUL byte, which can't be quoted, is in no argument.
        shlex::try_join(words).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn of_tests() -> Self {
        Self { program: "/bin/es-guard".to_owned(), options: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_a_line_that_a_shell_reads_back() {
        let guard = Guard::at("/a b/es-guard".into(), Some(Path::new("/run/it's"))).unwrap();
        let words = shlex::split(&guard.hook("codex", "Stop")).unwrap();
        assert_eq!(words, ["/a b/es-guard", "hook", "codex", "Stop", "--helper", "/run/it's"]);
        assert_eq!(guard.server_args(), ["mcp", "--helper", "/run/it's"]);
    }
}
