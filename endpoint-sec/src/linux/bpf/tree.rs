//! Who belongs to a session, and who may not be reached from inside one.

use super::error::Error;
use super::floor::Floor;
use super::layout::{es_joining, es_ward};
use super::maps::{self, Plain, find};
use crate::linux::token::AuditToken;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

impl Floor {
    /// Makes a process with all its threads part of a session that was begun. Whatever it starts from then on is, too.
    /// It should start nothing meanwhile.
    pub fn enrol(&mut self, session: u32, token: AuditToken) -> Result<(), Error> {
        let tgid = token.pid as u32;
        let value = es_joining { session, found: 0, start: token.start };
        self.maps.joining.insert(tgid, Plain(value), 0).map_err(Error::map("joining"))?;
        let run = self.run_over_tasks();
        let found = find(&self.maps.joining, "joining", &tgid)?.map_or(0, |Plain(value)| value.found);
        maps::take(&mut self.maps.joining, "joining", &tgid)?;
        run?;
        if found == 0 { Err(Error::NotThere(token.pid)) } else { Ok(()) }
    }

    /// Reading the pinned iterator runs it.
    fn run_over_tasks(&self) -> Result<(), Error> {
        let pin = self.pins.programs().join("enrol");
        let mut nothing = Vec::new();
        File::open(&pin).and_then(|mut file| file.read_to_end(&mut nothing)).map_err(Error::pin(&pin))?;
        Ok(())
    }

    /// The session that a process belongs to.
    pub fn session_of(&self, token: AuditToken) -> Result<Option<u32>, Error> {
        Ok(self.all_members()?.into_iter().find(|(_, member)| *member == token).map(|(session, _)| session))
    }

    /// The processes of a session that have not ended.
    pub fn members(&self, session: u32) -> Result<Vec<AuditToken>, Error> {
        let of_it = |(of, member)| (of == session).then_some(member);
        Ok(self.all_members()?.into_iter().filter_map(of_it).collect())
    }

    fn all_members(&self) -> Result<Vec<(u32, AuditToken)>, Error> {
        let mut all = Vec::new();
        // A thread that ends meanwhile makes the walk begin anew; one may be met twice.
        for member in self.maps.members.iter().flatten().map(|(_, Plain(member))| member) {
            if member.tgid != 0 && member.ended == 0 {
                all.push((member.session, AuditToken { pid: member.tgid as i32, start: member.start }));
            }
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Nobody inside a session may signal this process, trace it, change its limits, or hide from it what es-guard
    /// keeps for itself.
    pub fn protect(&mut self, token: AuditToken) -> Result<(), Error> {
        let value = es_ward { start: token.start };
        self.maps.wards.insert(token.pid as u32, Plain(value), 0).map_err(Error::map("wards"))?;
        self.make_home(token.pid)
    }

    /// It has ended, or needs that no more.
    pub fn unprotect(&mut self, token: AuditToken) -> Result<(), Error> {
        let pid = token.pid as u32;
        match find(&self.maps.wards, "wards", &pid)? {
            Some(Plain(ward)) if ward.start == token.start => maps::take(&mut self.maps.wards, "wards", &pid),
            _ => Ok(()),
        }
    }

    /// Finds out anew where mounts are looked at: where this process is, the first one, and all that are protected.
    pub(super) fn make_homes(&mut self) -> Result<(), Error> {
        maps::sweep(&mut self.maps.homes, "homes", |_, _| true)?;
        let wards: Vec<i32> = self.maps.wards.keys().flatten().map(|pid| pid as i32).collect();
        [1, std::process::id() as i32].into_iter().chain(wards).try_for_each(|pid| self.make_home(pid))
    }

    /// Of a process that has ended there is none.
    fn make_home(&mut self, pid: i32) -> Result<(), Error> {
        let Ok(namespace) = fs::metadata(format!("/proc/{pid}/ns/mnt")) else { return Ok(()) };
        self.maps.homes.insert(namespace.ino() as u32, 1, 0).map_err(Error::map("homes"))
    }
}
