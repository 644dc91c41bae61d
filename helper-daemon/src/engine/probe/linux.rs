//! Which engines a Linux machine has. A filter that can't be taken off again is tried in a child.

mod bpf_lsm;

pub use bpf_lsm::bpf_lsm_of_the_kernel;

use super::{EngineReport, version};
use endpoint_sec::linux::{filter, process};
use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};

/// The oldest kernel with everything that the seccomp engine needs: `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
const OLDEST: (u32, u32) = (5, 19);

/// The remedy where somebody forbids what the kernel has.
const LOOK_AROUND: &str = "look whether the container or sandbox around es-guard forbids seccomp";

/// What is said where another listener leaves no room for es-guard's.
const LISTENED_TO: &str = "this process already runs under a seccomp listener";

/// Looks at every engine there is.
pub(super) fn probe() -> Vec<EngineReport> {
    vec![seccomp(), bpf_lsm::bpf_lsm(), EngineReport::elsewhere("endpoint-security", "macOS")]
}

/// Yama's `ptrace_scope` (Documentation/admin-guide/LSM/Yama.rst); `None` where there is no Yama.
pub fn ptrace_scope() -> Option<u32> {
    std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

/// Looks at the seccomp engine alone; as [`probe`] otherwise.
pub fn seccomp() -> EngineReport {
    let mut report = EngineReport::unopposed("seccomp");
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
    let mut report = EngineReport::unopposed("seccomp");
    report.trial();
    report.reasons.into_iter().find(|reason| reason.contains(LISTENED_TO))
}

impl EngineReport {
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

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut report = EngineReport::unopposed("seccomp");
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
}
