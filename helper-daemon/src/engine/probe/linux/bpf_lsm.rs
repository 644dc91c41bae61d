//! Whether the kernel can judge by itself. That it lists the module proves nothing: only attaching does, which root may.

use super::{EngineReport, version};
use crate::client::system;
use endpoint_sec::linux::bpf::{self, Missing};
use std::fs;

/// The oldest kernel on which this was seen to hold.
const OLDEST: (u32, u32) = (6, 1);

/// Looks at the engine `bpf-lsm` alone: at the kernel, and at who would load it for a session.
pub(super) fn bpf_lsm() -> EngineReport {
    let mut report = bpf_lsm_of_the_kernel();
    if report.available {
        report.loader();
    }
    report
}

/// Looks at the kernel alone.
pub fn bpf_lsm_of_the_kernel() -> EngineReport {
    let mut report = EngineReport::unopposed("bpf-lsm");
    report.in_kernel();
    report
}

impl EngineReport {
    /// What the kernel says of itself; and for root, what becomes of an attempt.
    fn in_kernel(&mut self) {
        let release = nix::sys::utsname::uname().map(|uname| uname.release().to_string_lossy().into_owned());
        self.new_enough(&release.unwrap_or_default());
        self.modules(fs::read_to_string("/sys/kernel/security/lsm").map_err(|error| error.to_string()));
        if !fs::exists("/sys/kernel/btf/vmlinux").unwrap_or(false) {
            self.lacks(
                "the kernel does not describe its own types (/sys/kernel/btf/vmlinux)".to_owned(),
                "use a kernel that was built with CONFIG_DEBUG_INFO_BTF, as distributions' are",
            );
        }
        if fs::read_to_string("/sys/kernel/security/lockdown")
            .is_ok_and(|text| text.contains("[confidentiality]"))
        {
            self.lacks(
                "the kernel is locked down for confidentiality, and refuses programs that read its memory"
                    .to_owned(),
                "start the machine without lockdown=confidentiality, or use --engine seccomp",
            );
        }
        if self.available && nix::unistd::geteuid().is_root() {
            match bpf::probe() {
                Ok(()) => self.fact("programs were loaded, attached and taken away again".to_owned()),
                Err(missing) => self.lacks(missing.to_string(), remedy(&missing)),
            }
        }
    }

    fn new_enough(&mut self, release: &str) {
        if version(release).is_some_and(|version| version < OLDEST) {
            self.lacks(
                format!("this is Linux {release}, and 6.1 or later is needed"),
                "use Linux 6.1 or later",
            );
        } else {
            self.fact(format!("this is Linux {release}"));
        }
    }

    fn modules(&mut self, list: Result<String, String>) {
        match list {
            Ok(list) if list.trim().split(',').any(|module| module == "bpf") => {
                self.fact("the kernel has bpf in its list of security modules".to_owned());
            }
            Ok(list) => {
                let list = list.trim();
                let remedy = format!(
                    "start the machine with the kernel parameter lsm={list},bpf (Ubuntu, Debian: in GRUB_CMDLINE_LINUX of /etc/default/grub, then update-grub)"
                );
                self.lacks(
                    format!("the kernel has no bpf in its list of security modules ({list})"),
                    &remedy,
                );
            }
            Err(error) => self.lacks(
                format!("the kernel's list of security modules can't be read: {error}"),
                "mount it: mount -t securityfs securityfs /sys/kernel/security",
            ),
        }
    }

    /// A session has it from the system's helper.
    fn loader(&mut self) {
        match system::look(None) {
            Ok(Some(_)) => self.fact("a helper of root's listens, and loads it for whoever asks".to_owned()),
            Ok(None) => self.lacks(
                "loading it takes root, and no helper of root's listens".to_owned(),
                "install it: sudo es-guard helper install",
            ),
            Err(error) => self.lacks(error.to_string(), "look at it: systemctl status es-guard-helper"),
        }
    }
}

fn remedy(missing: &Missing) -> &'static str {
    match missing {
        Missing::TooOld(_) => "use Linux 6.1 or later",
        Missing::Preemptible(_) => "use Linux 6.2 or later, or start this one with preempt=voluntary",
        Missing::NoTypes => "use a kernel that was built with CONFIG_DEBUG_INFO_BTF, as distributions' are",
        Missing::NotPermitted => "run as root, in a container with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN",
        Missing::LockedDown(_) => "start the machine without lockdown=, or use --engine seccomp",
        Missing::NotActive(_) => "start the machine with bpf at the end of the kernel parameter lsm=",
        Missing::Refused(_) => "use --engine seccomp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(look: impl FnOnce(&mut EngineReport)) -> EngineReport {
        let mut report = EngineReport::unopposed("bpf-lsm");
        look(&mut report);
        report
    }

    #[test]
    fn a_kernel_without_the_module_is_told_the_parameter_that_brings_it_in() {
        let stock =
            report(|report| report.modules(Ok("lockdown,capability,landlock,yama,apparmor\n".into())));
        assert!(!stock.available);
        let remedy = stock.remedy.unwrap();
        assert!(remedy.contains("lsm=lockdown,capability,landlock,yama,apparmor,bpf"), "{remedy}");
        assert!(report(|report| report.modules(Ok("lockdown,yama,bpf\n".into()))).available);
        assert!(!report(|report| report.modules(Ok("nobpf".into()))).available);
        assert!(!report(|report| report.modules(Err("EACCES".into()))).available);
    }

    #[test]
    fn an_old_kernel_is_told_so() {
        for (release, available) in [("5.15.0-91-generic", false), ("6.1.0-37-amd64", true), ("6.12", true)] {
            assert_eq!(report(|report| report.new_enough(release)).available, available, "{release}");
        }
    }
}
