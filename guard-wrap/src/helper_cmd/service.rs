//! What systemd and the system's accounts say.

use super::layout::SERVICE;
use helper_daemon::daemon::account::ACCOUNT;
use nix::unistd::{Group, User};
use std::process::{Command, Stdio};

/// Whether systemd runs this machine (`sd_booted(3)`).
pub(super) fn is_there() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

/// What systemd knows of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// `enabled`, `disabled`…; empty: there is no unit.
    pub(super) enabled: String,
    /// `active`, `failed`…
    pub(super) active: String,
    /// The unit's file has changed since it was read.
    pub(super) stale: bool,
}

impl Service {
    /// Asks. `None`: systemd does not answer.
    pub(super) fn look() -> Option<Self> {
        let asked = Command::new("systemctl")
            .args(["show", "--property=UnitFileState,ActiveState,NeedDaemonReload", SERVICE])
            .stdin(Stdio::null())
            .output();
        let output = asked.ok().filter(|output| output.status.success())?;
        Some(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    fn parse(text: &str) -> Self {
        let value =
            |key| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap_or("");
        Self {
            enabled: value("UnitFileState").to_owned(),
            active: value("ActiveState").to_owned(),
            stale: value("NeedDaemonReload") == "yes",
        }
    }
}

/// Whether the account is there.
pub(super) fn has_account() -> bool {
    User::from_name(ACCOUNT).is_ok_and(|user| user.is_some())
}

/// Whether a group of the account's name is there.
pub(super) fn has_group() -> bool {
    Group::from_name(ACCOUNT).is_ok_and(|group| group.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_read() {
        let service = Service::parse("ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n");
        let expected = Service { enabled: "enabled".into(), active: "active".into(), stale: false };
        assert_eq!(service, expected);
        assert_eq!(Service::parse("UnitFileState=\n"), Service::default());
    }
}
