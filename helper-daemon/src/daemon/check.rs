//! `--check`: whether a helper could run here, fact by fact.

use super::account::{self, ACCOUNT};
use super::{state, trust};
use crate::engine::probe;
use endpoint_sec::linux::process::capabilities;
use nix::unistd::geteuid;
use std::fmt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What the daemon and its workers use, beside what files are judged by (`capabilities(7)`).
const NEEDED: [(&str, u32, &str); 6] = [
    ("CAP_KILL", 5, "end workers"),
    ("CAP_SETGID", 6, "take on a user's groups"),
    ("CAP_SETUID", 7, "take on a user's ids"),
    ("CAP_SYS_CHROOT", 18, "take on a user's root directory"),
    ("CAP_SYS_PTRACE", 19, "read those who call"),
    ("CAP_SYS_ADMIN", 21, "enter a user's mount namespace"),
];

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Of what.
    pub name: &'static str,
    /// What stands in the way, and what to do about it.
    pub remedy: Option<String>,
    /// What was found.
    pub found: Vec<String>,
}

impl Fact {
    fn good(name: &'static str, found: String) -> Self {
        Self { name, remedy: None, found: vec![found] }
    }

    fn bad(name: &'static str, found: String, remedy: impl Into<String>) -> Self {
        Self { name, remedy: Some(remedy.into()), found: vec![found] }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.remedy.is_none() { "ok" } else { "problem" };
        write!(f, "{}: {word}: {}", self.name, self.found.join("; "))?;
        self.remedy.as_ref().map_or(Ok(()), |remedy| write!(f, "\n  remedy: {remedy}"))
    }
}

/// Looks at everything that a helper with these settings depends on. Call it from a process of a single thread.
pub fn check(socket: &Path, state: &Path, account: &str) -> Vec<Fact> {
    vec![
        user(),
        capability_set(capabilities().unwrap_or(0)),
        engine(),
        in_kernel(),
        service(account),
        socket_folder(socket),
        state_folder(state),
    ]
}

fn user() -> Fact {
    match geteuid() {
        root if root.is_root() => Fact::good("user", "root".into()),
        uid => Fact::bad("user", format!("user {uid}, not root"), "start it with sudo, or by systemd"),
    }
}

fn capability_set(effective: u64) -> Fact {
    let missing = NEEDED.iter().filter(|(_, bit, _)| effective & (1 << bit) == 0);
    let missing: Vec<_> = missing.map(|(name, _, what)| format!("{name} is missing: to {what}")).collect();
    let name = "capabilities";
    if missing.is_empty() {
        return Fact::good(name, "all that are needed".into());
    }
    let remedy =
        "start it as root, with these in the unit's CapabilityBoundingSet= and in the container's set";
    Fact { name, remedy: Some(remedy.into()), found: missing }
}

fn engine() -> Fact {
    let seccomp = probe::seccomp();
    let remedy = || seccomp.remedy.clone().unwrap_or_else(|| "look at: es-guard doctor".into());
    Fact { name: "seccomp", remedy: (!seccomp.available).then(remedy), found: seccomp.reasons.clone() }
}

/// It is not needed: where it is not there, sessions have the other alone.
fn in_kernel() -> Fact {
    let found = probe::bpf_lsm_of_the_kernel();
    let word = if found.available {
        "it can be loaded"
    } else {
        "not available: sessions are guarded by seccomp alone, and --engine bpf-lsm is refused"
    };
    let remedy = found.remedy.map(|remedy| format!("for it: {remedy}"));
    let found = std::iter::once(word.to_owned()).chain(found.reasons).chain(remedy);
    Fact { name: "bpf-lsm", remedy: None, found: found.collect() }
}

fn service(name: &str) -> Fact {
    match account::ids(name) {
        Ok(ids) => Fact::good("account", format!("{name} is user {}, group {}", ids.uid, ids.gid)),
        Err(error) => {
            let made_by = if name == ACCOUNT { "es-guard helper install makes it" } else { "name another" };
            Fact::bad("account", format!("failed to {error}"), made_by)
        }
    }
}

fn socket_folder(socket: &Path) -> Fact {
    let name = "socket";
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let absolute = socket.is_absolute();
    match trust::folder(Path::new("/"), folder) {
        _ if !absolute => Fact::bad(name, format!("{} is no absolute path", socket.display()), "name one"),
        Err(why) => {
            Fact::bad(name, why.to_string(), "name a socket in a folder that is root's, with --socket")
        }
        Ok(()) => match socket.symlink_metadata() {
            Ok(stat) if !stat.file_type().is_socket() => {
                Fact::bad(name, format!("{} is there, and no socket", socket.display()), "move it away")
            }
            Ok(_) if std::os::unix::net::UnixStream::connect(socket).is_ok() => {
                Fact::good(name, format!("a helper listens at {}", socket.display()))
            }
            _ => Fact::good(name, format!("it can be made in {}, which is root's", folder.display())),
        },
    }
}

fn state_folder(folder: &Path) -> Fact {
    match state::check(folder) {
        Ok(()) => Fact::good("state folder", format!("{} is root's alone, or can be made", folder.display())),
        Err(error) => {
            Fact::bad("state folder", format!("failed to {error}"), "only root may own it and look into it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_it_is_for() {
        assert_eq!(capability_set(u64::MAX).remedy, None);
        let fact = capability_set(!(1 << 19));
        assert_eq!(fact.found, ["CAP_SYS_PTRACE is missing: to read those who call"]);
        assert!(fact.to_string().starts_with("capabilities: problem: CAP_SYS_PTRACE"));
        assert!(fact.to_string().contains("\n  remedy: start it as root"));
    }

    #[test]
    fn a_socket_among_everybodys_files_is_refused() {
        assert!(socket_folder(Path::new("/tmp/x.sock")).remedy.is_some());
        assert!(socket_folder(Path::new("x.sock")).remedy.is_some());
        assert!(socket_folder(Path::new("/run/es-guard-nowhere/x.sock")).remedy.is_none());
    }
}
