//! Beginning a process: with these descriptors and no other, in this process group, and if need be suspended, so that
//! its audit token can be known before it executes anything.
//!
//! A process that has used Endpoint Security, or any framework, must not fork and go on: the child would have half
//! of what they need. So everything here is `posix_spawn(2)`, with a program to execute.

mod attributes;

use attributes::{Actions, Attributes};
use endpoint_sec_sys::macos::spawn as sys;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use std::ffi::{CStr, CString, c_char};
use std::os::fd::RawFd;

/// What is executed, and with what.
#[derive(Debug)]
pub struct Launch<'a> {
    /// Its path: it is not looked for.
    pub program: &'a CStr,
    /// Its arguments, the first its own name.
    pub argv: &'a [CString],
    /// Its whole environment.
    pub env: &'a [CString],
    /// Its process group: 0 for one of its own.
    pub group: Pid,
    /// The signals that are blocked in it.
    pub blocked: SigSet,
    /// The signals that have their default disposition in it. Others that this process ignores it ignores, too.
    pub by_default: SigSet,
    /// The descriptors that it is given, by their numbers. Of the others it has none on macOS, and elsewhere those that
    /// do not close on exec.
    pub descriptors: &'a [RawFd],
}

/// A process that has executed nothing yet. It is killed when this is dropped without being let go on.
#[derive(Debug)]
#[must_use = "it is killed"]
pub struct Suspended(Pid);

impl Launch<'_> {
    /// Begins it.
    #[doc(alias = "posix_spawn")]
    pub fn start(&self) -> Result<Pid, Errno> {
        self.spawn(0)
    }

    /// Begins it suspended. Only macOS can (`ENOTSUP` elsewhere).
    #[doc(alias = "POSIX_SPAWN_START_SUSPENDED")]
    pub fn suspended(&self) -> Result<Suspended, Errno> {
        if cfg!(target_os = "macos") {
            self.spawn(sys::START_SUSPENDED).map(Suspended)
        } else {
            // These numbers mean something else there.
            Err(Errno::ENOTSUP)
        }
    }

    fn spawn(&self, how: i16) -> Result<Pid, Errno> {
        let mut actions = Actions::new()?;
        for number in self.descriptors {
            actions.give(*number)?;
        }
        let attributes = Attributes::new(how, self.group, &self.blocked, self.by_default)?;
        let (argv, env) = (pointers(self.argv), pointers(self.env));
        let mut pid = 0;
        // SAFETY:
        // - path, arguments and environment end in a zero byte each, and the two lists in a null; all live through
        //   the call, and the call writes to none of them.
        // - actions and attributes were initialised, and live through the call.
        let errno = unsafe {
            libc::posix_spawn(
                &raw mut pid,
                self.program.as_ptr(),
                actions.as_ptr(),
                attributes.as_ptr(),
                argv.as_ptr(),
                env.as_ptr(),
            )
        };
        // It returns its error, and leaves `errno` alone.
        if errno == 0 { Ok(Pid::from_raw(pid)) } else { Err(Errno::from_raw(errno)) }
    }
}

fn pointers(texts: &[CString]) -> Vec<*mut c_char> {
    texts.iter().map(|text| text.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect()
}

impl Suspended {
    /// Its process id. It is this process's child, and nobody else's as long as it is not waited for.
    pub fn pid(&self) -> Pid {
        self.0
    }

    /// Lets it go on.
    pub fn go_on(self) -> Result<Pid, Errno> {
        kill(self.0, Signal::SIGCONT)?;
        let pid = self.0;
        std::mem::forget(self);
        Ok(pid)
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // It is a child that was not waited for, so this is nobody else's number.
        let _ = kill(self.0, Signal::SIGKILL);
        let _ = nix::sys::wait::waitpid(self.0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unix::wait::{Change, Waiting, next_change};
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// What a shell says on the descriptor `$N`, and what becomes of it. It must read the one line that it is told there:
    /// what is closed unread is reset.
    fn said(line: &str, group: Pid, blocked: SigSet) -> (String, Change) {
        let (mut here, there) = UnixStream::pair().unwrap();
        let line = line.replace("$N", &there.as_raw_fd().to_string());
        // Other shells know descriptors of one digit only.
        let argv = ["bash", "-c", &line].map(|word| CString::new(word).unwrap());
        let env = [CString::new("GIVEN=yes").unwrap(), CString::new("PATH=/usr/bin:/bin").unwrap()];
        let descriptors = [there.as_raw_fd()];
        let program = c"/bin/bash";
        let by_default = SigSet::all();
        let launch =
            Launch { program, argv: &argv, env: &env, group, blocked, by_default, descriptors: &descriptors };
        let pid = launch.start().unwrap();
        drop(there);
        here.write_all(b"told\n").unwrap();
        here.shutdown(std::net::Shutdown::Write).unwrap();
        let mut all = String::new();
        here.read_to_string(&mut all).unwrap();
        let (found, change) = next_change(Some(pid), Waiting::ForOne).unwrap().unwrap();
        assert_eq!(found, pid);
        (all, change)
    }

    #[test]
    fn it_has_what_it_is_given() {
        let own = nix::unistd::getpgrp();
        let (said, change) = said("read word <&$N; echo $word $GIVEN >&$N; exit 7", own, SigSet::empty());
        assert_eq!((said.as_str(), change), ("told yes\n", Change::Exited(7)));
    }

    #[test]
    fn a_group_of_its_own_and_the_signals_that_are_blocked_are_its() {
        let line = "read word <&$N; ps -o pgid= -p $$ >&$N; echo $$ >&$N; kill -TERM $$; echo lives >&$N";
        let (said, _) = said(line, Pid::from_raw(0), SigSet::from(Signal::SIGTERM));
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!((words[0], words[2]), (words[1], "lives"));
    }

    #[test]
    fn what_can_not_be_executed_is_told_at_once() {
        let argv = [CString::new("x").unwrap()];
        let launch = Launch {
            program: c"/nonexistent/x",
            argv: &argv,
            env: &[],
            group: Pid::from_raw(0),
            blocked: SigSet::empty(),
            by_default: SigSet::all(),
            descriptors: &[],
        };
        assert_eq!(launch.start(), Err(Errno::ENOENT));
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn elsewhere_nothing_begins_suspended() {
        let argv = [CString::new("true").unwrap()];
        let launch = Launch {
            program: c"/bin/true",
            argv: &argv,
            env: &[],
            group: Pid::from_raw(0),
            blocked: SigSet::empty(),
            by_default: SigSet::all(),
            descriptors: &[],
        };
        assert_eq!(launch.suspended().err(), Some(Errno::ENOTSUP));
    }

    #[test]
    #[cfg(target_os = "macos")]
    fn a_suspended_child_has_a_token_and_executes_nothing_before_it_goes_on() {
        let framework = crate::macos::Framework::load().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("made");
        let line = format!("touch {}", made.display());
        // Other shells know descriptors of one digit only.
        let argv = ["bash", "-c", &line].map(|word| CString::new(word).unwrap());
        let path = [CString::new("PATH=/usr/bin:/bin").unwrap()];
        let launch = Launch {
            program: c"/bin/sh",
            argv: &argv,
            env: &path,
            group: Pid::from_raw(0),
            blocked: SigSet::empty(),
            by_default: SigSet::all(),
            descriptors: &[],
        };
        let suspended = launch.suspended().unwrap();
        let token = framework.token_of(suspended.pid().as_raw()).unwrap();
        assert_eq!(token.pid(), suspended.pid().as_raw());
        assert!(!made.exists());
        let pid = suspended.go_on().unwrap();
        assert_eq!(next_change(Some(pid), Waiting::ForOne).unwrap(), Some((pid, Change::Exited(0))));
        assert!(made.exists());
        let killed = launch.suspended().unwrap();
        let pid = killed.pid();
        drop(killed);
        assert_eq!(kill(pid, None), Err(Errno::ESRCH));
    }
}
