//! Which engines this machine has: facts with their reasons, and what to do about what is missing.
//!
//! It chooses nothing, and leaves the process as it was.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

#[cfg(target_os = "linux")]
use linux as machine;
#[cfg(target_os = "linux")]
pub use linux::{bpf_lsm_of_the_kernel, listened_to, ptrace_scope, seccomp};
#[cfg(target_os = "macos")]
use macos as machine;

use serde::Serialize;

/// What is known about one engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineReport {
    /// Its name, as in records.
    pub name: &'static str,
    /// Whether a session can run on it here and now.
    pub available: bool,
    /// The facts that this rests on.
    pub reasons: Vec<String>,
    /// What would make it available.
    pub remedy: Option<String>,
}

/// Looks at every engine there is.
///
/// Call it from a process of a single thread: with more, whether a filter can be installed is not tried.
pub fn probe() -> Vec<EngineReport> {
    machine::probe()
}

impl EngineReport {
    /// Of an engine that nothing speaks against yet.
    fn unopposed(name: &'static str) -> Self {
        Self { name, available: true, reasons: Vec::new(), remedy: None }
    }

    /// Of an engine that another system has.
    fn elsewhere(name: &'static str, system: &str) -> Self {
        Self { name, available: false, reasons: vec![format!("only {system} has it")], remedy: None }
    }

    fn fact(&mut self, fact: String) {
        self.reasons.push(fact);
    }

    fn lacks(&mut self, reason: String, remedy: &str) {
        self.available = false;
        self.reasons.push(reason);
        self.remedy.get_or_insert_with(|| remedy.to_owned());
    }
}

/// `6.12.3-arch1` as (6, 12).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("6.12.3-arch1"), Some((6, 12)));
        assert_eq!(version("5.4"), Some((5, 4)));
        assert!(version("5.9.1") < Some((5, 19)) && version("5.19.0-rc1") >= Some((5, 19)));
        assert_eq!(version("weird"), None);
    }

    #[test]
    fn every_engine_is_named_and_what_is_missing_has_a_reason() {
        let reports = probe();
        assert_eq!(
            reports.iter().map(|r| r.name).collect::<Vec<_>>(),
            ["seccomp", "bpf-lsm", "endpoint-security"]
        );
        assert!(reports.iter().all(|report| !report.reasons.is_empty()));
    }
}
