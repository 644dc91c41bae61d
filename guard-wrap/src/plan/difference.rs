//! What is different between two policies, said in short.

use helper_daemon::policy::{Asking, OnDelete, Override, Policy, Zone};

/// What is different between two policies, in short, for the ledger.
pub(crate) fn difference(old: &Policy, new: &Policy) -> String {
    let zones = |p: &Policy| {
        let one = |zone: &Zone| match zone.on_delete {
            OnDelete::Deny => zone.path.display().to_string(),
            OnDelete::Stash => format!("{} with a stash", zone.path.display()),
        };
        p.visible_zones().map(one).collect::<Vec<_>>()
    };
    let overrides = |p: &Policy| {
        let one = |o: &Override| match o.expires_at {
            Some(end) => format!("{} until {end}", o.path.display()),
            None => o.path.display().to_string(),
        };
        p.overrides.iter().map(one).collect::<Vec<_>>()
    };
    let parts = [
        changes("zones", &zones(old), &zones(new)),
        changes("overrides", &overrides(old), &overrides(new)),
        changes("exempt names", &old.exempt_names, &new.exempt_names),
        changes("replacers", &old.replacers, &new.replacers),
        changes("requests", &[asking(old)], &[asking(new)]),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing is different".to_owned() } else { parts.join("; ") }
}

fn asking(policy: &Policy) -> String {
    let Asking { requests, self_grant, self_grant_max } = &policy.asking;
    let places: Vec<_> = self_grant.iter().map(|path| path.display().to_string()).collect();
    let most = self_grant_max.map(|most| format!(" for {most}s")).unwrap_or_default();
    format!("{} {}{most}", requests.word(), places.join(" ")).trim_end().to_owned()
}

fn changes(what: &str, old: &[String], new: &[String]) -> Option<String> {
    let gone = old.iter().filter(|item| !new.contains(item)).map(|item| format!("-{item}"));
    let come = new.iter().filter(|item| !old.contains(item)).map(|item| format!("+{item}"));
    let all: Vec<String> = gone.chain(come).collect();
    (!all.is_empty()).then(|| format!("{what}: {}", all.join(", ")))
}
