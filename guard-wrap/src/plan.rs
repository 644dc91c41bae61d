//! From what a person asked for to a compiled policy: `--zone`, the policy file, and what is guarded when
//! neither says.
//!
//! A [`Plan`] keeps what was asked, so that it can be compiled again when the policy file changes. What was
//! given on the command line, and the fallback, are resolved once: an agent that turns a symlink or makes a
//! `.git` of its own changes nothing. It parses no JSON and makes no verdict.

mod difference;
mod error;
pub(crate) mod place;
mod source;

pub(crate) use difference::difference;
pub(crate) use error::PlanError;
pub(crate) use source::Fingerprint;

use helper_daemon::policy::file::{FileOverride, PolicyFile};
use helper_daemon::policy::{Asking, OnDelete, Override, Policy, Zone};
use source::Source;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// `--zone`.
    pub(crate) zones: &'a [OsString],
    /// `--on-delete`: for every zone that the policy file says nothing else of.
    pub(crate) on_delete: OnDelete,
    /// `--policy`.
    pub(crate) policy: Option<&'a Path>,
    /// What `~/` stands for.
    pub(crate) home: &'a Path,
    /// Where es-guard was started.
    pub(crate) cwd: &'a Path,
    /// The state folder, resolved, if there is one yet.
    pub(crate) state: Option<&'a Path>,
    /// The same as it was named, if that is another path.
    pub(crate) state_named: Option<&'a Path>,
    /// The canary that must be let through, resolved, if there is one.
    pub(crate) control: Option<&'a Path>,
}

impl<'a> Asked<'a> {
    /// Nothing at all, by someone with this home, in this directory.
    pub(crate) fn nothing(home: &'a Path, cwd: &'a Path) -> Self {
        let on_delete = OnDelete::default();
        Self { zones: &[], on_delete, policy: None, home, cwd, state: None, state_named: None, control: None }
    }
}

/// What was asked for, resolved as far as it can be before the policy file is read.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    zones: Vec<PathBuf>,
    on_delete: OnDelete,
    fallback: (PathBuf, Origin),
    source: Source,
    state: Option<PathBuf>,
    /// The symlinks through which the state folder was reached.
    state_way: Vec<PathBuf>,
    control: Option<PathBuf>,
    /// Where the policy file's paths led when they were met first: whoever turns a symlink later changes nothing.
    led: Arc<Mutex<HashMap<PathBuf, PathBuf>>>,
}

/// Why a zone is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// `--zone`.
    CommandLine,
    /// `protected_zones`.
    PolicyFile,
    /// Nothing was asked for: the git top level of the current directory.
    GitTopLevel,
    /// Nothing was asked for, and there is no git: the current directory.
    CurrentDirectory,
    /// es-guard's own files.
    EsGuard,
}

impl Origin {
    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Origin::CommandLine => "--zone",
            Origin::PolicyFile => "policy file",
            Origin::GitTopLevel => "git top level of the current directory",
            Origin::CurrentDirectory => "current directory",
            Origin::EsGuard => "es-guard's own",
        }
    }
}

/// A compiled plan.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// What the helper judges by.
    pub(crate) policy: Policy,
    /// What a person should know: zones that do not exist, overrides without effect.
    pub(crate) warnings: Vec<String>,
    /// Why each of the policy's zones is one, in their order.
    pub(crate) origins: Vec<Origin>,
    /// What the file shows of grants, of this session and others.
    pub(crate) granted: Vec<FileOverride>,
    /// Whether there is a policy file.
    pub(crate) file: bool,
}

impl Plan {
    /// Resolves what was asked for.
    pub(crate) fn new(asked: &Asked<'_>) -> Result<Self, PlanError> {
        let zones = asked.zones.iter().map(|zone| asked_zone(Path::new(zone), asked.cwd));
        Ok(Self {
            zones: zones.collect::<Result<_, _>>()?,
            on_delete: asked.on_delete,
            fallback: fallback(asked.cwd)?,
            source: Source::new(asked.policy, asked.home, asked.cwd),
            state: asked.state.map(Path::to_owned),
            state_way: asked.state_named.map(place::links).unwrap_or_default(),
            control: asked.control.map(Path::to_owned),
            led: Arc::default(),
        })
    }

    /// Where a path of the policy file leads, and what stands in the way.
    fn follow(&self, path: &Path) -> (PathBuf, Option<std::io::Error>) {
        let mut led = self.led.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = led.get(path) {
            return (known.clone(), known.symlink_metadata().err());
        }
        let (resolved, problem) = place::resolve(path);
        if problem.is_none() {
            led.insert(path.to_owned(), resolved.clone());
        }
        (resolved, problem)
    }

    /// Reads the policy file and compiles. An error at a later time means: the last good policy stays.
    pub(crate) fn compile(&self) -> Result<Compiled, PlanError> {
        let read = self.source.read()?;
        let file = read.clone().unwrap_or_default();
        let mut out = Compiled {
            policy: Policy {
                exempt_names: file.exempt_names.clone(),
                replacers: file.replacers.clone(),
                asking: self.resolved(&file.asking),
                ..Policy::default()
            },
            warnings: Vec::new(),
            origins: Vec::new(),
            granted: Vec::new(),
            file: read.is_some(),
        };
        for zone in &self.zones {
            out.zone(zone.clone(), Origin::CommandLine, self.on_delete);
        }
        self.zones_of_file(&file, &mut out);
        if out.policy.zones.is_empty() {
            out.zone(self.fallback.0.clone(), self.fallback.1, self.on_delete);
        }
        for entry in file.overrides {
            // What was granted in a session its helper has.
            if entry.session.is_some() {
                out.granted.push(entry);
                continue;
            }
            let (path, _) = self.follow(&entry.path);
            if !out.policy.zones.iter().any(|z| path.starts_with(&z.path) || z.path.starts_with(&path)) {
                out.warn(format!("the override {} is in no zone: it has no effect", path.display()));
            }
            let FileOverride { expires_at, reason, op, .. } = entry;
            out.policy.overrides.push(Override { path, expires_at, reason, op, once: None });
        }
        if let Some(state) = &self.state {
            out.zone(state.clone(), Origin::EsGuard, OnDelete::Deny);
        }
        // The name, there or not yet, what it is a symlink to, and every symlink on the way: with any of them turned
        // the next session would read another policy, or write its records where nobody looks.
        for path in self.source.places().into_iter().chain(self.state_way.iter().cloned()) {
            out.zone(path, Origin::EsGuard, OnDelete::Deny);
        }
        if let Some(control) = &self.control {
            let reason = Some("es-guard's own control".to_owned());
            out.policy.overrides.push(Override { path: control.clone(), reason, ..Override::default() });
        }
        Ok(out)
    }

    /// What is guarded when nothing was asked for.
    pub(crate) fn project(&self) -> &Path {
        &self.fallback.0
    }

    /// The policy file, whether it exists or not.
    pub(crate) fn watched(&self) -> &Path {
        self.source.path()
    }

    /// What tells that the policy file has changed, without reading it.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.source.fingerprint()
    }

    /// Who decides, with the places as they are.
    fn resolved(&self, asking: &Asking) -> Asking {
        let self_grant = asking.self_grant.iter().map(|path| self.follow(path).0).collect();
        Asking { self_grant, ..asking.clone() }
    }

    fn zones_of_file(&self, file: &PolicyFile, out: &mut Compiled) {
        for zone in &file.zones {
            let (path, problem) = self.follow(&zone.path);
            let shown = zone.path.display();
            match problem {
                None => {}
                Some(e) if e.kind() == ErrorKind::NotFound => out.warn(format!(
                    "the zone {shown} does not exist: it is guarded as soon as it appears ({})",
                    self.watched().display()
                )),
                Some(e) => out.warn(format!(
                    "the zone {shown} can't be reached ({e}): it is guarded by that name ({})",
                    self.watched().display()
                )),
            }
            out.zone(path, Origin::PolicyFile, zone.on_delete.unwrap_or(self.on_delete));
        }
    }
}

impl Compiled {
    /// The same, unless not one of its zones is there: nobody is to think that something is guarded.
    pub(crate) fn with_a_zone(self, plan: &Plan) -> Result<Self, PlanError> {
        let missing = |zone: &Zone| {
            let found = zone.path.symlink_metadata();
            found.is_err_and(|e| matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
        };
        if !self.policy.visible_zones().all(missing) {
            return Ok(self);
        }
        let shown = |zone: &Zone| helper_daemon::denial::printable(&zone.path.to_string_lossy());
        let zones = self.policy.visible_zones().map(shown).collect();
        Err(PlanError::NoZoneIsThere { file: plan.watched().to_owned(), zones })
    }

    /// What es-guard keeps for itself is a zone of its own, be it one of the person's or not.
    fn zone(&mut self, path: PathBuf, origin: Origin, on_delete: OnDelete) {
        let internal = origin == Origin::EsGuard;
        if self.policy.zones.iter().all(|zone| zone.path != path || zone.internal != internal) {
            self.policy.zones.push(Zone { path, internal, on_delete });
            self.origins.push(origin);
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(helper_daemon::denial::printable(&warning));
    }
}

/// A zone of the command line: it must be there.
fn asked_zone(zone: &Path, cwd: &Path) -> Result<PathBuf, PlanError> {
    if zone.as_os_str().is_empty() {
        return Err(PlanError::ZoneEmpty);
    }
    let path = cwd.join(zone);
    let refused = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => PlanError::ZoneMissing(path.clone()),
        ErrorKind::PermissionDenied => PlanError::ZoneDenied(path.clone()),
        _ => PlanError::ZoneUnresolved { path: path.clone(), source },
    };
    let resolved = path.canonicalize().map_err(refused)?;
    if resolved.is_dir() {
        // A directory that can't be entered can't be resolved through either, by no engine.
        resolved.join(".").metadata().map_err(refused)?;
    }
    Ok(resolved)
}

/// What is guarded when nothing was asked for.
fn fallback(cwd: &Path) -> Result<(PathBuf, Origin), PlanError> {
    let cwd = cwd.canonicalize().map_err(PlanError::CurrentDirectory)?;
    let git = cwd.ancestors().find(|above| above.join(".git").symlink_metadata().is_ok());
    Ok(match git {
        Some(top) => (top.to_owned(), Origin::GitTopLevel),
        None => (cwd, Origin::CurrentDirectory),
    })
}

#[cfg(test)]
mod tests;
