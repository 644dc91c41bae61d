//! From what the kernel tells of a name to what is judged.

use super::names::plain;
use super::session::Session;
use crate::policy::operation::{Kind, Place};
use endpoint_sec::macos::{Destination, File};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A name, and what is there.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// As the kernel told it, for records.
    pub(super) path: PathBuf,
    /// As it is kept.
    pub(super) key: PathBuf,
    /// For the judge.
    pub(super) place: Place,
}

/// The kernel cut a path, so nobody knows where it leads: in a zone, as far as it goes.
#[derive(Debug)]
pub(super) struct Cut(pub(super) PathBuf);

impl Session {
    /// Something that is there. `directory` is where it is, if the kernel told it.
    pub(super) fn spot(&self, file: &File, directory: Option<&File>) -> Result<Spot, Cut> {
        let (path, cut) = told(file);
        if cut && self.may_concern(path) {
            return Err(Cut(path.to_owned()));
        }
        // Of a file with several names the kernel tells any; the directory is the one that was meant.
        let meant = match (directory, path.file_name()) {
            (Some(directory), Some(name)) if !cut => {
                let (directory, cut) = told(directory);
                if cut && self.may_concern(directory) {
                    return Err(Cut(directory.to_owned()));
                }
                directory.join(name)
            }
            _ => path.to_owned(),
        };
        let key = self.rules.spelling.key(&meant);
        let mut paths = self.rules.spelling.all(&meant);
        let same = plain(path) == plain(&meant);
        if !same {
            paths.extend(self.rules.spelling.all(path));
        }
        let own = same && self.own.has(&key, file);
        Ok(Spot { path: meant, key, place: Place { paths, kind: Some(kind(file)), own } })
    }

    /// A name that is free.
    pub(super) fn free_spot(&self, directory: &File, name: &OsStr) -> Result<Spot, Cut> {
        let (directory, cut) = told(directory);
        if cut && self.may_concern(directory) {
            return Err(Cut(directory.to_owned()));
        }
        let path = directory.join(name);
        let key = self.rules.spelling.key(&path);
        let place = Place { paths: self.rules.spelling.all(&path), kind: None, own: false };
        Ok(Spot { path, key, place })
    }

    /// A name that something gets.
    pub(super) fn destination(&self, to: &Destination) -> Result<Spot, Cut> {
        match to {
            Destination::Existing(file) => self.spot(file, None),
            Destination::New { directory, name } => self.free_spot(directory, name),
        }
    }

    /// Whether what was cut here may be in a zone. What is outside of every zone at its beginning stays outside.
    fn may_concern(&self, beginning: &Path) -> bool {
        let bytes = |path: &Path| path.as_os_str().as_encoded_bytes().to_owned();
        self.rules.spelling.all(beginning).iter().map(|path| bytes(path)).any(|beginning| {
            self.rules
                .policy
                .zones
                .iter()
                .map(|zone| bytes(&zone.path))
                .any(|zone| beginning.starts_with(&zone) || zone.starts_with(&beginning))
        })
    }

    /// Whether what is made at a name is recorded as the session's own.
    pub(super) fn covered(&self, place: &Place) -> bool {
        place.paths.iter().any(|path| self.rules.policy.covers(path))
    }
}

fn told(file: &File) -> (&Path, bool) {
    (file.path_as_told(), file.path().is_none())
}

pub(super) fn kind(file: &File) -> Kind {
    if file.is_regular() {
        Kind::Regular
    } else if file.is_directory() {
        Kind::Directory
    } else {
        Kind::Other
    }
}
