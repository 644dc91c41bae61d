//! Reads an event out of its message.

use super::{Destination, Event, OpenFor};
use crate::macos::file::{File, text};
use crate::macos::message::{Malformed, Message};
use crate::macos::process::Process;
use crate::macos::subscription::Subscription;
use endpoint_sec_sys::macos::event::{DESTINATION_EXISTING_FILE, DESTINATION_NEW_PATH, create, exec, rename};
use endpoint_sec_sys::macos::file as sys;
use std::ffi::OsString;

/// Reads it.
pub(crate) fn decode(message: &Message<'_>) -> Result<Event, Malformed> {
    let kind = message.subscription().ok_or(Malformed::UnknownEvent(message.event_type()))?;
    let version = message.version();
    // SAFETY:
    // - the message is alive while it is borrowed; only a place in it is named here.
    let event = unsafe { &raw const (*message.raw.as_ptr()).event };
    // SAFETY:
    // - the event type says which part of the union is there, and each arm reads that one.
    // - pointers and texts in it are of this message, which is alive while it is borrowed.
    // - what came with a later version is read by functions that are told the version.
    unsafe {
        match kind {
            Subscription::AuthExec | Subscription::NotifyExec => {
                exec(message, &raw const (*event).exec, version)
            }
            Subscription::AuthOpen => Ok(Event::Open {
                file: File::read((*event).open.file, "the file of an open")?,
                purpose: OpenFor((*event).open.fflag),
            }),
            Subscription::AuthRename => Ok(Event::Rename {
                source: File::read((*event).rename.source, "the source of a rename")?,
                destination: renamed_to(&(*event).rename)?,
            }),
            Subscription::AuthUnlink => Ok(Event::Unlink {
                target: File::read((*event).unlink.target, "the target of an unlink")?,
                directory: File::read((*event).unlink.parent_dir, "the directory of an unlink")?,
            }),
            Subscription::AuthTruncate => Ok(Event::Truncate {
                target: File::read((*event).truncate.target, "the target of a truncation")?,
            }),
            Subscription::AuthLink => Ok(Event::Link {
                source: File::read((*event).link.source, "the source of a link")?,
                directory: File::read((*event).link.target_dir, "the directory of a link")?,
                name: text((*event).link.target_filename),
            }),
            Subscription::AuthCreate | Subscription::NotifyCreate => created(&(*event).create),
            Subscription::AuthClone => Ok(Event::Clone {
                source: File::read((*event).clone.source, "the source of a clone")?,
                directory: File::read((*event).clone.target_dir, "the directory of a clone")?,
                name: text((*event).clone.target_name),
            }),
            Subscription::AuthCopyFile => Ok(Event::CopyFile {
                source: File::read((*event).copyfile.source, "the source of a copy")?,
                existing: optional((*event).copyfile.target_file)?,
                directory: File::read((*event).copyfile.target_dir, "the directory of a copy")?,
                name: text((*event).copyfile.target_name),
            }),
            Subscription::AuthExchangeData => Ok(Event::ExchangeData {
                first: File::read((*event).exchangedata.file1, "the first file of an exchange")?,
                second: File::read((*event).exchangedata.file2, "the second file of an exchange")?,
            }),
            Subscription::AuthSignal => {
                let target = Process::read((*event).signal.target, version, "the target of a signal")?;
                Ok(Event::Signal { number: (*event).signal.sig, target: Box::new(target) })
            }
            Subscription::NotifyFork => {
                let child = Process::read((*event).fork.child, version, "the child of a fork")?;
                Ok(Event::Fork { child: Box::new(child) })
            }
            Subscription::NotifyExit => Ok(Event::Exit { status: (*event).exit.stat }),
        }
    }
}

/// # Safety
/// `exec` is of `message`, which has this version.
unsafe fn exec(message: &Message<'_>, exec: *const exec::Exec, version: u32) -> Result<Event, Malformed> {
    let api = message.framework.api();
    // SAFETY:
    // - the caller vouches for `exec`: it is where the message has it, as the two functions demand.
    // - what came with a version is read in messages of that version and later only.
    unsafe {
        let count = (api.exec_arg_count)(exec);
        Ok(Event::Exec {
            target: Box::new(Process::read((*exec).target, version, "the target of an exec")?),
            script: if version >= 2 { optional((*exec).script)? } else { None },
            directory: if version >= 3 { optional((*exec).cwd)? } else { None },
            told_as: (version >= 7).then(|| text((*exec).dyld_exec_path).into()),
            arguments: (0..count).map(|index| text((api.exec_arg)(exec, index))).collect::<Vec<OsString>>(),
        })
    }
}

/// # Safety
/// `rename` is of a message that is alive.
unsafe fn renamed_to(rename: &rename::Rename) -> Result<Destination, Malformed> {
    // SAFETY:
    // - the kind of destination says which part of the union is there.
    // - pointers and texts are of the same message.
    unsafe {
        match rename.destination_type {
            DESTINATION_EXISTING_FILE => {
                File::read(rename.destination.existing_file, "the destination of a rename")
                    .map(Destination::Existing)
            }
            DESTINATION_NEW_PATH => Ok(Destination::New {
                directory: File::read(rename.destination.new_path.dir, "the directory of a rename")?,
                name: text(rename.destination.new_path.filename),
            }),
            other => Err(Malformed::UnknownDestination(other)),
        }
    }
}

/// # Safety
/// `create` is of a message that is alive.
unsafe fn created(create: &create::Create) -> Result<Event, Malformed> {
    // SAFETY:
    // - as for a rename.
    unsafe {
        match create.destination_type {
            DESTINATION_EXISTING_FILE => {
                let file = File::read(create.destination.existing_file, "the destination of a creation")?;
                Ok(Event::Create { destination: Destination::Existing(file), mode: None })
            }
            DESTINATION_NEW_PATH => Ok(Event::Create {
                destination: Destination::New {
                    directory: File::read(create.destination.new_path.dir, "the directory of a creation")?,
                    name: text(create.destination.new_path.filename),
                },
                mode: Some(create.destination.new_path.mode),
            }),
            other => Err(Malformed::UnknownDestination(other)),
        }
    }
}

/// # Safety
/// `raw` is null or a file of a message that is alive.
unsafe fn optional(raw: *const sys::File) -> Result<Option<File>, Malformed> {
    if raw.is_null() {
        return Ok(None);
    }
    // SAFETY:
    // - the caller vouches for it.
    unsafe { File::read(raw, "a file") }.map(Some)
}
