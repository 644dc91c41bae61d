//! Whether this kernel can do it, told by doing it.

use aya::maps::Array;
use aya::programs::{Lsm, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use endpoint_sec_sys::linux::bpf::PROBE;
use nix::sys::utsname::uname;
use nix::unistd::{Pid, getpgid};
use std::fs;

/// Why it can't.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// Older than is needed.
    #[error("Linux {0} is older than 6.1")]
    TooOld(String),
    /// A program can be interrupted by another thread, and is then not asked (before 6.2).
    #[error(
        "Linux {0} is before 6.2 and fully preemptible: a program can be left out while another one runs"
    )]
    Preemptible(String),
    /// No `/sys/kernel/btf/vmlinux`.
    #[error("the kernel does not describe its types (no /sys/kernel/btf/vmlinux)")]
    NoTypes,
    /// Neither root, nor the capabilities.
    #[error("loading programs is root's (CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN)")]
    NotPermitted,
    /// The kernel was started so that nobody may.
    #[error("the kernel is locked down ({0}): nobody may load such programs")]
    LockedDown(String),
    /// Refused for another reason.
    #[error("the kernel refuses the programs: {0}")]
    Refused(String),
    /// Attached, and never run.
    #[error("bpf is not among the kernel's active security modules ({0})")]
    NotActive(String),
}

/// Attaches a program that counts a rare call, makes that call, and looks whether it was counted.
///
/// That `bpf` is listed proves nothing (a kernel that is locked down lists it and refuses), nor does attaching (where
/// it is not listed a program attaches and is never run).
pub fn probe() -> Result<(), Missing> {
    let release = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    let version = version(&release);
    if version < (6, 1) {
        return Err(Missing::TooOld(release));
    }
    if version < (6, 2) && is_fully_preemptible() {
        return Err(Missing::Preemptible(release));
    }
    let types = Btf::from_sys_fs().map_err(|_| Missing::NoTypes)?;
    let refused = |error: &dyn std::fmt::Display| refused(error.to_string());
    let mut object =
        EbpfLoader::new().btf(Some(&types)).load(PROBE).map_err(|error| refused(&whole(&error)))?;
    let attached = attach(&mut object, &types);
    attached.map_err(|error| refused(&whole(&error)))?;
    // Which process asks makes no difference, its own number does: 0 would not be asked about.
    let _ = getpgid(Some(Pid::this()));
    let asked = object.map("asked").and_then(|map| Array::<_, u64>::try_from(map).ok());
    match asked.and_then(|asked| asked.get(&0, 0).ok()) {
        Some(count) if count > 0 => Ok(()),
        _ => Err(Missing::NotActive(listed())),
    }
}

fn attach(object: &mut Ebpf, types: &Btf) -> Result<(), ProgramError> {
    for (name, program) in object.programs_mut() {
        let name = name.to_owned();
        let program: &mut Lsm = program.try_into()?;
        program.load(&name, types)?;
        program.attach()?;
    }
    Ok(())
}

/// An error with what caused it.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn refused(why: String) -> Missing {
    match lockdown() {
        Some(level) if level != "none" => Missing::LockedDown(level),
        _ if !nix::unistd::geteuid().is_root() => Missing::NotPermitted,
        _ => Missing::Refused(why),
    }
}

/// `[none] integrity confidentiality`: the level in brackets. `None` where securityfs is not mounted.
fn lockdown() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

/// The active security modules, as the kernel lists them.
fn listed() -> String {
    let text = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    if text.is_empty() { "its list is not to be read".to_owned() } else { text.trim().to_owned() }
}

/// Built so, or started so: then a program may be put off while it runs, and one that traces is skipped for whoever runs
/// there meanwhile.
pub(super) fn is_fully_preemptible() -> bool {
    let built = uname().map(|name| name.version().to_string_lossy().into_owned()).unwrap_or_default();
    let started = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let chosen =
        started.split_ascii_whitespace().filter_map(|word| word.strip_prefix("preempt=")).next_back();
    preempts(&built, chosen)
}

/// `PREEMPT`, `PREEMPT_RT`: always. `PREEMPT_DYNAMIC`: where it was chosen at the start.
fn preempts(built: &str, chosen: Option<&str>) -> bool {
    built.split_ascii_whitespace().any(|word| match word {
        "PREEMPT" | "PREEMPT_RT" => true,
        "PREEMPT_DYNAMIC" => chosen == Some("full"),
        _ => false,
    })
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|text| text.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::layout::ES_TICK;
    use super::*;

    #[test]
    fn preemption_is_told_by_how_the_kernel_was_built_and_started() {
        assert!(preempts("#1 SMP PREEMPT Debian", None));
        assert!(preempts("#1 SMP PREEMPT_RT", None));
        assert!(!preempts("#1 SMP PREEMPT_DYNAMIC Debian 6.1.176-1", None));
        assert!(preempts("#1 SMP PREEMPT_DYNAMIC", Some("full")));
        assert!(!preempts("#1 SMP", Some("full")));
    }

    #[test]
    fn ticks_are_those_of_start_times() {
        // `sysconf(3)`.
        let hertz = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).unwrap().unwrap();
        assert_eq!(1_000_000_000 / hertz as u64, u64::from(ES_TICK));
        assert_eq!(version("6.1.0-40-amd64"), (6, 1));
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        // Whether this machine can or not: both are answers, and neither is a guess.
        match probe() {
            Ok(()) => {}
            Err(missing) => assert!(missing.to_string().len() > 10, "{missing:?}"),
        }
    }
}
