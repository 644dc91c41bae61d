//! `es_events_t`: what each event is about, one file an event.

pub mod clone;
pub mod copyfile;
pub mod create;
pub mod exchangedata;
pub mod exec;
pub mod exit;
pub mod fork;
pub mod link;
pub mod open;
pub mod rename;
pub mod signal;
pub mod truncate;
pub mod unlink;

/// `es_destination_type_t`: a name that is taken.
pub const DESTINATION_EXISTING_FILE: u32 = 0;
/// `es_destination_type_t`: a name that is free.
pub const DESTINATION_NEW_PATH: u32 = 1;

/// `es_events_t`, with the events that es-guard asks for. Which one is there, `event_type` says.
///
/// It has kept this size since 10.15: events that were added later are pointers.
#[doc(alias = "es_events_t")]
#[repr(C)]
#[derive(Clone, Copy)]
pub union Events {
    /// A clone is made.
    pub clone: clone::Clone,
    /// A file is copied by the kernel.
    pub copyfile: copyfile::CopyFile,
    /// A name is made.
    pub create: create::Create,
    /// Two files exchange their content.
    pub exchangedata: exchangedata::ExchangeData,
    /// A program is started.
    pub exec: exec::Exec,
    /// A process ended.
    pub exit: exit::Exit,
    /// A process was made.
    pub fork: fork::Fork,
    /// A name is given to what has one.
    pub link: link::Link,
    /// A file is opened.
    pub open: open::Open,
    /// A name is changed.
    pub rename: rename::Rename,
    /// A process is sent a signal.
    pub signal: signal::Signal,
    /// A file is cut by its path.
    pub truncate: truncate::Truncate,
    /// A name is removed.
    pub unlink: unlink::Unlink,
}

const _: () = assert!(core::mem::size_of::<Events>() == 104, "size of Events");
