//! Which engines a Mac has.

use super::{EngineReport, version};
use crate::client::system;
use endpoint_sec::macos::{Framework, Prepared, Scope};

/// macOS 13: with it came what the engine is built on.
const OLDEST: (u32, u32) = (22, 0);

/// Looks at every engine there is.
pub(super) fn probe() -> Vec<EngineReport> {
    let seccomp = EngineReport::elsewhere("seccomp", "Linux");
    let bpf_lsm = EngineReport::elsewhere("bpf-lsm", "Linux");
    let mut endpoint_security = EngineReport::unopposed("endpoint-security");
    match nix::sys::utsname::uname() {
        Ok(uname) => endpoint_security.release(&uname.release().to_string_lossy()),
        Err(e) => endpoint_security.fact(format!("the system's release can't be told: {e}")),
    }
    endpoint_security.client();
    vec![seccomp, bpf_lsm, endpoint_security]
}

impl EngineReport {
    /// Whether a session would have a client: one of its own on macOS 27, before that the system's helper's.
    fn client(&mut self) {
        let framework = match Framework::load() {
            Ok(framework) => framework,
            Err(error) => return self.lacks(error.to_string(), "use macOS 13 or later"),
        };
        let helper = || matches!(system::look(None), Ok(Some(_)));
        if framework.has_descendants_clients() {
            match Prepared::connect(&framework, Scope::Descendants, |_, _| {}) {
                Ok(_) => self.fact("a client for this process's descendants was connected".to_owned()),
                Err(error) if helper() => {
                    self.fact(format!(
                        "{error}; but a helper of root's listens (--helper {})",
                        system::at(None).display()
                    ));
                }
                Err(error) => self.lacks(error.to_string(), "docs/macos.md has how es-guard is signed"),
            }
        } else if helper() {
            self.fact("a helper of root's listens, and is the client".to_owned());
        } else {
            let reason =
                "before macOS 27 a helper of root's has to be the client, and none listens".to_owned();
            self.lacks(reason, "install it: sudo es-guard helper install");
        }
    }

    /// The kernel is Darwin, whose numbers are not those of macOS.
    fn release(&mut self, release: &str) {
        if version(release).is_some_and(|version| version < OLDEST) {
            let reason = format!("this is Darwin {release}, and macOS 13 (Darwin 22) or later is needed");
            self.lacks(reason, "use macOS 13 or later");
        } else {
            self.fact(format!("this is Darwin {release}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_older_than_macos_13_is_told_so() {
        for (release, told) in [("21.6.0", true), ("22.0.0", false), ("25.1.0", false), ("weird", false)] {
            let mut report = EngineReport::unopposed("endpoint-security");
            report.release(release);
            assert_eq!(report.available, !told, "{release}");
            assert!(report.reasons[0].starts_with(&format!("this is Darwin {release}")));
        }
    }
}
