//! The agents themselves, as they are published: Codex and Claude Code, with a played service for their model.
//!
//! `ES_GUARD_TEST_AGENTS` names the folder that `npm install --prefix` put them into. Where it is not set, tests
//! that need them are skipped for want of `agents`.

pub mod scene;

use crate::require;
use crate::sandbox::Sandbox;
use crate::service::messages::Messages;
use crate::service::responses::{Responses, Tools};
use crate::service::{Act, Asked, Service};
use std::path::{Path, PathBuf};
use std::process::Command;

/// An agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// OpenAI's Codex, which calls its tools in this way.
    Codex(Tools),
    /// Anthropic's Claude Code.
    Claude,
}

/// Where the agents are; `None`, noted as a skip, where they are not.
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("ES_GUARD_TEST_AGENTS").map(PathBuf::from);
    let found =
        named.filter(|dir| dir.join(BIN).join("codex").exists() && dir.join(BIN).join("claude").exists());
    if found.is_none() {
        require::skip(
            "agents",
            "ES_GUARD_TEST_AGENTS names no folder that npm has put codex and claude into",
        );
    }
    found
}

/// Where npm puts the programs of packages.
const BIN: &str = "node_modules/.bin";

impl Program {
    /// All of them, in every way in which they call tools.
    pub const ALL: [Program; 3] =
        [Program::Codex(Tools::Classic), Program::Codex(Tools::Code), Program::Claude];

    /// Its path in the folder.
    pub fn path(self, folder: &Path) -> PathBuf {
        folder.join(BIN).join(if self == Program::Claude { "claude" } else { "codex" })
    }

    /// A service of the kind that it speaks to, with this model.
    pub fn service(self, model: impl FnMut(&Asked) -> Act + Send + 'static) -> Service {
        match self {
            Program::Codex(tools) => Service::start(Responses(tools), model),
            Program::Claude => Service::start(Messages, model),
        }
    }

    /// What it is told on its command line to do a task without asking anybody.
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Program::Codex(_) => {
                vec!["exec", "--skip-git-repo-check", "--sandbox", "danger-full-access", "--color", "never"]
            }
            Program::Claude => vec!["--print", "--allowedTools=Bash,Edit,Write"],
        }
    }

    /// Has it speak to the service: writes its own settings into the sandbox's home, and names them to the command.
    pub fn settle(self, sandbox: &Sandbox, service: &Service, command: &mut Command) {
        let own = sandbox.home().join("agent");
        std::fs::create_dir_all(&own).expect("a folder for the agent's own");
        match self {
            Program::Codex(tools) => {
                std::fs::write(own.join("config.toml"), codex_settings(tools, &service.url()))
                    .expect("its settings");
                command.env("CODEX_HOME", &own);
            }
            Program::Claude => {
                command.env("CLAUDE_CONFIG_DIR", &own).env("ANTHROPIC_BASE_URL", service.url());
                command.env("ANTHROPIC_API_KEY", "played").env("ANTHROPIC_MODEL", "claude-sonnet-4-5");
                command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
            }
        }
        sandbox.hand_over();
    }
}

/// Codex calls its tools as suits the model.
fn codex_settings(tools: Tools, url: &str) -> String {
    let model = match tools {
        Tools::Classic => "gpt-5.5",
        Tools::Code => "gpt-6-sol",
    };
    format!(
        "model = \"{model}\"\nmodel_provider = \"played\"\n\n[model_providers.played]\nname = \"played\"\n\
         base_url = \"{url}/v1\"\nwire_api = \"responses\"\n\n\
         # Nobody is asked whether to try another model.\n[notice.model_migrations]\n\"gpt-5.5\" = \"gpt-6-sol\"\n"
    )
}
