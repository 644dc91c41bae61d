//! What is below a directory, by the disk.

use super::own::Which;
use endpoint_sec::macos::FileId;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A tree larger than this is not taken as own: looking through it would hold up the caller.
const MAX_TREE: usize = 100_000;

/// One name below a directory.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) which: Which,
    pub(super) links: u16,
    pub(super) changed: (i64, i64),
    pub(super) is_directory: bool,
}

/// Everything below a directory, a directory before what is in it. `None` where not all of it could be looked at.
pub(super) fn below(directory: &Path) -> Option<Vec<Found>> {
    let mut all = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).ok()? {
            let found = look(&entry.ok()?.path())?;
            if found.is_directory {
                open.push(found.path.clone());
            }
            all.push(found);
            if all.len() > MAX_TREE {
                return None;
            }
        }
    }
    Some(all)
}

/// What stands at a name; `None` for nothing.
pub(super) fn look(path: &Path) -> Option<Found> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some(Found {
        path: path.to_owned(),
        which: which(&metadata),
        links: u16::try_from(metadata.nlink()).unwrap_or(u16::MAX),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        is_directory: metadata.is_dir(),
    })
}

/// Whether a directory has something in it. What can't be read is taken to be empty.
pub(super) fn is_in_use(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// As the kernel tells it.
fn which(metadata: &Metadata) -> Which {
    let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.map_or((0, 0), |born| (born.as_secs() as i64, i64::from(born.subsec_nanos())));
    (FileId { device: metadata.dev() as i32, inode: metadata.ino() }, born)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_below_is_found_and_symlinks_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir_all(at("d/e")).unwrap();
        fs::write(at("d/e/f"), "").unwrap();
        std::os::unix::fs::symlink(directory.path(), at("d/l")).unwrap();
        let mut found = below(directory.path()).unwrap();
        found.sort_by(|one, other| one.path.cmp(&other.path));
        let names: Vec<_> = found.iter().map(|found| (found.path.clone(), found.is_directory)).collect();
        assert_eq!(names, [(at("d"), true), (at("d/e"), true), (at("d/e/f"), false), (at("d/l"), false)]);
        assert!(below(&at("nowhere")).is_none() && look(&at("nowhere")).is_none());
        assert!(is_in_use(&at("d")) && !is_in_use(&at("d/e/f")) && !is_in_use(&at("nowhere")));
    }
}
