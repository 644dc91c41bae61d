//! What a client asks to be told of.

use endpoint_sec_sys::macos::event_type as sys;

/// An event, and whether the process waits for an answer (`Auth…`) or it has happened already (`Notify…`).
#[doc(alias = "es_event_type_t")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Subscription {
    /// A program is about to be started.
    AuthExec = sys::AUTH_EXEC,
    /// A file is about to be opened, for whatever purpose.
    AuthOpen = sys::AUTH_OPEN,
    /// A name is about to be changed.
    AuthRename = sys::AUTH_RENAME,
    /// A process is about to be sent a signal by another.
    AuthSignal = sys::AUTH_SIGNAL,
    /// A name is about to be removed.
    AuthUnlink = sys::AUTH_UNLINK,
    /// A program was started.
    NotifyExec = sys::NOTIFY_EXEC,
    /// A process was made. There is no `AUTH_FORK`.
    NotifyFork = sys::NOTIFY_FORK,
    /// A name was made: what has it now is told, which nobody knows beforehand.
    NotifyCreate = sys::NOTIFY_CREATE,
    /// A process ended.
    NotifyExit = sys::NOTIFY_EXIT,
    /// A file is about to be cut by its path.
    AuthTruncate = sys::AUTH_TRUNCATE,
    /// A file is about to get another name.
    AuthLink = sys::AUTH_LINK,
    /// A name is about to be made.
    AuthCreate = sys::AUTH_CREATE,
    /// A file is about to be cloned.
    AuthClone = sys::AUTH_CLONE,
    /// Two files are about to exchange their content.
    AuthExchangeData = sys::AUTH_EXCHANGEDATA,
    /// A file is about to be copied by the kernel.
    AuthCopyFile = sys::AUTH_COPYFILE,
}

impl Subscription {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::AuthExec,
        Self::AuthOpen,
        Self::AuthRename,
        Self::AuthSignal,
        Self::AuthUnlink,
        Self::NotifyExec,
        Self::NotifyFork,
        Self::NotifyCreate,
        Self::NotifyExit,
        Self::AuthTruncate,
        Self::AuthLink,
        Self::AuthCreate,
        Self::AuthClone,
        Self::AuthExchangeData,
        Self::AuthCopyFile,
    ];

    /// The kernel's number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// By the kernel's number; `None` for what is never asked for.
    pub fn of_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.number() == number)
    }

    /// Whether the process waits for an answer.
    pub const fn is_question(self) -> bool {
        !self.is_of_the_tree() && !matches!(self, Self::NotifyCreate)
    }

    /// Whether it tells how the process tree changes.
    pub const fn is_of_the_tree(self) -> bool {
        matches!(self, Self::NotifyExec | Self::NotifyFork | Self::NotifyExit)
    }
}
