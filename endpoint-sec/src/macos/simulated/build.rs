//! Builds messages in their real layout.

use super::action::Action;
use super::arena::Arena;
use super::facts::{Facts, To};
use super::kernel::{Kernel, LAUNCHD, Process, Shared};
use endpoint_sec_sys::macos::event::{
    DESTINATION_EXISTING_FILE, DESTINATION_NEW_PATH, Events, clone, copyfile, create, exchangedata, exec,
    exit, fork, link, open, rename, signal, truncate, unlink,
};
use endpoint_sec_sys::macos::message::{ACTION_AUTH, ACTION_NOTIFY, Message};
use endpoint_sec_sys::macos::process as sys;
use endpoint_sec_sys::macos::token::{AuditToken, StringToken};
use std::ffi::{OsStr, OsString};
use std::ptr::null;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a message tells.
pub(super) enum What<'a> {
    /// Something with files.
    Action(&'a Action),
    /// A process becomes another.
    Exec { target: &'a Process, script: Option<&'a Facts>, arguments: &'a [OsString] },
    /// A process is sent a signal.
    Signal { number: i32, target: &'a Process },
    /// A process was made.
    Fork { child: &'a Process },
    /// A process ended.
    Exit { status: i32 },
}

/// A message and what goes with it. The framework's pointer to the message is one to this.
#[repr(C)]
pub(super) struct Envelope {
    message: Message,
    references: AtomicUsize,
    pub(super) client: u64,
    pub(super) question: Option<usize>,
    pub(super) arguments: Vec<StringToken>,
    arena: Arena,
    shared: Arc<Shared>,
}

impl Envelope {
    /// Builds one, with one reference.
    #[expect(clippy::too_many_arguments, reason = "a message has as many parts")]
    pub(super) fn build(
        shared: &Arc<Shared>,
        kernel: &Kernel,
        client: u64,
        event_type: u32,
        question: Option<usize>,
        (of_type, global): (u64, u64),
        deadline: u64,
        process: &Process,
        what: &What<'_>,
    ) -> *mut Self {
        let mut arena = Arena::default();
        let mut arguments = Vec::new();
        // SAFETY:
        // - numbers, null pointers and `false`: all bits zero is a message.
        let mut message: Message = unsafe { std::mem::zeroed() };
        message.version = shared.system.version;
        message.time.tv_sec = 1_700_000_000;
        message.mach_time = kernel.now;
        message.deadline = deadline;
        message.process = build_process(&mut arena, kernel, process);
        message.seq_num = of_type;
        message.action_type = if question.is_some() { ACTION_AUTH } else { ACTION_NOTIFY };
        message.event_type = event_type;
        message.event = build_event(&mut arena, kernel, what, &mut arguments);
        message.global_seq_num = global;
        shared.messages.fetch_add(1, Ordering::Relaxed);
        let (references, shared) = (AtomicUsize::new(1), Arc::clone(shared));
        Box::into_raw(Box::new(Self { message, references, client, question, arguments, arena, shared }))
    }

    /// # Safety
    /// `envelope` is alive.
    pub(super) unsafe fn retain(envelope: *mut Self) {
        // SAFETY:
        // - the caller vouches for it.
        unsafe { (*envelope).references.fetch_add(1, Ordering::Relaxed) };
    }

    /// # Safety
    /// `envelope` is alive, and the caller has a reference, which it gives up.
    pub(super) unsafe fn release(envelope: *mut Self) {
        // SAFETY:
        // - the caller vouches for it; nobody has a reference once the last one is given up.
        unsafe {
            if (*envelope).references.fetch_sub(1, Ordering::AcqRel) == 1 {
                let envelope = Box::from_raw(envelope);
                envelope.shared.messages.fetch_sub(1, Ordering::Relaxed);
                drop(envelope);
            }
        }
    }
}

/// The kernel's values for a process.
pub(super) fn token(process: &Process) -> AuditToken {
    AuditToken { val: [501, 501, 20, 501, 20, process.pid as u32, 100_001, process.version] }
}

fn build_process(arena: &mut Arena, kernel: &Kernel, process: &Process) -> *const sys::Process {
    let version = kernel.system.version;
    // SAFETY:
    // - numbers, null pointers and `false`: all bits zero is a process.
    let mut built: sys::Process = unsafe { std::mem::zeroed() };
    built.audit_token = token(process);
    built.ppid = process.parent;
    built.original_ppid = process.original_parent;
    built.group_id = process.pid;
    built.session_id = process.pid;
    built.is_platform_binary = process.executable.path.starts_with("/bin");
    built.signing_id = arena.text(process.executable.path.file_name().unwrap_or_default());
    built.team_id = arena.text(OsStr::new(""));
    built.executable = arena.file(&process.executable);
    built.start_time = sys::Timeval { tv_sec: 1_700_000_000, tv_usec: process.pid };
    built.responsible_audit_token = built.audit_token;
    built.parent_audit_token =
        token(kernel.processes.get(&process.parent).unwrap_or(&kernel.processes[&LAUNCHD]));
    built.cs_validation_category = 6;
    arena.cut(&built, sys::Process::size_in(version))
}

fn build_event(
    arena: &mut Arena,
    kernel: &Kernel,
    what: &What<'_>,
    arguments: &mut Vec<StringToken>,
) -> Events {
    // SAFETY:
    // - all bits zero is any of the parts, as above.
    let mut events: Events = unsafe { std::mem::zeroed() };
    match what {
        What::Action(action) => build_action(arena, action, &mut events),
        What::Exec { target, script, arguments: given } => {
            *arguments = given.iter().map(|argument| arena.text(argument)).collect();
            events.exec = exec::Exec {
                target: build_process(arena, kernel, target),
                dyld_exec_path: arena.text(target.executable.path.as_os_str()),
                script: script.map_or(null(), |script| arena.file(script)),
                cwd: arena.file(&Facts::directory("/")),
                last_fd: 2,
                image_cputype: 0x0100_000c,
                image_cpusubtype: 0,
                reserved: [0; 36],
            };
        }
        What::Signal { number, target } => {
            let target = build_process(arena, kernel, target);
            events.signal = signal::Signal { sig: *number, target, reserved: [0; 64] };
        }
        What::Fork { child } => {
            events.fork = fork::Fork { child: build_process(arena, kernel, child), reserved: [0; 64] };
        }
        What::Exit { status } => events.exit = exit::Exit { stat: *status, reserved: [0; 64] },
    }
    events
}

fn build_action(arena: &mut Arena, action: &Action, events: &mut Events) {
    let reserved = [0; 64];
    match action {
        Action::Open { file, fflag } => {
            events.open = open::Open { fflag: *fflag, file: arena.file(file), reserved };
        }
        Action::Rename { source, to } => {
            let source = arena.file(source);
            let (destination_type, destination) = match to {
                To::Existing(file) => {
                    (DESTINATION_EXISTING_FILE, rename::Destination { existing_file: arena.file(file) })
                }
                To::New { directory, name } => {
                    let new_path = rename::NewPath { dir: arena.file(directory), filename: arena.text(name) };
                    (DESTINATION_NEW_PATH, rename::Destination { new_path })
                }
            };
            events.rename = rename::Rename { source, destination_type, destination, reserved };
        }
        Action::Unlink { target, directory } => {
            events.unlink =
                unlink::Unlink { target: arena.file(target), parent_dir: arena.file(directory), reserved };
        }
        Action::Truncate { target } => {
            events.truncate = truncate::Truncate { target: arena.file(target), reserved };
        }
        Action::Link { source, directory, name } => {
            let (source, target_dir) = (arena.file(source), arena.file(directory));
            events.link = link::Link { source, target_dir, target_filename: arena.text(name), reserved };
        }
        Action::Create { to, mode } => {
            let (destination_type, destination) = match to {
                To::Existing(file) => {
                    (DESTINATION_EXISTING_FILE, create::Destination { existing_file: arena.file(file) })
                }
                To::New { directory, name } => {
                    let new_path = create::NewPath {
                        dir: arena.file(directory),
                        filename: arena.text(name),
                        mode: *mode,
                    };
                    (DESTINATION_NEW_PATH, create::Destination { new_path })
                }
            };
            events.create =
                create::Create { destination_type, destination, reserved2: [0; 16], reserved: [0; 48] };
        }
        Action::Clone { source, directory, name } => {
            let (source, target_dir) = (arena.file(source), arena.file(directory));
            events.clone = clone::Clone { source, target_dir, target_name: arena.text(name), reserved };
        }
        Action::CopyFile { source, existing, directory, name } => {
            events.copyfile = copyfile::CopyFile {
                source: arena.file(source),
                target_file: existing.as_ref().map_or(null(), |file| arena.file(file)),
                target_dir: arena.file(directory),
                target_name: arena.text(name),
                mode: 0o644,
                flags: 0,
                reserved: [0; 56],
            };
        }
        Action::ExchangeData { first, second } => {
            let (file1, file2) = (arena.file(first), arena.file(second));
            events.exchangedata = exchangedata::ExchangeData { file1, file2, reserved };
        }
    }
}
