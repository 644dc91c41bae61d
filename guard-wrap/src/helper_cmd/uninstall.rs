//! What removing would do: by looking only.

use super::install::live_sessions;
use super::layout::Layout;
use super::manifest::{Manifest, mark_at};
use super::show::Change;
use super::step::{Step, next};
use super::{HelperError, service};
use crate::cli::ChangeArgs;
use std::path::PathBuf;

/// What is to be done to remove everything that was installed, and nothing else.
pub(super) fn plan(args: &ChangeArgs, layout: &Layout) -> Result<Change, HelperError> {
    let state = layout.state();
    let manifest = Manifest::read(layout)?;
    let mut change = Change {
        title: "remove the helper of the system:",
        steps: Vec::new(),
        notes: Vec::new(),
        foreign: Vec::new(),
        live: if layout.is_live() { live_sessions() } else { 0 },
        doing: "remove",
        force: args.force,
        afterwards: Vec::new(),
        done: service::REMOVED,
    };
    let steps = &mut change.steps;
    let Some(manifest) = manifest else {
        // An undo that was interrupted at its very end.
        let empty = layout.real(state).read_dir().is_ok_and(|mut entries| entries.next().is_none());
        steps.extend(empty.then(|| Step::RemoveDirectory(state.to_owned())));
        return if empty { Ok(change) } else { Err(HelperError::NotInstalled(layout.manifest())) };
    };
    if layout.is_live() {
        steps.extend(service::stop(change.live));
    }
    for path in manifest.parts.keys() {
        match mark_at(&layout.real(path))? {
            Some(there) if !manifest.wrote(path, &there) => {
                let left =
                    format!("{} was changed since it was installed: it is left as it is", path.display());
                change.notes.push(left.clone());
                change.afterwards.push(left);
            }
            Some(_) => steps.push(Step::Remove(path.clone())),
            None => {}
        }
        // Of an installation that was interrupted.
        if mark_at(&layout.real(&next(path)))?.is_some() {
            steps.push(Step::Remove(next(path)));
        }
    }
    if layout.is_live() {
        steps.extend(service::forget(&manifest));
    }
    let below_state = |path: &&PathBuf| path.starts_with(state) || state.starts_with(path);
    let directories = manifest.directories.iter().rev();
    steps.extend(directories.filter(|path| !below_state(path)).cloned().map(Step::RemoveDirectory));
    for name in service::FILES {
        if mark_at(&layout.real(&state.join(name)))?.is_some() {
            steps.push(Step::Remove(state.join(name)));
        }
    }
    if mark_at(&layout.real(&next(&layout.manifest())))?.is_some() {
        steps.push(Step::Remove(next(&layout.manifest())));
    }
    // From here on, nothing is known to be installed.
    steps.push(Step::Remove(layout.manifest()));
    steps.push(Step::RemoveDirectory(state.to_owned()));
    let above = manifest.directories.iter().rev().filter(below_state).filter(|path| *path != state);
    steps.extend(above.cloned().map(Step::RemoveDirectory));
    Ok(change)
}
