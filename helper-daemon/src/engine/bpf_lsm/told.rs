//! From what the kernel tells to a denial. Pure, but for what a record lacks: that is asked of procfs, while the process
//! lives.

use crate::denial::Denial;
use crate::policy::judge::Reason;
use crate::policy::operation::Op;
use endpoint_sec::linux::bpf::{self, Record};
use endpoint_sec::linux::caller::Caller;
use endpoint_sec::linux::token::AuditToken;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The denial that a record tells of, by the zones of its version; `None` where it tells of none.
pub(super) fn denial(record: &Record, zones: &[PathBuf]) -> Option<Denial> {
    let reason = reason(record.reason)?;
    let op = op(record.op)?;
    let zone = record.zone.and_then(|number| zones.get(number as usize));
    let path = match op {
        Op::Signal | Op::Meddle => PathBuf::from(format!("/proc/{}", record.target)),
        _ => place(&record.path, zone),
    };
    let dest = record.dest.as_ref().map(|dest| place(dest, zone));
    let pid = record.tgid as i32;
    let mut denial = Denial {
        op,
        path,
        dest,
        zone: zone.cloned().unwrap_or_default(),
        reason,
        pid,
        exe: joined(&record.exe),
        argv: record.argv.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
        cwd: joined(&record.cwd),
    };
    let is_it = || AuditToken::of(pid).is_some_and(|token| token.start == record.start);
    if (record.exe.is_empty() || denial.argv.is_empty() || record.cwd.is_empty()) && is_it() {
        complete(&mut denial, record);
    }
    Some(denial)
}

fn complete(denial: &mut Denial, record: &Record) {
    let program = Caller::new(denial.pid).program();
    if record.exe.is_empty() {
        denial.exe = program.exe;
    }
    if record.cwd.is_empty() {
        denial.cwd = program.cwd;
    }
    if denial.argv.is_empty() {
        denial.argv = program.argv.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    }
}

/// A path from its zone's point of view, where it lies in it: mounts may give it others.
fn place(path: &bpf::Path, zone: Option<&PathBuf>) -> PathBuf {
    match (zone, path.below) {
        (Some(zone), Some(below)) => {
            let first = path.names.len().saturating_sub(below);
            path.names[first..].iter().fold(zone.clone(), |path, name| path.join(OsStr::from_bytes(name)))
        }
        _ => joined(&path.names),
    }
}

/// Names from the root downwards.
fn joined(names: &[Vec<u8>]) -> PathBuf {
    if names.is_empty() {
        return PathBuf::new();
    }
    names.iter().fold(Path::new("/").to_owned(), |path, name| path.join(OsStr::from_bytes(name)))
}

fn reason(told: bpf::Reason) -> Option<Reason> {
    Some(match told {
        bpf::Reason::Removed => Reason::Removed,
        bpf::Reason::MovedOut => Reason::MovedOut,
        bpf::Reason::ZoneMoved => Reason::ZoneMoved,
        bpf::Reason::Clobbered => Reason::Clobbered,
        bpf::Reason::Sealed => Reason::Sealed,
        bpf::Reason::Unclear => Reason::Unclear,
    })
}

fn op(told: bpf::Op) -> Option<Op> {
    Some(match told {
        bpf::Op::Unlink => Op::Unlink,
        bpf::Op::Rmdir => Op::Rmdir,
        bpf::Op::Rename => Op::Rename,
        bpf::Op::Exchange => Op::Exchange,
        bpf::Op::Cover => Op::Mount,
        bpf::Op::Write => Op::Write,
        bpf::Op::Signal => Op::Signal,
        bpf::Op::Meddle => Op::Meddle,
    })
}
