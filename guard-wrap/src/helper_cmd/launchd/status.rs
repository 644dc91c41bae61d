//! Whether the daemon of launchd is installed and runs, and what is wrong.

use super::{BUNDLE, PLIST_FILE, Service};
use crate::helper_cmd::install::{HELPER, version_of};
use crate::helper_cmd::status::{Check, Findings, INSTALL, Versions};
use crate::system::{self, Running, SystemError};
use helper_daemon::place::{LOOK, START};
use helper_daemon::trust;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Looks at all of it.
pub(in crate::helper_cmd) fn look() -> Findings {
    let mut version = Versions { es_guard: env!("CARGO_PKG_VERSION"), ..Versions::default() };
    let plist = std::fs::read_to_string(PLIST_FILE).ok();
    let program = plist.as_deref().and_then(started_by);
    let mut checks = match &program {
        Some(program) => vec![installed(program, &mut version)],
        None => vec![Check::bad("program", format!("there is no plist at {PLIST_FILE}"), INSTALL)],
    };
    checks.push(daemon(&Service::look()));
    let running = system::look(None);
    checks.push(socket(&running));
    if let Ok(Some(running)) = running {
        version.running = Some(running.version);
    }
    Findings::new(program.is_some(), version, checks)
}

/// The program that a plist starts: its one string that lies in the bundle.
fn started_by(plist: &str) -> Option<PathBuf> {
    let strings =
        plist.lines().filter_map(|line| line.trim().strip_prefix("<string>")?.strip_suffix("</string>"));
    strings
        .map(PathBuf::from)
        .find(|path| path.ends_with(Path::new(BUNDLE).join("Contents/MacOS").join(HELPER)))
}

fn installed(program: &Path, version: &mut Versions) -> Check {
    let name = "program";
    let shown = program.display();
    let stat = match program.symlink_metadata() {
        Ok(stat) => stat,
        Err(error) => return Check::bad(name, format!("{shown}: {error}"), INSTALL),
    };
    if let Err(why) = trust::folder(Path::new("/"), program.parent().unwrap_or(Path::new("/"))) {
        let remedy = "make it root's, and writable by root only: as it is, that user may become root";
        return Check::bad(name, why.to_string(), remedy);
    }
    if !stat.is_file() || stat.uid() != 0 || stat.mode() & 0o022 != 0 {
        let remedy = format!("install it anew: {INSTALL} --force");
        return Check::bad(name, format!("{shown} is no file of root's that only root may write"), remedy);
    }
    match version_of(program) {
        Ok(there) if there == version.es_guard => {
            version.installed = Some(there.clone());
            Check::good(name, format!("{shown} is version {there}, as this es-guard"))
        }
        Ok(there) => {
            let detail = format!("{shown} is version {there}, this es-guard is {}", version.es_guard);
            version.installed = Some(there);
            Check::bad(name, detail, INSTALL)
        }
        Err(why) => {
            Check::bad(name, format!("{shown}: {why}"), "es-guard doctor tells what its signature lacks")
        }
    }
}

fn daemon(service: &Service) -> Check {
    let name = "daemon";
    match (service.is_known, service.runs, &service.ended) {
        (false, ..) => Check::bad(name, "launchd knows no such daemon", INSTALL),
        (_, true, _) => Check::good(name, "launchd knows it, and it runs"),
        (_, false, Some(status)) => {
            let detail = format!("launchd knows it, and it ended with status {status}");
            Check::bad(name, detail, "its last lines in /Library/Logs/es-guard-helper.log tell why")
        }
        (_, false, None) => Check::bad(name, "launchd knows it, and it does not run", START),
    }
}

fn socket(running: &Result<Option<Running>, SystemError>) -> Check {
    let name = "socket";
    match running {
        Ok(Some(running)) => {
            let sessions = match running.sessions.len() {
                0 => "it guards no session that you may see".to_owned(),
                n => format!("live sessions: {n}"),
            };
            Check::good(name, format!("a helper of root's listens; {sessions}"))
        }
        Ok(None) => Check::bad(name, "nobody listens", LOOK),
        Err(error) => Check::bad(name, format!("failed to {error}"), START),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use helper_daemon::place::LAUNCHD;

    #[test]
    fn the_program_is_the_one_in_the_bundle() {
        let program = "/Library/es-guard/es-guard-helper.app/Contents/MacOS/es-guard-helper";
        assert_eq!(started_by(LAUNCHD), Some(program.into()));
        assert_eq!(started_by("<plist/>"), None);
    }

    #[test]
    fn whatever_is_wrong_has_a_remedy() {
        let service =
            |is_known, runs, ended: Option<&str>| Service { is_known, runs, ended: ended.map(Into::into) };
        assert!(daemon(&service(true, true, Some("9"))).ok);
        for (service, remedy) in [
            (service(false, false, None), INSTALL),
            (service(true, false, None), START),
            (service(true, false, Some("78")), "es-guard-helper.log"),
        ] {
            let check = daemon(&service);
            assert!(!check.ok && check.remedy.as_deref().unwrap().contains(remedy), "{check:?}");
        }
        assert!(!socket(&Ok(None)).ok);
        let running = Running { version: "1".into(), sessions: Vec::new() };
        assert!(socket(&Ok(Some(running))).ok && look().version.running.is_none());
        assert!(!installed(Path::new("/nonexistent/helper"), &mut Versions::default()).ok);
    }
}
