//! What people let through while a session runs. Pure: it reads no clock and writes nothing down.
//!
//! Grants are kept apart from the owner's policy, so that a policy that is loaded anew neither takes them away
//! nor makes them last.

use crate::policy::{Override, Policy};
use crate::protocol::{Granter, LiveOverride, MAX_GRANTS, MAX_REASON, RefusalCode};
use std::path::{Component, Path};

/// The grants of one session.
#[derive(Debug, Default)]
pub(super) struct Grants(Vec<Grant>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// What is let through.
    pub(super) what: Override,
    /// Who said so.
    pub(super) by: Granter,
}

impl Grants {
    /// Adds one, if the policy has something there that may be let through; answers the earlier one of that path and
    /// operation, whose place it takes.
    pub(super) fn add(
        &mut self,
        grant: Grant,
        policy: &Policy,
        now: u64,
    ) -> Result<Option<Grant>, RefusalCode> {
        self.may_add(&grant, policy, now)?;
        let at = self.0.iter().position(|known| grant.is_like(known));
        let earlier = at.map(|at| self.0.remove(at));
        self.0.push(grant);
        Ok(earlier)
    }

    /// Whether it would be added.
    pub(super) fn may_add(&self, grant: &Grant, policy: &Policy, now: u64) -> Result<(), RefusalCode> {
        check(&grant.what, policy, now)?;
        let others = self.0.iter().filter(|known| !grant.is_like(known)).count();
        if others >= MAX_GRANTS { Err(RefusalCode::TooMany) } else { Ok(()) }
    }

    /// Takes those of this path away, for whatever operation.
    pub(super) fn take(&mut self, path: &Path) -> Vec<Grant> {
        self.0.extract_if(.., |grant| grant.what.path == path).collect()
    }

    /// Takes away those for a single use that were used.
    pub(super) fn use_up(&mut self, numbers: &[u64]) {
        self.0.retain(|grant| !grant.what.once.is_some_and(|number| numbers.contains(&number)));
    }

    /// Takes away what has expired.
    pub(super) fn expire(&mut self, now: u64) -> Vec<Grant> {
        self.0.extract_if(.., |grant| grant.what.expires_at.is_some_and(|end| end <= now)).collect()
    }

    /// When the next one expires, in Unix seconds.
    pub(super) fn next_expiry(&self) -> Option<u64> {
        self.0.iter().filter_map(|grant| grant.what.expires_at).min()
    }

    /// The owner's policy, and these on top of it.
    pub(super) fn on(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        policy.overrides.extend(self.0.iter().map(|grant| grant.what.clone()));
        policy
    }

    /// All of them, the oldest first.
    pub(super) fn live(&self) -> impl Iterator<Item = LiveOverride> {
        self.0.iter().map(Grant::live)
    }
}

impl Grant {
    fn is_like(&self, other: &Grant) -> bool {
        (&self.what.path, self.what.op) == (&other.what.path, other.what.op)
    }

    /// As it is told.
    pub(super) fn live(&self) -> LiveOverride {
        LiveOverride::new(&self.what, Some(&self.by))
    }
}

fn check(what: &Override, policy: &Policy, now: u64) -> Result<(), RefusalCode> {
    check_path(&what.path, policy)?;
    if what.expires_at.is_some_and(|end| end <= now) {
        return Err(RefusalCode::AlreadyExpired);
    }
    if what.reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON) {
        return Err(RefusalCode::ReasonTooLong);
    }
    Ok(())
}

/// Whether a path is one that may be let through.
pub(super) fn check_path(path: &Path, policy: &Policy) -> Result<(), RefusalCode> {
    if !is_plain(path) {
        return Err(RefusalCode::BadPath);
    }
    if policy.zones.iter().any(|zone| zone.internal && touches(&zone.path, path)) {
        return Err(RefusalCode::EsGuardsOwn);
    }
    // A directory above a zone would let more through than anybody could have looked at.
    if !policy.covers(path) {
        return Err(RefusalCode::NotInAZone);
    }
    Ok(())
}

/// Whether a path is absolute, and written as the kernel resolves it: or it could not be revoked by what is
/// shown.
pub(super) fn is_plain(path: &Path) -> bool {
    let plain = |c: Component<'_>| matches!(c, Component::RootDir | Component::Normal(_));
    // Components leave out what the text has doubled or at its end.
    let text: std::path::PathBuf = path.components().collect();
    path.is_absolute() && path.components().all(plain) && text.as_os_str() == path.as_os_str()
}

fn touches(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Zone;

    fn policy() -> Policy {
        let zone = |path: &str, internal| Zone { internal, ..Zone::new(path) };
        Policy { zones: vec![zone("/p", false), zone("/p/own/state", true)], ..Policy::default() }
    }

    fn grant(path: &str, expires_at: Option<u64>) -> Grant {
        let what = Override { path: path.into(), expires_at, ..Override::default() };
        Grant { what, by: Granter { uid: 1, pid: 2, exe: "/bin/x".into() } }
    }

    fn added(path: &str) -> Result<Option<Grant>, RefusalCode> {
        Grants::default().add(grant(path, None), &policy(), 100)
    }

    #[test]
    fn only_what_is_protected_is_granted_and_only_by_its_own_name() {
        assert_eq!(added("/p/a"), Ok(None));
        assert_eq!(added("/p"), Err(RefusalCode::EsGuardsOwn));
        for path in ["a", "", "./a", "/p/../etc", "/p/./a", "/p/a/", "/p//a", "/p/a/."] {
            assert_eq!(added(path), Err(RefusalCode::BadPath), "{path}");
        }
        for path in ["/q", "/p2", "/p/node_modules/x"] {
            assert_eq!(added(path), Err(RefusalCode::NotInAZone), "{path}");
        }
        for path in ["/", "/p/own", "/p/own/state", "/p/own/state/x"] {
            assert_eq!(added(path), Err(RefusalCode::EsGuardsOwn), "{path}");
        }
        let mut without_own = policy();
        without_own.zones.truncate(1);
        assert_eq!(Grants::default().add(grant("/", None), &without_own, 0), Err(RefusalCode::NotInAZone));
        assert_eq!(Grants::default().add(grant("/p", None), &without_own, 0), Ok(None));
    }

    #[test]
    fn a_grant_ends_when_it_says() {
        let mut grants = Grants::default();
        assert_eq!(grants.add(grant("/p/a", Some(100)), &policy(), 100), Err(RefusalCode::AlreadyExpired));
        grants.add(grant("/p/a", Some(105)), &policy(), 100).unwrap();
        grants.add(grant("/p/b", Some(103)), &policy(), 100).unwrap();
        grants.add(grant("/p/c", None), &policy(), 100).unwrap();
        assert_eq!(grants.next_expiry(), Some(103));
        assert_eq!(grants.expire(102), []);
        assert_eq!(grants.expire(103), [grant("/p/b", Some(103))]);
        assert_eq!((grants.next_expiry(), grants.on(&policy()).overrides.len()), (Some(105), 2));
    }

    #[test]
    fn a_later_grant_of_a_path_takes_the_place_of_the_earlier() {
        let mut grants = Grants::default();
        grants.add(grant("/p/a", Some(105)), &policy(), 100).unwrap();
        let earlier = grants.add(grant("/p/a", None), &policy(), 100);
        assert_eq!(earlier, Ok(Some(grant("/p/a", Some(105)))));
        assert_eq!(grants.live().count(), 1);
        let mut of_one = grant("/p/a", None);
        of_one.what.op = Some(crate::policy::operation::Op::Unlink);
        assert_eq!(grants.add(of_one.clone(), &policy(), 100), Ok(None));
        assert_eq!(grants.take(Path::new("/p/a")), [grant("/p/a", None), of_one]);
        assert_eq!(grants.take(Path::new("/p/a")), []);
    }

    #[test]
    fn there_are_not_endlessly_many_and_no_reason_is_endless() {
        let mut grants = Grants::default();
        for n in 0..MAX_GRANTS {
            grants.add(grant(&format!("/p/{n}"), None), &policy(), 0).unwrap();
        }
        assert_eq!(grants.add(grant("/p/x", None), &policy(), 0), Err(RefusalCode::TooMany));
        assert!(grants.add(grant("/p/0", None), &policy(), 0).is_ok());
        let mut long = grant("/p/0", None);
        long.what.reason = Some("x".repeat(MAX_REASON + 1));
        assert_eq!(grants.add(long, &policy(), 0), Err(RefusalCode::ReasonTooLong));
    }
}
