//! Which engines this machine has: facts with their reasons, and what to do about what is missing.
//!
//! It chooses nothing, and leaves the process as it was: a filter that can't be taken off again is tried in a
//! child.

use endpoint_sec::linux::{filter, process};
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use serde::Serialize;

/// The oldest kernel with everything that the seccomp engine needs: `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
const OLDEST: (u32, u32) = (5, 19);

/// The remedy where somebody forbids what the kernel has.
const LOOK_AROUND: &str = "look whether the container or sandbox around es-guard forbids seccomp";

/// What is said where another listener leaves no room for es-guard's.
const LISTENED_TO: &str = "this process already runs under a seccomp listener";

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
    vec![seccomp(), bpf_lsm(), endpoint_security()]
}

/// Yama's `ptrace_scope` (Documentation/admin-guide/LSM/Yama.rst); `None` where there is no Yama.
pub fn ptrace_scope() -> Option<u32> {
    std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

/// Looks at the seccomp engine alone; as [`probe`] otherwise.
pub fn seccomp() -> EngineReport {
    let mut report = EngineReport::seccomp();
    report.kernel();
    match filter::flags_supported() {
        Ok(()) => report.fact("the kernel knows user notification and the flags it needs".to_owned()),
        Err(e) => report.flags_refused(e),
    }
    report.caller();
    if report.available {
        report.trial();
    }
    report
}

/// Whether this process runs under a listener already, found out by a child that tries to install one. The
/// sentence says so.
pub fn listened_to() -> Option<String> {
    let mut report = EngineReport::seccomp();
    report.trial();
    report.reasons.into_iter().find(|reason| reason.contains(LISTENED_TO))
}

impl EngineReport {
    /// Of an engine that nothing speaks against yet.
    fn seccomp() -> Self {
        Self { name: "seccomp", available: true, reasons: Vec::new(), remedy: None }
    }

    fn fact(&mut self, fact: String) {
        self.reasons.push(fact);
    }

    fn lacks(&mut self, reason: String, remedy: &str) {
        self.available = false;
        self.reasons.push(reason);
        self.remedy.get_or_insert_with(|| remedy.to_owned());
    }

    fn kernel(&mut self) {
        match nix::sys::utsname::uname() {
            Ok(uname) => self.release(&uname.release().to_string_lossy()),
            Err(e) => self.fact(format!("the kernel's release can't be told: {e}")),
        }
    }

    fn release(&mut self, release: &str) {
        if version(release).is_some_and(|version| version < OLDEST) {
            let reason = format!("this is Linux {release}, and 5.19 or later is needed");
            self.lacks(reason, "use Linux 5.19 or later");
        } else {
            self.fact(format!("this is Linux {release}"));
        }
    }

    fn flags_refused(&mut self, errno: Errno) {
        let remedy = match errno {
            Errno::EINVAL => "use Linux 5.19 or later",
            // By a kernel built without, or by a container that hides the call.
            Errno::ENOSYS => {
                "use Linux 5.19 or later, built with CONFIG_SECCOMP_FILTER, and look whether the container or sandbox around es-guard forbids seccomp"
            }
            _ => LOOK_AROUND,
        };
        self.lacks(format!("the kernel refuses the flags that the engine needs: {errno}"), remedy);
    }

    /// Whether the helper may read a caller's memory.
    fn caller(&mut self) {
        let privileged = process::has_capabilities().unwrap_or(false);
        match ptrace_scope() {
            Some(3) => self.lacks(
                "Yama's ptrace_scope is 3: no process may read another's memory".to_owned(),
                "start the machine with kernel.yama.ptrace_scope at 1",
            ),
            Some(2) if !privileged => self.lacks(
                "Yama's ptrace_scope is 2: only root may read another process's memory".to_owned(),
                "run as root: sysctl kernel.yama.ptrace_scope=1",
            ),
            Some(scope) => self.fact(format!("Yama's ptrace_scope is {scope}, which allows the engine")),
            None => self.fact("there is no Yama to forbid reading a caller's memory".to_owned()),
        }
    }

    /// Installs a filter with a listener for real, in a child.
    fn trial(&mut self) {
        let child = match process::fork(|| {
            Outcome::of(filter::install(&filter::Program::new(Default::default()))).status()
        }) {
            Ok(child) => child,
            Err(e) => return self.fact(format!("whether a filter can be installed was not tried: {e}")),
        };
        let ended = loop {
            match waitpid(child, None) {
                Err(Errno::EINTR) => {}
                other => break other,
            }
        };
        match ended {
            Ok(WaitStatus::Exited(_, status)) => self.outcome(Outcome::from_status(status)),
            other => self.lacks(format!("installing a filter in a child failed: {other:?}"), LOOK_AROUND),
        }
    }

    fn outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Installed => self.fact("a filter with a listener was installed in a child".to_owned()),
            Outcome::AlreadyListening => self.lacks(
                format!("{LISTENED_TO}, and the kernel allows one: another es-guard, or a sandbox that uses user notification"),
                "start es-guard outside that sandbox or session",
            ),
            Outcome::Refused(e) => self.lacks(
                format!("the kernel refuses a filter with a listener: {e}"),
                LOOK_AROUND,
            ),
        }
    }
}

/// What became of the trial, small enough for an exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Installed,
    AlreadyListening,
    Refused(Errno),
}

/// Above every errno.
const ALREADY_LISTENING: i32 = 200;

impl Outcome {
    fn of<T>(result: Result<T, filter::InstallError>) -> Self {
        use filter::InstallError;
        match result {
            Ok(_) => Outcome::Installed,
            Err(InstallError::AlreadyListening) => Outcome::AlreadyListening,
            Err(InstallError::NoNewPrivs(e) | InstallError::Unsupported(e) | InstallError::Refused(e)) => {
                Outcome::Refused(e)
            }
        }
    }

    fn status(self) -> i32 {
        match self {
            Outcome::Installed => 0,
            Outcome::AlreadyListening => ALREADY_LISTENING,
            Outcome::Refused(e) => e as i32,
        }
    }

    fn from_status(status: i32) -> Self {
        match status {
            0 => Outcome::Installed,
            ALREADY_LISTENING => Outcome::AlreadyListening,
            errno => Outcome::Refused(Errno::from_raw(errno)),
        }
    }
}

fn bpf_lsm() -> EngineReport {
    let on = match std::fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(list) if list.trim().split(',').any(|lsm| lsm == "bpf") => {
            "the kernel has bpf in its list of security modules".to_owned()
        }
        Ok(list) => format!("the kernel has no bpf in its list of security modules ({})", list.trim()),
        Err(e) => format!("the kernel's list of security modules can't be read: {e}"),
    };
    EngineReport {
        name: "bpf-lsm",
        available: false,
        reasons: vec!["not built into this version of es-guard".to_owned(), on],
        remedy: None,
    }
}

fn endpoint_security() -> EngineReport {
    EngineReport {
        name: "endpoint-security",
        available: false,
        reasons: vec!["only macOS has it".to_owned()],
        remedy: None,
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
        assert!(version("5.9.1") < Some(OLDEST) && version("5.19.0-rc1") >= Some(OLDEST));
        assert_eq!(version("weird"), None);
    }

    #[test]
    fn a_kernel_below_5_19_is_refused_with_reason_and_remedy() {
        for (release, available) in [
            ("4.19.0-26-amd64", false),
            ("5.10.0-28-cloud-amd64", false),
            ("5.18.19", false),
            ("5.19.0-50-generic", true),
            ("6.1.0-37-amd64", true),
            ("10.0", true),
            ("unheard of", true),
        ] {
            let mut report = EngineReport::seccomp();
            report.release(release);
            assert_eq!(report.available, available, "{release}");
            assert!(report.reasons[0].starts_with(&format!("this is Linux {release}")));
            assert_eq!(report.reasons[0].ends_with("and 5.19 or later is needed"), !available);
            assert_eq!(report.remedy.as_deref(), (!available).then_some("use Linux 5.19 or later"));
        }
    }

    #[test]
    fn an_outcome_survives_an_exit_status() {
        for outcome in [Outcome::Installed, Outcome::AlreadyListening, Outcome::Refused(Errno::EACCES)] {
            assert_eq!(Outcome::from_status(outcome.status()), outcome);
        }
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
