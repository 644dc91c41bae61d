//! What can go wrong with the programs in the kernel and their maps.

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use std::io;
use std::path::PathBuf;

/// Completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object was not taken.
    #[error("load the programs: {0}: run es-guard doctor")]
    Load(#[source] Box<EbpfError>),
    /// One of its programs was not.
    #[error("load or attach {name}: {source}: run es-guard doctor")]
    Program {
        /// Its name.
        name: String,
        /// Why; the verifier's words are in it.
        source: Box<ProgramError>,
    },
    /// A map can't be read or written.
    #[error("use the map {name}: {source}")]
    Map {
        /// Its name.
        name: &'static str,
        /// Why.
        source: Box<MapError>,
    },
    /// A pin, or the folder that it is in.
    #[error("use {}: {source}: is the bpf file system mounted there?", path.display())]
    Pin {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel's description of its own types can't be read.
    #[error("read /sys/kernel/btf/vmlinux: {0}: a kernel with CONFIG_DEBUG_INFO_BTF is needed")]
    Types(#[source] Box<aya::BtfError>),
    /// More than a map holds.
    #[error("write the table: {what}: at most {most}, found {found}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
        /// How many there are.
        found: usize,
    },
    /// No such process, or another one by now.
    #[error("make process {0} part of a session: it has ended, or belongs to one already")]
    NotThere(i32),
    /// Processes of the session are alive.
    #[error("end session {session}: {alive} of its threads are alive")]
    Alive {
        /// Which.
        session: u32,
        /// How many.
        alive: u64,
    },
}

impl Error {
    pub(super) fn map(name: &'static str) -> impl Fn(MapError) -> Error {
        move |source| Error::Map { name, source: Box::new(source) }
    }

    pub(super) fn pin(path: &std::path::Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Pin { path: path.to_owned(), source }
    }
}
