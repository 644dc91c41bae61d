//! Where programs and maps stay while nobody holds them.
//!
//! | below the pins' folder | what |
//! |---|---|
//! | `maps-LAYOUT/NAME` | the maps; every build of this layout shares them |
//! | `programs-LAYOUT-HASH/NAME` | the links of one build's programs, and the iterator `enrol` |
//! | `new-HASH` | the same while it is being made; renamed when it is whole |
//!
//! The bpf file system takes no dots in names. A pin keeps what it names in the kernel: the guard is on while its
//! links are pinned, helper or no helper.

use super::error::Error;
use super::layout::ES_LAYOUT;
use endpoint_sec_sys::linux::bpf::GUARD;
use nix::sys::statfs::{FsType, statfs};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS: FsType = FsType(0xcafe4a11);

/// The folders of this build.
#[derive(Debug)]
pub(super) struct Pins {
    root: PathBuf,
}

impl Pins {
    /// Makes the folders, for root alone.
    pub(super) fn make(root: &Path) -> Result<Self, Error> {
        let pins = Self { root: root.to_owned() };
        for folder in [pins.root.clone(), pins.maps()] {
            let made = fs::DirBuilder::new().mode(0o700).create(&folder);
            match made {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::pin(&folder)(error));
                }
                _ => {}
            }
        }
        let there = statfs(root).map_err(|errno| Error::pin(root)(errno.into()))?;
        if there.filesystem_type() != BPF_FS {
            let _ = fs::remove_dir(pins.maps());
            let _ = fs::remove_dir(root);
            return Err(Error::pin(root)(io::Error::other("not on a bpf file system")));
        }
        Ok(pins)
    }

    pub(super) fn maps(&self) -> PathBuf {
        self.root.join(format!("maps-{ES_LAYOUT}"))
    }

    /// The links, once they are all there.
    pub(super) fn programs(&self) -> PathBuf {
        self.root.join(format!("programs-{ES_LAYOUT}-{:016x}", hash(GUARD)))
    }

    /// An empty folder for the links.
    pub(super) fn begin(&self) -> Result<PathBuf, Error> {
        let new = self.root.join(format!("new-{:016x}", hash(GUARD)));
        remove(&new).map_err(Error::pin(&new))?;
        fs::DirBuilder::new().mode(0o700).create(&new).map_err(Error::pin(&new))?;
        Ok(new)
    }

    /// All links are there: they count from now on. Those of other builds with the same maps are dropped.
    pub(super) fn finish(&self, new: &Path) -> Result<(), Error> {
        let programs = self.programs();
        fs::rename(new, &programs).map_err(Error::pin(&programs))?;
        self.drop_others()
    }

    /// Drops the links of other builds that use the same maps.
    pub(super) fn drop_others(&self) -> Result<(), Error> {
        let (ours, prefix) = (self.programs(), format!("programs-{ES_LAYOUT}-"));
        for folder in self.folders()? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if folder != ours && (name.starts_with(&prefix) || name.starts_with("new-")) {
                remove(&folder).map_err(Error::pin(&folder))?;
            }
        }
        Ok(())
    }

    /// The maps and programs of other layouts: of each the layout's number.
    pub(super) fn older(&self) -> Result<Vec<u32>, Error> {
        let number = |folder: &PathBuf| folder.file_name()?.to_str()?.strip_prefix("maps-")?.parse().ok();
        Ok(self.folders()?.iter().filter_map(number).filter(|layout| *layout != ES_LAYOUT).collect())
    }

    /// The maps of another layout.
    pub(super) fn maps_of(&self, layout: u32) -> PathBuf {
        self.root.join(format!("maps-{layout}"))
    }

    /// Drops all of another layout.
    pub(super) fn drop_layout(&self, layout: u32) -> Result<(), Error> {
        let prefix = format!("programs-{layout}-");
        for folder in self.folders()? {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with(&prefix) {
                remove(&folder).map_err(Error::pin(&folder))?;
            }
        }
        let maps = self.maps_of(layout);
        remove(&maps).map_err(Error::pin(&maps))
    }

    fn folders(&self) -> Result<Vec<PathBuf>, Error> {
        let entries = fs::read_dir(&self.root).map_err(Error::pin(&self.root))?;
        Ok(entries.flatten().map(|entry| entry.path()).collect())
    }
}

/// Takes the guard out of the kernel: unpins all that is below `pins`. What no pin and no process holds any more is
/// gone. Nothing there is no error.
pub fn uninstall(pins: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(pins) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::pin(pins))?,
    };
    // Programs first: they should not run without their maps being known to anybody.
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders
        .sort_by_key(|folder| folder.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"maps-")));
    for folder in folders {
        remove(&folder).map_err(Error::pin(&folder))?;
    }
    fs::remove_dir(pins).map_err(Error::pin(pins))
}

/// A folder of pins with what is in it.
fn remove(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(folder)
}

/// FNV-1a: builds are told apart by it, nothing is proven.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_has_another_name() {
        assert_ne!(hash(b"one"), hash(b"two"));
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
    }

    #[test]
    fn pins_outside_a_bpf_file_system_are_refused_and_leave_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("pins");
        let error = Pins::make(&root).unwrap_err().to_string();
        assert!(error.contains("is the bpf file system mounted there?"), "{error}");
        assert!(!root.exists());
        uninstall(&root).unwrap();
    }
}
