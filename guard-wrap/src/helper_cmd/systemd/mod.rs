//! A helper as a service of systemd: its parts, how it is started and stopped, what systemd and the system's accounts
//! say.

pub(super) mod status;

use super::HelperError;
use super::install::{HELPER, live_sessions, read, same_version};
use super::layout::{Layout, Part};
use super::manifest::Manifest;
use super::show::Change;
use super::step::{Step, is_program};
use crate::cli::HelperInstallArgs;
use helper_daemon::daemon::account::ACCOUNT;
pub(super) use helper_daemon::daemon::state::FILES;
use helper_daemon::daemon::{INSTALLED, PINS, SOCKET, UNIT};
use nix::unistd::{Group, User};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The unit's name.
pub(super) const SERVICE: &str = "es-guard-helper.service";
/// The unit's file.
pub(super) const UNIT_FILE: &str = "/etc/systemd/system/es-guard-helper.service";
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/es-guard-helper.service";
const ENABLED_TARGET: &str = "../es-guard-helper.service";
/// What `systemd-sysusers` makes the account from.
const SYSUSERS_FILE: &str = "/etc/sysusers.d/es-guard.conf";
/// The rights of the folder that remembers: the helper's own is in it.
pub(super) const STATE_MODE: u32 = 0o700;
/// What is done where it does not run the machine.
pub(super) const WITHOUT: &str = "systemd does not run this machine. Start the helper by hand (README), or write its files for an image with --root";
/// What sessions lose that lose it.
pub(super) const LOSE: &str = "their guarded operations would fail, and those of bpf-lsm be guarded no more";
/// What is said once it is removed.
pub(super) const REMOVED: &str =
    "the helper is removed. es-guard wrap starts one of its own for each session";

impl Layout {
    /// The helper itself: executed by systemd only.
    pub(super) fn helper(&self) -> PathBuf {
        self.prefix().join("libexec/es-guard/es-guard-helper")
    }

    /// The command, for everybody.
    pub(super) fn command(&self) -> PathBuf {
        self.prefix().join("bin/es-guard")
    }

    /// Everything but the programs, with its path.
    pub(super) fn configuration(&self) -> [(PathBuf, Part); 3] {
        let unit = UNIT.replace(INSTALLED, &self.helper().to_string_lossy());
        let account = format!("u {ACCOUNT} - \"Workers of es-guard\" - /usr/sbin/nologin\n");
        [
            (SYSUSERS_FILE.into(), Part::Text(account)),
            (UNIT_FILE.into(), Part::Text(unit)),
            (ENABLED.into(), Part::Link(ENABLED_TARGET.into())),
        ]
    }
}

/// All that is to be there.
pub(super) fn wanted(args: &HelperInstallArgs, layout: &Layout) -> Result<Vec<(PathBuf, Part)>, HelperError> {
    let mut wanted = programs(args, layout)?;
    wanted.extend(layout.configuration());
    if layout.is_live() && !is_program("systemd-sysusers") {
        wanted.retain(|(path, _)| path != Path::new(SYSUSERS_FILE));
    }
    Ok(wanted)
}

/// Whether systemd runs this machine (`sd_booted(3)`).
pub(super) fn is_there() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

/// What systemd knows of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Service {
    /// `enabled`, `disabled`…; empty: there is no unit.
    enabled: String,
    /// `active`, `failed`…
    active: String,
    /// The unit's file has changed since it was read.
    stale: bool,
}

impl Service {
    /// Asks. `None`: systemd does not answer.
    fn look() -> Option<Self> {
        let asked = Command::new("systemctl")
            .args(["show", "--property=UnitFileState,ActiveState,NeedDaemonReload", SERVICE])
            .stdin(Stdio::null())
            .output();
        let output = asked.ok().filter(|output| output.status.success())?;
        Some(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    fn parse(text: &str) -> Self {
        let value =
            |key| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or("");
        Self {
            enabled: value("UnitFileState").to_owned(),
            active: value("ActiveState").to_owned(),
            stale: value("NeedDaemonReload") == "yes",
        }
    }
}

/// Whether the account is there.
fn has_account() -> bool {
    User::from_name(ACCOUNT).is_ok_and(|user| user.is_some())
}

/// Whether a group of the account's name is there.
fn has_group() -> bool {
    Group::from_name(ACCOUNT).is_ok_and(|group| group.is_some())
}

/// The two programs, of which the command may be in its place already.
fn programs(args: &HelperInstallArgs, layout: &Layout) -> Result<Vec<(PathBuf, Part)>, HelperError> {
    let me = std::env::current_exe();
    let me = me.map_err(|source| HelperError::Read { path: "/proc/self/exe".into(), source })?;
    let beside = me.parent().unwrap_or(Path::new("/"));
    let places = match &args.from {
        Some(folder) => vec![folder.join(HELPER)],
        None => vec![beside.join(HELPER), beside.join("../libexec/es-guard").join(HELPER)],
    };
    let Some(helper) = places.iter().find(|path| path.exists()) else {
        let places: Vec<_> = places.iter().filter_map(|path| path.parent()).collect();
        let places: Vec<_> = places.iter().map(|path| path.display().to_string()).collect();
        return Err(HelperError::NoHelper(places.join(" or ")));
    };
    if layout.is_live() {
        same_version(helper)?;
    }
    let program = |path: &Path| Ok(Part::Program { from: path.to_owned(), bytes: read(path)? });
    Ok(vec![(layout.helper(), program(helper)?), (layout.command(), program(&me)?)])
}

/// Has systemd take up what was written, before the last record: only then is it complete.
pub(super) fn start(change: &mut Change) {
    let live = live_sessions();
    let service = Service::look().unwrap_or_default();
    let running = service.active == "active";
    if change.steps.is_empty() {
        if !running || service.enabled != "enabled" {
            change.steps.push(Step::Run(&["systemctl", "enable", "--now", SERVICE]));
        }
        return;
    }
    let mut commands = vec![
        Step::Run(&["systemctl", "daemon-reload"]),
        Step::Run(&["systemctl", "enable", "--now", SERVICE]),
    ];
    if running {
        commands.push(Step::Run(&["systemctl", "restart", SERVICE]));
    }
    if live > 0 {
        change.afterwards.push(format!(
            "{live} sessions are live: each goes on being judged by the program that it was started with"
        ));
    }
    let last = change.steps.len() - 1;
    change.steps.splice(last..last, commands);
}

/// What makes the account, if it is not there.
pub(super) fn account_is_made_by() -> Option<&'static [&'static str]> {
    (!has_account()).then(account_command)
}

fn account_command() -> &'static [&'static str] {
    if is_program("systemd-sysusers") {
        &["systemd-sysusers", SYSUSERS_FILE]
    } else {
        &["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/usr/sbin/nologin", ACCOUNT]
    }
}

/// What takes it out of service.
pub(super) fn stop(live: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    if live > 0 {
        // What judges them outlives the helper: with it everything that they guard is closed.
        steps.push(Step::TryToRun(&["systemctl", "kill", "--signal=KILL", SERVICE]));
    }
    // There may be no unit any more, where this was begun before.
    steps.push(Step::TryToRun(&["systemctl", "disable", "--now", SERVICE]));
    // What it has loaded into the kernel is on without it.
    if Path::new(PINS).is_dir() {
        steps.push(Step::Run(&["rm", "-r", PINS]));
    }
    // It is kept from one helper to the next, and empty without one.
    let folder = Path::new(SOCKET).parent().filter(|folder| folder.is_dir());
    steps.extend(folder.map(|folder| Step::RemoveDirectory(folder.to_owned())));
    steps
}

/// What has the system forget it, once its files are gone.
pub(super) fn forget(manifest: &Manifest) -> Vec<Step> {
    let mut steps = vec![
        Step::Run(&["systemctl", "daemon-reload"]),
        Step::TryToRun(&["systemctl", "reset-failed", SERVICE]),
    ];
    if manifest.account && has_account() {
        steps.push(Step::Run(&["userdel", ACCOUNT]));
    }
    if manifest.account && has_group() {
        // The account's own goes with it, where that is so set up.
        steps.push(Step::TryToRun(&["groupdel", ACCOUNT]));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_read() {
        let service = Service::parse("ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n");
        let expected = Service { enabled: "enabled".into(), active: "active".into(), stale: false };
        assert_eq!(service, expected);
        assert_eq!(Service::parse("UnitFileState=\n"), Service::default());
    }
    #[test]
    fn the_unit_starts_the_helper_where_it_is_put() {
        let unit = |prefix: &str| match &Layout::new(None, prefix.as_ref()).configuration()[1].1 {
            Part::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(unit(helper_daemon::place::PREFIX), UNIT);
        let moved = unit("/opt/es-guard");
        assert!(moved.contains("\nExecStart=/opt/es-guard/libexec/es-guard/es-guard-helper\n"));
        assert!(!moved.contains(helper_daemon::place::PREFIX));
    }

    #[test]
    fn the_daemons_folders_are_the_ones_that_the_unit_makes() {
        let line = |line: &str| assert!(UNIT.lines().any(|there| there == line), "{line}");
        line(&format!(
            "StateDirectory={}",
            Path::new(helper_daemon::place::STATE).strip_prefix("/var/lib").unwrap().display()
        ));
        let socket = Path::new(helper_daemon::daemon::SOCKET).parent().unwrap();
        line(&format!("RuntimeDirectory={}", socket.strip_prefix("/run").unwrap().display()));
    }
}
