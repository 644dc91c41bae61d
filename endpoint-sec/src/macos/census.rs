//! Which processes there are: to know the first ones of a session, and to set a tree right after messages were lost.

use crate::macos::framework::Framework;
use crate::macos::token::AuditToken;
use endpoint_sec_sys::macos::task::{
    BsdInfo, KERN_SUCCESS, PROC_PIDTBSDINFO, TASK_AUDIT_TOKEN, TASK_AUDIT_TOKEN_COUNT,
};
use endpoint_sec_sys::macos::token as sys;
use std::collections::HashMap;
use std::ffi::OsString;
use std::mem::{MaybeUninit, size_of};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// No line of ancestors is longer.
const LONGEST_LINE: usize = 4096;
/// `PROC_PIDPATHINFO_MAXSIZE`.
const LONGEST_PATH: usize = 4096;

impl Framework {
    /// Who has this pid now. `None` for nobody, or for one that the caller may not ask about.
    ///
    /// Only of a process that can't end meanwhile (a child that is not waited for, the caller itself) is it who was
    /// meant.
    #[doc(alias("task_name_for_pid", "task_info"))]
    pub fn token_of(&self, pid: i32) -> Option<AuditToken> {
        let tasks = &self.api().tasks;
        let (mut name, mut token, mut count) = (0, sys::AuditToken::default(), TASK_AUDIT_TOKEN_COUNT);
        // SAFETY:
        // - `own` is the system library's variable, which nobody writes to once the process runs.
        // - what is written to is writable; `count` says how many words `token` has.
        // - the port was given to us, and is let go of once.
        unsafe {
            let own = *tasks.own;
            if (tasks.name_for_pid)(own, pid, &mut name) != KERN_SUCCESS {
                return None;
            }
            let told = (tasks.info)(name, TASK_AUDIT_TOKEN, &mut token, &mut count);
            (tasks.let_go)(own, name);
            (told == KERN_SUCCESS && count == TASK_AUDIT_TOKEN_COUNT).then(|| AuditToken::new(token))
        }
    }

    /// Who the caller is.
    pub fn own_token(&self) -> Option<AuditToken> {
        self.token_of(std::process::id() as i32)
    }

    /// All processes that the caller may ask about, each with its parent where that is one of them.
    ///
    /// It is taken while processes come and go. A message that came before it tells what it has already, and one that
    /// comes after it what it has not: to both a tree must be used.
    #[doc(alias("proc_listallpids", "proc_pidinfo"))]
    pub fn processes(&self) -> Vec<(AuditToken, Option<AuditToken>)> {
        let parents: Vec<(i32, i32)> =
            self.pids().into_iter().filter_map(|pid| Some((pid, self.parent_of(pid)?))).collect();
        let tokens: HashMap<i32, AuditToken> =
            parents.iter().filter_map(|(pid, _)| Some((*pid, self.token_of(*pid)?))).collect();
        let with_parent = |(pid, parent): &(i32, i32)| Some((*tokens.get(pid)?, tokens.get(parent).copied()));
        parents.iter().filter_map(with_parent).collect()
    }

    /// From the parent of a process up to the first one, each that is alive and may be asked about.
    ///
    /// They are followed by their numbers while processes come and go: what ended meanwhile may be missing.
    pub fn ancestors(&self, who: AuditToken) -> Vec<AuditToken> {
        let mut line = Vec::new();
        let mut pid = who.pid();
        while let Some(parent) = self.parent_of(pid).filter(|parent| *parent > 0 && *parent != pid) {
            line.extend(self.token_of(parent));
            // A line that is longer leads in a circle: numbers were given out anew.
            if parent == 1 || line.len() >= LONGEST_LINE {
                break;
            }
            pid = parent;
        }
        line
    }

    /// What a process executes; `None` for one that has ended, or may not be asked about.
    #[doc(alias = "proc_pidpath")]
    pub fn executable(&self, who: AuditToken) -> Option<PathBuf> {
        let mut path = vec![0; LONGEST_PATH];
        let room = u32::try_from(path.len()).unwrap_or(0);
        // SAFETY:
        // - there is room for as many bytes.
        let length = unsafe { (self.api().tasks.pid_path)(who.pid(), path.as_mut_ptr().cast(), room) };
        path.truncate(usize::try_from(length).unwrap_or(0));
        // Last: it was of this one only if it is still this one.
        (!path.is_empty() && self.token_of(who.pid()) == Some(who)).then(|| OsString::from_vec(path).into())
    }

    fn pids(&self) -> Vec<i32> {
        let all_pids = self.api().tasks.all_pids;
        // SAFETY:
        // - null asks how many there may be.
        let expected = unsafe { all_pids(std::ptr::null_mut(), 0) };
        // Some more may come meanwhile.
        let mut pids = vec![0; usize::try_from(expected).unwrap_or(0) + 64];
        loop {
            let room = i32::try_from(pids.len() * size_of::<i32>()).unwrap_or(i32::MAX);
            // SAFETY:
            // - there is room for as many bytes.
            let found = unsafe { all_pids(pids.as_mut_ptr(), room) };
            let found = usize::try_from(found).unwrap_or(0);
            if found < pids.len() {
                pids.truncate(found);
                return pids;
            }
            pids.resize(pids.len() * 2, 0);
        }
    }

    fn parent_of(&self, pid: i32) -> Option<i32> {
        let mut info = MaybeUninit::<BsdInfo>::zeroed();
        let size = size_of::<BsdInfo>() as i32;
        // SAFETY:
        // - there is room for as many bytes, and all of them zero are such a structure.
        unsafe {
            let written =
                (self.api().tasks.pid_info)(pid, PROC_PIDTBSDINFO, 0, info.as_mut_ptr().cast(), size);
            (written == size).then(|| info.assume_init().pbi_ppid as i32)
        }
    }
}
