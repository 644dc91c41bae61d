//! Who belongs to a session, and who may not be reached from inside one.

use super::error::Error;
use super::floor::Floor;
use super::layout::{es_joining, es_ward};
use super::maps::{self, Plain, find};
use crate::linux::token::AuditToken;
use std::fs::File;
use std::io::Read;

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

    /// Nobody inside a session may signal this process, trace it, or change its limits.
    pub fn protect(&mut self, token: AuditToken) -> Result<(), Error> {
        let value = es_ward { start: token.start };
        self.maps.wards.insert(token.pid as u32, Plain(value), 0).map_err(Error::map("wards"))
    }

    /// It has ended, or needs that no more.
    pub fn unprotect(&mut self, token: AuditToken) -> Result<(), Error> {
        let pid = token.pid as u32;
        match find(&self.maps.wards, "wards", &pid)? {
            Some(Plain(ward)) if ward.start == token.start => maps::take(&mut self.maps.wards, "wards", &pid),
            _ => Ok(()),
        }
    }
}
