//! What a Mac is asked: its own tools, and Endpoint Security itself.

use super::{Facts, Program, Tried};
use crate::system;
use endpoint_sec::macos::{ConnectError, Framework, Prepared, Scope};
use helper_daemon::embedded::Judge;
use helper_daemon::place;
use nix::unistd::geteuid;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Looks at all of it.
pub(super) fn look(asked: Option<&Path>) -> Facts {
    let framework = Framework::load().ok();
    let descendants = framework.as_ref().is_some_and(Framework::has_descendants_clients);
    let (root, judge) = (geteuid().is_root(), system::judge(asked));
    let path = if descendants { std::env::current_exe().ok() } else { installed_helper() };
    let tried = match &framework {
        Some(framework) if descendants => tried(framework, Scope::Descendants),
        Some(framework) if root => tried(framework, Scope::System),
        Some(_) => Tried::NotHere,
        None => Tried::Otherwise,
    };
    Facts {
        version: said("/usr/bin/sw_vers", &["-productVersion"]),
        descendants,
        client: path.map(program),
        protection: said("/usr/bin/csrutil", &["status"]),
        root,
        tried,
        helper: judge.map(|judge| matches!(judge, Judge::System(_))).map_err(|error| error.to_string()),
        without_helper: asked == Some(Path::new(system::NONE)),
    }
}

fn installed_helper() -> Option<PathBuf> {
    let path = Path::new(place::PREFIX).join("es-guard-helper.app/Contents/MacOS/es-guard-helper");
    path.exists().then_some(path)
}

/// Connects, asks for nothing, and goes again.
fn tried(framework: &Framework, scope: Scope) -> Tried {
    match Prepared::connect(framework, scope, |_, _| {}) {
        Ok(_) => Tried::Connected,
        Err(ConnectError::NotEntitled) => Tried::NotEntitled,
        Err(ConnectError::NotPermitted) => Tried::NotPermitted,
        Err(ConnectError::NotPrivileged) => Tried::NotPrivileged,
        Err(_) => Tried::Otherwise,
    }
}

fn program(path: PathBuf) -> Program {
    let path = path.canonicalize().unwrap_or(path);
    let bundle = path.ancestors().find(|above| above.extension().is_some_and(|kind| kind == "app"));
    let signed = bundle.unwrap_or(&path).to_owned();
    let codesign = |words: &[&str]| {
        let mut command = Command::new("/usr/bin/codesign");
        command.args(words).arg(&signed).stdin(Stdio::null()).output().ok()
    };
    let signature =
        match codesign(&["--verify", "--strict"]) {
            Some(output) if output.status.success() => Ok(()),
            Some(output) => Err(text(&output.stderr)),
            None => Err("there is no codesign: install Apple's command-line tools (xcode-select --install)"
                .to_owned()),
        };
    let well = |output: Output| output.status.success().then_some(output);
    let described = codesign(&["-d", "-v"]).and_then(well);
    let entitlements = codesign(&["-d", "--entitlements", "-", "--xml"]).and_then(well);
    Program {
        profile: bundle.is_some_and(|bundle| bundle.join("Contents/embedded.provisionprofile").is_file()),
        bundle: bundle.map(Path::to_owned),
        signature,
        ad_hoc: described.is_some_and(|output| text(&output.stderr).contains("Signature=adhoc")),
        entitlements: entitlements.map(|output| text(&output.stdout)),
        path,
    }
}

fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| text(&output.stdout))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
