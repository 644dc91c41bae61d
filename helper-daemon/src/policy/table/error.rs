//! Why a policy can't be lowered.

use super::{MAX_DEVICES, MAX_INNER_ZONES, MAX_LAYERS, MAX_NAME, MAX_ZONES};
use std::path::{Path, PathBuf};

/// Why a policy can't be lowered. Every one says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLowered {
    /// Of zones.
    #[error(
        "guard {0} zones, es-guard's own among them: the engine bpf-lsm takes {MAX_ZONES}. Guard fewer, or take --engine seccomp"
    )]
    TooManyZones(usize),
    /// Of zones of sessions inside the session.
    #[error(
        "guard {0} zones for sessions inside this one: the engine bpf-lsm takes {MAX_INNER_ZONES}. Guard fewer, or take --engine seccomp"
    )]
    TooManyInnerZones(usize),
    /// Of policies that stand beside one another.
    #[error(
        "guard by {0} policies, those of sessions inside this one among them: the engine bpf-lsm takes {MAX_LAYERS}. Start the session outside, or take --engine seccomp"
    )]
    TooManyLayers(usize),
    /// Of file systems.
    #[error(
        "guard zones on {0} file systems: the engine bpf-lsm takes {MAX_DEVICES}. Guard fewer, or take --engine seccomp"
    )]
    TooManyDevices(usize),
    /// Of an exempt name.
    #[error(
        "exempt {0:?}: for the engine bpf-lsm an exempt name has {MAX_NAME} bytes at most. Leave it out, or take --engine seccomp"
    )]
    LongName(String),
    /// Of the file system of a zone.
    #[error("guard {}: its file system numbers files of different subvolumes alike, as btrfs does, and the engine bpf-lsm tells files by number. Take --engine seccomp", .0.display())]
    Alike(PathBuf),
    /// The directory in which something of es-guard's own is to be guarded before it is there.
    #[error("guard {}: the directory {} is not there. Make it, or name another file with --policy", .0.display(), .0.parent().unwrap_or(Path::new("/")).display())]
    NoDirectory(PathBuf),
}
