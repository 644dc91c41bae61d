//! What a process does, as the kernel would tell it.

use super::facts::{Facts, To};
use endpoint_sec_sys::macos::event_type as types;
use std::ffi::OsString;
use std::path::PathBuf;

/// What a process asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `open(2)` of what is there.
    Open {
        /// Which.
        file: Facts,
        /// `FREAD`, `FWRITE`, `O_TRUNC`.
        fflag: i32,
    },
    /// `rename(2)`.
    Rename {
        /// What.
        source: Facts,
        /// The new name.
        to: To,
    },
    /// `unlink(2)`, `rmdir(2)`.
    Unlink {
        /// What.
        target: Facts,
        /// Where it is.
        directory: Facts,
    },
    /// `truncate(2)`.
    Truncate {
        /// What.
        target: Facts,
    },
    /// `link(2)`.
    Link {
        /// What.
        source: Facts,
        /// The directory of the new name.
        directory: Facts,
        /// The new name.
        name: OsString,
    },
    /// A new name.
    Create {
        /// Where.
        to: To,
        /// Type and permission bits.
        mode: u16,
    },
    /// `clonefile(2)`.
    Clone {
        /// What.
        source: Facts,
        /// The directory of the clone.
        directory: Facts,
        /// The clone's name.
        name: OsString,
    },
    /// The system call, not `copyfile(3)`.
    CopyFile {
        /// What.
        source: Facts,
        /// What has the name already.
        existing: Option<Facts>,
        /// The directory of the copy.
        directory: Facts,
        /// The copy's name.
        name: OsString,
    },
    /// `exchangedata(2)`.
    ExchangeData {
        /// One.
        first: Facts,
        /// The other.
        second: Facts,
    },
}

impl Action {
    /// The removal of a file from a directory that is made up.
    pub fn unlink(target: Facts) -> Self {
        let directory = target.parent();
        Self::Unlink { target, directory }
    }

    /// A rename.
    pub fn rename(source: Facts, to: To) -> Self {
        Self::Rename { source, to }
    }

    /// Its event's number.
    pub(super) fn event_type(&self) -> u32 {
        match self {
            Self::Open { .. } => types::AUTH_OPEN,
            Self::Rename { .. } => types::AUTH_RENAME,
            Self::Unlink { .. } => types::AUTH_UNLINK,
            Self::Truncate { .. } => types::AUTH_TRUNCATE,
            Self::Link { .. } => types::AUTH_LINK,
            Self::Create { .. } => types::AUTH_CREATE,
            Self::Clone { .. } => types::AUTH_CLONE,
            Self::CopyFile { .. } => types::AUTH_COPYFILE,
            Self::ExchangeData { .. } => types::AUTH_EXCHANGEDATA,
        }
    }

    /// What it is about, for muting.
    pub(super) fn targets(&self) -> Vec<PathBuf> {
        match self {
            Self::Open { file: one, .. }
            | Self::Unlink { target: one, .. }
            | Self::Truncate { target: one } => {
                vec![one.path.clone()]
            }
            Self::Create { to, .. } => vec![to.path()],
            Self::Rename { source, to } => vec![source.path.clone(), to.path()],
            Self::Link { source, directory, name }
            | Self::Clone { source, directory, name }
            | Self::CopyFile { source, directory, name, .. } => {
                vec![source.path.clone(), directory.path.join(name)]
            }
            Self::ExchangeData { first, second } => vec![first.path.clone(), second.path.clone()],
        }
    }
}
