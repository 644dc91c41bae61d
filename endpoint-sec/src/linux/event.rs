//! What a trapped call asks for, as data; [`decode()`] reads it out of the caller, once.

mod decode;

pub use decode::{decode, overlay_writes};

use crate::linux::reach::{Purpose, Whom};

/// A path as a system call takes it: text, and the descriptor that a relative one starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// A descriptor of the caller, or `AT_FDCWD`.
    pub dirfd: i32,
    /// The text, never empty.
    pub path: Vec<u8>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Remove a name.
    Remove {
        /// Which.
        at: At,
        /// `rmdir` rather than `unlink`.
        directory: bool,
    },
    /// Give a name to what has another, or exchange two.
    Rename {
        /// The old name.
        from: At,
        /// The new name.
        to: At,
        /// `RENAME_*`, a combination that the kernel knows.
        flags: u32,
    },
    /// Make a name.
    Create {
        /// Which.
        at: At,
        /// What it will be.
        what: Creation,
    },
    /// Open what is there for writing, or cut it.
    Write {
        /// Which.
        at: At,
        /// How.
        how: Writing,
    },
    /// Mount something, or configure what will be mounted.
    Mount {
        /// What it will cover; `None` where it is only configured.
        over: Option<At>,
        /// The upper and work directories of an overlay, as the caller named them.
        writes: Vec<At>,
    },
    /// Take a mount away.
    Unmount {
        /// Where.
        at: At,
    },
    /// Reach for another process.
    Reach {
        /// Whom for.
        whom: Whom,
        /// What for.
        purpose: Purpose,
    },
    /// Destroy a btrfs subvolume: below the directory of a descriptor, by name, or by id (`None`).
    DestroySubvolume {
        /// The caller's descriptor.
        dirfd: i32,
        /// The name, when it was told by name.
        name: Option<Vec<u8>>,
    },
    /// Confine itself with Landlock.
    Confine,
    /// Make itself unreadable to its like.
    BecomeUnreadable,
    /// Change its user, groups or capabilities.
    ChangeCredentials,
    /// Change its file creation mask.
    ChangeUmask,
    /// Change its root or namespaces.
    ChangeView,
    /// Nothing that changes names or content: the kernel may go on.
    Harmless,
    /// The same, but the kernel will read it from memory again, which another thread may have changed.
    HarmlessNow,
}

/// How content is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// By a descriptor.
    Open {
        /// `O_*`, without `O_CREAT`.
        flags: i32,
    },
    /// By cutting or extending the file.
    Truncate {
        /// To this many bytes.
        length: i64,
    },
}

/// What a new name will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// A regular file, opened.
    Open {
        /// `O_*`, with `O_CREAT`.
        flags: i32,
        /// Permission bits, before the mask.
        mode: u32,
    },
    /// A directory.
    Directory {
        /// Permission bits, before the mask.
        mode: u32,
    },
    /// A fifo, device, socket or regular file.
    Node {
        /// Type and permission bits.
        mode: u32,
        /// Device number, in the kernel's encoding.
        dev: u32,
    },
    /// A symlink with this text.
    Symlink {
        /// What it will say.
        target: Vec<u8>,
    },
    /// Another name for what has one.
    Link {
        /// The older name; its path is empty with `AT_EMPTY_PATH`.
        from: At,
        /// `AT_SYMLINK_FOLLOW`, `AT_EMPTY_PATH`.
        flags: i32,
    },
    /// A bound Unix socket.
    Socket {
        /// The caller's descriptor.
        fd: i32,
    },
}
