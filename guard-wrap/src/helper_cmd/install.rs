//! What installing would do: by looking only.

use super::layout::{Layout, Part};
use super::manifest::{Manifest, mark_at, mark_of};
use super::show::Change;
use super::step::{Step, mode};
use super::{HelperError, service};
use crate::cli::HelperInstallArgs;
use crate::system;
use helper_daemon::trust;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const HELPER: &str = "es-guard-helper";

/// What is to be done to install.
pub(super) fn plan(args: &HelperInstallArgs, layout: &Layout) -> Result<Change, HelperError> {
    layout.check()?;
    let wanted = service::wanted(args, layout)?;
    let account = if layout.is_live() { service::account_is_made_by() } else { None };
    let mut change = changes(&wanted, layout, args.change.force, account)?;
    if layout.is_live() {
        service::start(&mut change);
    }
    Ok(change)
}

/// What has to change in the files.
pub(super) fn changes(
    wanted: &[(PathBuf, Part)],
    layout: &Layout,
    force: bool,
    account: Option<&'static [&'static str]>,
) -> Result<Change, HelperError> {
    let installed = Manifest::read(layout)?;
    let mut manifest = installed.clone().unwrap_or_else(Manifest::new);
    manifest.version = env!("CARGO_PKG_VERSION").to_owned();
    manifest.complete = false;
    manifest.account |= account.is_some();

    for folder in wanted.iter().filter_map(|(path, _)| path.parent()).chain([layout.state()]) {
        trust::folder(layout.root(), &layout.real(folder))
            .map_err(|why| HelperError::Untrusted { folder: folder.to_owned(), why })?;
    }
    let (mut puts, mut foreign) = (Vec::new(), Vec::new());
    for (path, part) in wanted {
        let (there, mark) = (mark_at(&layout.real(path))?, mark_of(part));
        let ours = there.as_ref().is_none_or(|there| *there == mark || manifest.wrote(path, there));
        if !ours {
            foreign.push(path.clone());
        }
        let rights = layout.real(path).symlink_metadata().map(|stat| stat.mode() & 0o7777);
        let as_wanted = matches!(part, Part::Link(_)) || rights.is_ok_and(|rights| rights == mode(part));
        if there.as_ref() != Some(&mark) || !as_wanted {
            puts.push(Step::Put { path: path.clone(), part: part.clone() });
        }
        // Until all is done, what was put there before is this installation's, too.
        manifest.parts.entry(path.clone()).or_default().insert(mark);
    }
    let obsolete: Vec<_> =
        manifest.parts.keys().filter(|path| !wanted.iter().any(|(kept, _)| kept == *path)).cloned().collect();

    let mut finished = manifest.clone();
    finished.complete = true;
    finished.parts.retain(|path, _| !obsolete.contains(path));
    for (path, part) in wanted {
        finished.parts.insert(path.clone(), [mark_of(part)].into());
    }
    let state = missing_above(layout.state(), layout);
    let directories: Vec<PathBuf> = {
        let folders = wanted.iter().filter_map(|(path, _)| path.parent());
        let mut all: Vec<_> = folders.flat_map(|folder| missing_above(folder, layout)).collect();
        all.sort();
        all.dedup();
        all.retain(|path| !state.contains(path));
        all
    };
    for made in state.iter().chain(&directories) {
        manifest.directories.insert(made.clone());
        finished.directories.insert(made.clone());
    }

    let up_to_date =
        puts.is_empty() && obsolete.is_empty() && account.is_none() && installed.as_ref() == Some(&finished);
    let mut steps = Vec::new();
    if !up_to_date {
        let made = |path: &PathBuf| {
            let mode = if path == layout.state() { service::STATE_MODE } else { 0o755 };
            Step::MakeDirectory { path: path.clone(), mode }
        };
        steps.extend(state.iter().map(made));
        steps.push(Step::Record(manifest.clone()));
        steps.extend(directories.iter().map(made));
        steps.append(&mut puts);
        for path in &obsolete {
            // As it was written, else it is somebody's by now.
            if mark_at(&layout.real(path))?.is_some_and(|there| manifest.wrote(path, &there)) {
                steps.push(Step::Remove(path.clone()));
            }
        }
        steps.extend(account.map(Step::Run));
        steps.push(Step::Record(finished));
    }
    Ok(Change {
        title: "install the helper of the system:",
        steps,
        notes: Vec::new(),
        foreign,
        live: 0,
        doing: "restart",
        force,
        afterwards: Vec::new(),
        done: "the helper is installed. Look at it: es-guard helper status",
    })
}

/// The directory and those above it that are not there, the topmost first.
fn missing_above(folder: &Path, layout: &Layout) -> Vec<PathBuf> {
    let missing = folder.ancestors().take_while(|path| !layout.real(path).exists());
    let mut missing: Vec<_> = missing.map(Path::to_owned).collect();
    missing.reverse();
    missing
}

pub(super) fn live_sessions() -> usize {
    // A helper that does not answer guards nothing.
    system::look(None).ok().flatten().map_or(0, |running| running.sessions.len())
}

/// What is in a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, HelperError> {
    std::fs::read(path).map_err(|source| HelperError::Read { path: path.to_owned(), source })
}

/// Whether a helper is of this program's version.
pub(super) fn same_version(helper: &Path) -> Result<(), HelperError> {
    let wrong = |why| HelperError::WrongHelper { path: helper.to_owned(), why };
    let version = version_of(helper).map_err(wrong)?;
    if version == env!("CARGO_PKG_VERSION") {
        Ok(())
    } else {
        Err(wrong(format!("it is version {version}, and this es-guard is {}", env!("CARGO_PKG_VERSION"))))
    }
}

/// What a helper says that its version is.
pub(super) fn version_of(helper: &Path) -> Result<String, String> {
    let output = Command::new(helper).arg("--version").env_clear().output();
    let output = output.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.trim().strip_prefix("es-guard-helper ") {
        Some(version) if output.status.success() => Ok(version.to_owned()),
        _ => Err("it does not tell its version as es-guard-helper does".to_owned()),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
