//! What a message is about, as data; [`decode()`] reads it out, once.

mod decode;

pub(crate) use decode::decode;

use crate::macos::file::File;
use crate::macos::process::Process;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is about to happen, or (fork, exit, and exec as a notice) has happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A process executes another program.
    Exec {
        /// What it becomes: the same pid, another token. Boxed: it is by far the largest.
        target: Box<Process>,
        /// The script, where an interpreter is started for one.
        script: Option<File>,
        /// The working directory. `None` before message version 3.
        directory: Option<File>,
        /// What the dynamic linker is told is the executable. `None` before message version 7.
        told_as: Option<PathBuf>,
        /// The arguments, the program's name first.
        arguments: Vec<OsString>,
    },
    /// A file is opened.
    Open {
        /// Which.
        file: File,
        /// What for.
        purpose: OpenFor,
    },
    /// A name is changed. For a swap, two of these may come.
    Rename {
        /// What has the name.
        source: File,
        /// The name that it gets.
        destination: Destination,
    },
    /// A name is removed; `rmdir` comes as this, too.
    Unlink {
        /// What has the name.
        target: File,
        /// The directory it is in.
        directory: File,
    },
    /// A file is cut or extended by its path.
    Truncate {
        /// Which.
        target: File,
    },
    /// A file gets another name.
    Link {
        /// Which.
        source: File,
        /// The directory of the new name.
        directory: File,
        /// The new name.
        name: OsString,
    },
    /// A name is made, or (as a notice) was made.
    Create {
        /// Where; beforehand always a free name. Afterwards what is there, unless another client refused it.
        destination: Destination,
        /// Type and permission bits of what will have it; `None` when it is there already.
        mode: Option<u16>,
    },
    /// A file is cloned.
    Clone {
        /// Which.
        source: File,
        /// The directory of the clone.
        directory: File,
        /// The clone's name.
        name: OsString,
    },
    /// A file is copied by the kernel.
    CopyFile {
        /// Which.
        source: File,
        /// What has the copy's name now, and will be overwritten.
        existing: Option<File>,
        /// The directory of the copy.
        directory: File,
        /// The copy's name.
        name: OsString,
    },
    /// Two files exchange their content.
    ExchangeData {
        /// One.
        first: File,
        /// The other.
        second: File,
    },
    /// Another process is sent a signal.
    Signal {
        /// Which.
        number: i32,
        /// Who gets it.
        target: Box<Process>,
    },
    /// The process made another.
    Fork {
        /// The new one.
        child: Box<Process>,
    },
    /// The process ended.
    Exit {
        /// As `wait(2)` has it.
        status: i32,
    },
}

/// The name that something gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// It is taken: what has it now will be gone.
    Existing(File),
    /// It is free. A new name is as the caller typed it, which on a volume that ignores case may be another
    /// spelling of it.
    New {
        /// The directory.
        directory: File,
        /// The name in it.
        name: OsString,
    },
}

impl Destination {
    /// The whole path. `None` where the kernel cut it.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Existing(file) => file.path().map(Into::into),
            Self::New { directory, name } => directory.path().map(|directory| directory.join(name)),
        }
    }
}

/// What a file is opened for: the kernel's mask, which is not `open(2)`'s flags.
#[doc(alias = "fflag")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFor(pub i32);

impl OpenFor {
    /// Whether its content may be changed through the descriptor.
    pub fn writes(self) -> bool {
        use endpoint_sec_sys::macos::result::{FWRITE, O_APPEND, O_TRUNC};
        self.0 & (FWRITE | O_APPEND | O_TRUNC) != 0
    }

    /// Whether its content is cut off at once.
    pub fn truncates(self) -> bool {
        self.0 & endpoint_sec_sys::macos::result::O_TRUNC != 0
    }
}
