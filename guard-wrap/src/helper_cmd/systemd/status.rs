//! Whether the service of systemd is installed and runs, and what is wrong.

use super::{Service, UNIT_FILE, is_there};
use crate::helper_cmd::install::version_of;
use crate::helper_cmd::status::{Check, Findings, INSTALL, Versions};
use crate::system::{self, Running};
use helper_daemon::daemon::account::{self, ACCOUNT};
use helper_daemon::trust;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Looks at all of it.
pub(in crate::helper_cmd) fn look() -> Findings {
    let mut version = Versions { es_guard: env!("CARGO_PKG_VERSION"), ..Versions::default() };
    let unit = std::fs::read_to_string(UNIT_FILE).ok();
    let program = unit.as_deref().and_then(started_by);
    let mut checks = match &program {
        Some(program) => vec![installed(program, &mut version)],
        None => vec![Check::bad("program", format!("there is no unit at {UNIT_FILE}"), INSTALL)],
    };
    checks.push(account());
    if is_there() {
        checks.push(unit_check(Service::look()));
    }
    let running = system::look(None);
    checks.push(socket(&running));
    if let Ok(Some(running)) = running {
        if let Some(check) = running_version(&running.version, &version) {
            checks.push(check);
        }
        version.running = Some(running.version);
    }
    Findings::new(program.is_some(), version, checks)
}

/// The program that a unit starts.
fn started_by(unit: &str) -> Option<PathBuf> {
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart="))?;
    line.split_whitespace().next().map(PathBuf::from)
}

fn installed(program: &Path, version: &mut Versions) -> Check {
    let name = "program";
    let shown = program.display();
    let stat = match program.symlink_metadata() {
        Ok(stat) => stat,
        Err(error) => return Check::bad(name, format!("{shown}: {error}"), INSTALL),
    };
    let folder = trust::folder(Path::new("/"), program.parent().unwrap_or(Path::new("/")));
    if let Err(why) = folder {
        let remedy = "make it root's, and writable by root only: as it is, that user may become root";
        return Check::bad(name, why.to_string(), remedy);
    }
    if !stat.is_file() || stat.uid() != 0 || stat.mode() & 0o022 != 0 {
        let remedy = format!("install it anew: {INSTALL} --force");
        return Check::bad(name, format!("{shown} is no file of root's that only root may write"), remedy);
    }
    match version_of(program) {
        Ok(there) => {
            let own = version.es_guard;
            version.installed = Some(there.clone());
            if there == own {
                Check::good(name, format!("{shown} is version {there}, as this es-guard"))
            } else {
                Check::bad(name, format!("{shown} is version {there}, this es-guard is {own}"), INSTALL)
            }
        }
        Err(why) => Check::bad(name, format!("{shown}: {why}"), INSTALL),
    }
}

fn account() -> Check {
    match account::ids(ACCOUNT) {
        Ok(ids) => Check::good("account", format!("{ACCOUNT} is user {}", ids.uid)),
        Err(error) => Check::bad("account", format!("failed to {error}"), INSTALL),
    }
}

fn unit_check(service: Option<Service>) -> Check {
    let name = "unit";
    let Some(service) = service else {
        return Check::bad(name, "systemd does not answer", "systemctl status es-guard-helper");
    };
    let detail = match (service.enabled.as_str(), service.active.as_str()) {
        ("", active) => format!("systemd knows no such unit; it is {active}"),
        (enabled, active) => format!("{enabled}, {active}"),
    };
    match (service.enabled.as_str(), service.active.as_str()) {
        _ if service.stale => Check::bad(
            name,
            format!("{detail}; its file has changed since"),
            "sudo systemctl daemon-reload && sudo systemctl restart es-guard-helper",
        ),
        ("enabled", "active") => Check::good(name, detail),
        ("", _) => Check::bad(name, detail, INSTALL),
        (_, "failed") => Check::bad(name, detail, "journalctl -u es-guard-helper tells why"),
        _ => Check::bad(name, detail, "sudo systemctl enable --now es-guard-helper"),
    }
}

fn socket(running: &Result<Option<Running>, system::SystemError>) -> Check {
    let name = "socket";
    match running {
        Ok(Some(running)) => {
            let sessions = match running.sessions.len() {
                0 => "it guards no session that you may see".to_owned(),
                n => format!("live sessions: {n}"),
            };
            Check::good(name, format!("a helper of root's listens; {sessions}"))
        }
        Ok(None) => Check::bad(name, "nobody listens", "sudo systemctl start es-guard-helper"),
        Err(error) => {
            Check::bad(name, format!("failed to {error}"), "sudo systemctl restart es-guard-helper")
        }
    }
}

/// What is wrong where the helper that runs is not the one that is installed.
fn running_version(running: &str, version: &Versions) -> Option<Check> {
    let expected = version.installed.as_deref().unwrap_or(version.es_guard);
    (running != expected).then(|| {
        let running = if running.is_empty() { "an older one" } else { running };
        let remedy = "sudo systemctl restart es-guard-helper (live sessions go on)";
        Check::bad("version", format!("the helper that runs is {running}, {expected} is installed"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_the_unit_has_its_remedy() {
        let service = |enabled: &str, active: &str, stale| {
            unit_check(Some(Service { enabled: enabled.into(), active: active.into(), stale }))
        };
        assert!(service("enabled", "active", false).ok);
        for (check, remedy) in [
            (unit_check(None), "systemctl status"),
            (service("enabled", "active", true), "daemon-reload"),
            (service("", "inactive", false), "helper install"),
            (service("enabled", "failed", false), "journalctl"),
            (service("enabled", "inactive", false), "enable --now"),
            (service("disabled", "active", false), "enable --now"),
        ] {
            assert!(!check.ok && check.remedy.as_deref().unwrap().contains(remedy), "{check:?}");
        }
    }

    #[test]
    fn a_helper_that_runs_on_after_an_upgrade_is_told() {
        let version = Versions { es_guard: "2", installed: Some("2".into()), running: None };
        assert!(running_version("2", &version).is_none());
        assert!(running_version("1", &version).unwrap().detail.contains("is 1, 2 is installed"));
        assert!(running_version("", &version).unwrap().detail.contains("an older one"));
    }

    #[test]
    fn the_program_is_the_first_word_of_what_the_unit_starts() {
        let unit = helper_daemon::daemon::UNIT;
        assert_eq!(started_by(unit), Some(PathBuf::from(helper_daemon::daemon::INSTALLED)));
        assert_eq!(started_by("[Service]\n"), None);
    }
}
