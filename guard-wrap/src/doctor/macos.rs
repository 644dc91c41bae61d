//! What `wrap` depends on that only a Mac has, beside the engine: each thing that stands between a program and
//! Endpoint Security, whether it is there, and what to do where it is not.
//!
//! What is looked at is [`facts`]; what follows from it is said here, and needs no Mac to be tested.

#[cfg(target_os = "macos")]
mod facts;

use super::Check;
use std::path::PathBuf;

/// The entitlement that a client needs.
pub(super) const ENTITLEMENT: &str = "com.apple.developer.endpoint-security.client";

/// Looks at all of it.
#[cfg(target_os = "macos")]
pub(crate) fn checks(args: &crate::cli::DoctorArgs) -> Vec<Check> {
    facts::look(args.helper.as_deref()).checks()
}

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// `27.0`; `None`: nobody says.
    pub(super) version: Option<String>,
    /// Whether it has clients for descendants.
    pub(super) descendants: bool,
    /// Who has to be a client: on macOS 27 this program, before the helper. `None`: there is no helper.
    pub(super) client: Option<Program>,
    /// What `csrutil status` says.
    pub(super) protection: Option<String>,
    /// Whether this process is root.
    pub(super) root: bool,
    /// What came of connecting as a client, where that could be tried.
    pub(super) tried: Tried,
    /// Whether the system's helper listens; `Err`: why it can't be used.
    pub(super) helper: Result<bool, String>,
    /// Whether the system's helper is done without.
    pub(super) without_helper: bool,
}

/// A program that is to be a client.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// The bundle that it is in.
    pub(super) bundle: Option<PathBuf>,
    /// Whether a provisioning profile is in that.
    pub(super) profile: bool,
    /// Whether its signature is whole; `Err`: what `codesign` says.
    pub(super) signature: Result<(), String>,
    /// Whether its signature is ad hoc: by nobody.
    pub(super) ad_hoc: bool,
    /// The entitlements in it; `None`: they can't be read.
    pub(super) entitlements: Option<String>,
}

/// What came of connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    /// It was connected.
    Connected,
    /// Its entitlement is missing, or not accepted.
    NotEntitled,
    /// It has no Full Disk Access.
    NotPermitted,
    /// It is not root.
    NotPrivileged,
    /// For another reason, which the engine's report tells.
    Otherwise,
    /// Only the helper could.
    NotHere,
}

impl Facts {
    fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.macos()];
        checks.extend(self.client.as_ref().map_or_else(|| vec![no_client()], Program::checks));
        checks.extend([self.protection(), self.access(), self.user(), self.connecting(), self.helper()]);
        checks
    }

    fn macos(&self) -> Check {
        let name = "macos";
        let major =
            self.version.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        let version = self.version.as_deref().unwrap_or("of a version that nobody tells");
        match major {
            Some(..=12) => bad(name, format!("this is macOS {version}"), "use macOS 13 or later"),
            _ if self.descendants => good(
                name,
                format!("this is macOS {version}: sessions have a helper of their own, without root"),
            ),
            _ => good(name, format!("this is macOS {version}: before macOS 27 a helper of root's is needed")),
        }
    }

    fn protection(&self) -> Check {
        let name = "system integrity protection";
        let ad_hoc = self.client.as_ref().is_some_and(|client| client.ad_hoc);
        match self.protection.as_deref() {
            None => bad(name, "csrutil does not tell".into(), "run: csrutil status"),
            Some(status) if status.contains("disabled") => {
                good(name, "off: entitlements are taken without a profile, from any program. Put it back when you are done: docs/macos.md, way A".into())
            }
            Some(_) if ad_hoc => bad(
                name,
                "on: an entitlement in an ad hoc signature is refused, and the program killed at its start".into(),
                "sign with Apple's grant (docs/macos.md, way B), or take a Mac for development (way A)",
            ),
            Some(_) => good(name, "on, as it should be: the entitlement needs a profile".into()),
        }
    }

    fn access(&self) -> Check {
        let name = "full disk access";
        match self.tried {
            _ if self.descendants => good(name, "not needed from macOS 27 on".into()),
            Tried::Connected => good(name, "it is there".into()),
            Tried::NotPermitted => bad(
                name,
                "it is missing".into(),
                "System Settings, Privacy & Security, Full Disk Access: switch es-guard-helper on; when started by hand it is the terminal's that counts",
            ),
            _ if self.helper == Ok(true) => good(name, "the helper runs: it has it, or it would have ended".into()),
            _ => good(
                name,
                "only an entitled client of root's is told whether it has it: run sudo es-guard doctor, or look at System Settings, Privacy & Security, Full Disk Access".into(),
            ),
        }
    }

    fn user(&self) -> Check {
        let name = "root";
        match (self.descendants, self.root) {
            (true, _) => good(name, "not needed from macOS 27 on".into()),
            (false, true) => good(name, "this is root".into()),
            (false, false) => good(name, "this is not root: only the helper has to be".into()),
        }
    }

    fn connecting(&self) -> Check {
        let name = "client";
        let grant =
            "sign it with the entitlement, in a bundle with the profile that grants it: docs/macos.md, way B";
        match self.tried {
            Tried::Connected => good(name, "it was connected to Endpoint Security, and let go again".into()),
            Tried::NotEntitled => bad(name, "macOS refused: this program is not entitled".into(), grant),
            Tried::NotPermitted => {
                bad(name, "macOS refused: no Full Disk Access".into(), "see full disk access")
            }
            Tried::NotPrivileged => {
                good(name, "macOS refused this program, which is not root; the helper is".into())
            }
            Tried::Otherwise => bad(name, "it could not be connected".into(), "see endpoint-security above"),
            Tried::NotHere => good(name, "not tried: before macOS 27 the helper is it".into()),
        }
    }

    fn helper(&self) -> Check {
        let name = "system helper";
        match &self.helper {
            Err(error) => Check { name, ok: false, detail: format!("failed to {error}") },
            Ok(true) => good(name, "one of root's listens".into()),
            Ok(false) if self.without_helper => {
                good(name, "done without: sessions have embedded ones".into())
            }
            Ok(false) if self.descendants => good(name, "none listens, and none is needed".into()),
            Ok(false) => bad(
                name,
                "none listens, and before macOS 27 nothing is guarded without".into(),
                "sudo es-guard helper install (--dry-run shows what that does)",
            ),
        }
    }
}

impl Program {
    fn checks(&self) -> Vec<Check> {
        vec![self.bundle(), self.signature(), self.entitlement()]
    }

    fn bundle(&self) -> Check {
        let name = "bundle";
        let path = self.path.display();
        match (&self.bundle, self.profile, self.ad_hoc) {
            (None, ..) => bad(
                name,
                format!("{path} is in none, and has no place for a profile"),
                "make one: helper-daemon/macos/bundle, and run what is in it (docs/macos.md)",
            ),
            (Some(bundle), false, false) => bad(
                name,
                format!("there is no embedded.provisionprofile in {}", bundle.display()),
                "make it anew with --profile: docs/macos.md, way B",
            ),
            (Some(bundle), false, true) => {
                good(name, format!("{}, signed ad hoc: a profile would grant nothing", bundle.display()))
            }
            (Some(bundle), true, _) => good(name, format!("{}, with a profile", bundle.display())),
        }
    }

    fn signature(&self) -> Check {
        let name = "signature";
        match &self.signature {
            Ok(()) if self.ad_hoc => {
                good(name, "whole, and ad hoc: accepted on a Mac for development only".into())
            }
            Ok(()) => good(name, "whole".into()),
            Err(why) => bad(name, why.clone(), "sign it anew: helper-daemon/macos/bundle"),
        }
    }

    fn entitlement(&self) -> Check {
        let name = "entitlement";
        let sign = "sign it with helper-daemon/macos/entitlements.plist: helper-daemon/macos/bundle does";
        match &self.entitlements {
            Some(all) if all.contains(ENTITLEMENT) => {
                good(name, format!("{ENTITLEMENT} is in the signature"))
            }
            Some(_) => bad(name, format!("{ENTITLEMENT} is not in the signature"), sign),
            None => bad(
                name,
                "codesign does not tell what is in the signature".into(),
                "install Apple's command-line tools (xcode-select --install), then: codesign -d --entitlements - --xml PROGRAM",
            ),
        }
    }
}

fn no_client() -> Check {
    bad(
        "bundle",
        "there is no es-guard-helper installed, and before macOS 27 it is what has to be entitled".into(),
        "sudo es-guard helper install; what it needs is in docs/macos.md",
    )
}

fn good(name: &'static str, detail: String) -> Check {
    Check { name, ok: true, detail }
}

fn bad(name: &'static str, detail: String, remedy: &str) -> Check {
    Check { name, ok: false, detail: format!("{detail}. Remedy: {remedy}") }
}

#[cfg(test)]
mod tests;
