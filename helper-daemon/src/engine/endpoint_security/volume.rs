//! What the disk itself says of a zone. Asked when a policy comes, never while somebody waits for an answer.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How many names in a zone are looked at for one with letters.
const ENOUGH: usize = 1000;

/// Whether the volume of a zone takes `A` for `a`. Where that can't be told it is taken to: then more is protected.
pub(super) fn ignores_case(zone: &Path) -> bool {
    let inside =
        fs::read_dir(zone).ok().into_iter().flatten().flatten().take(ENOUGH).map(|entry| entry.path());
    let mut known = inside.chain(zone.ancestors().map(Path::to_owned)).filter_map(|path| {
        let swapped = path.with_file_name(swapped(path.file_name()?)?);
        let here = fs::symlink_metadata(&path).ok()?;
        let there = fs::symlink_metadata(swapped).ok();
        Some(there.is_some_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino())))
    });
    known.next().unwrap_or(true)
}

/// A name with the case of its letters turned round; `None` where it has none.
fn swapped(name: &OsStr) -> Option<OsString> {
    let turned = |byte: &u8| {
        if byte.is_ascii_lowercase() { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() }
    };
    let swapped: Vec<u8> = name.as_bytes().iter().map(turned).collect();
    (swapped != name.as_bytes()).then(|| OsString::from_vec(swapped))
}

/// A path as the disk has it, which is how the kernel tells it: symlinks followed, every name in its own spelling. What
/// is not there stays as it is.
pub(super) fn as_the_disk_has_it(path: &Path) -> PathBuf {
    let mut below: Vec<&OsStr> = Vec::new();
    let mut above = path;
    let there = loop {
        if let Ok(there) = fs::canonicalize(above) {
            break there;
        }
        match (above.parent(), above.file_name()) {
            (Some(parent), Some(name)) => {
                below.push(name);
                above = parent;
            }
            _ => break above.to_owned(),
        }
    };
    let spelled = there.iter().fold(PathBuf::new(), |here, name| match spelled(&here, name) {
        Some(own) => here.join(own),
        None => here.join(name),
    });
    below.into_iter().rev().fold(spelled, |here, name| here.join(name))
}

/// A name as its directory lists it, where that is another spelling.
fn spelled(directory: &Path, name: &OsStr) -> Option<OsString> {
    // Only where it could be: in most places the name itself is listed, and looking it up says nothing about that.
    let text = name.to_str()?;
    if directory.as_os_str().is_empty() || !text.chars().any(|c| c.is_alphabetic()) {
        return None;
    }
    let meant = fs::symlink_metadata(directory.join(name)).ok()?.ino();
    let mut other = None;
    for entry in fs::read_dir(directory).ok()?.flatten() {
        if entry.file_name() == name {
            return None;
        }
        let same = entry.file_name().to_str().is_some_and(|own| own.to_lowercase() == text.to_lowercase());
        if same && entry.metadata().is_ok_and(|entry| entry.ino() == meant) {
            other = Some(entry.file_name());
        }
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_that_minds_case_is_told_by_what_is_on_it() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "").unwrap();
        let minds = !directory.path().join("A").exists();
        assert_eq!(ignores_case(directory.path()), !minds);
        fs::write(directory.path().join("1"), "").unwrap();
        assert_eq!(ignores_case(&directory.path().join("1")), !minds, "by what is above");
    }

    #[test]
    fn symlinks_are_followed_and_what_is_not_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir(real.join("Dir")).unwrap();
        std::os::unix::fs::symlink("Dir", real.join("way")).unwrap();
        assert_eq!(as_the_disk_has_it(&real.join("way/not/there")), real.join("Dir/not/there"));
        assert_eq!(as_the_disk_has_it(&real), real);
        assert_eq!(as_the_disk_has_it(Path::new("/")), Path::new("/"));
    }

    #[test]
    fn letters_are_turned_round() {
        assert_eq!(swapped(OsStr::new("aB-1")), Some("Ab-1".into()));
        assert_eq!(swapped(OsStr::new("12-3")), None);
    }
}
