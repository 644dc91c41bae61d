use super::*;
use proptest::prelude::*;

fn zone(path: &str) -> Zone {
    Zone::new(path)
}

fn policy() -> Policy {
    Policy { zones: vec![zone("/p"), zone("/etc/conf")], ..Policy::default() }
}

fn old(path: &str) -> Place {
    Place::new(path, Some(Kind::Regular), false)
}

fn old_dir(path: &str) -> Place {
    Place::new(path, Some(Kind::Directory), false)
}

fn own(path: &str) -> Place {
    Place::new(path, Some(Kind::Regular), true)
}

fn free(path: &str) -> Place {
    Place::new(path, None, false)
}

fn reason(operation: Operation) -> Option<Reason> {
    match judge(&policy(), &operation, Circumstances::default()) {
        Verdict::Deny(loss) => Some(loss.reason),
        _ => None,
    }
}

fn rename(from: Place, to: Place) -> Option<Reason> {
    reason(Operation::Rename { from, to })
}

fn exchange(first: Place, second: Place) -> Option<Reason> {
    reason(Operation::Exchange { first, second })
}

/// Whichever zone of the person's is around it, and whatever would be done.
#[test]
fn what_es_guard_keeps_is_refused_as_its_own() {
    let own = Zone { internal: true, ..Zone::new("/h/p/own") };
    let policy = Policy { zones: vec![Zone::new("/h/p"), own], ..Policy::default() };
    let file = |path: &str| Place::new(path, Some(Kind::Regular), false);
    let dir = |path: &str| Place::new(path, Some(Kind::Directory), false);
    let free = |path: &str| Place::new(path, None, false);
    for operation in [
        Operation::Unlink(file("/h/p/own/a")),
        Operation::Rmdir(dir("/h/p/own")),
        Operation::Rmdir(dir("/h/p/own/d")),
        Operation::Rename { from: file("/h/p/own/a"), to: free("/x") },
        Operation::Rename { from: file("/h/p/own/a"), to: free("/h/p/b") },
        Operation::Rename { from: dir("/h/p/own"), to: free("/h/p/b") },
        Operation::Rename { from: file("/x"), to: file("/h/p/own/a") },
        Operation::Exchange { first: file("/h/p/own/a"), second: file("/h/p/b") },
        Operation::Write(file("/h/p/own/a")),
    ] {
        let found = judge(&policy, &operation, Circumstances::default());
        let Verdict::Deny(loss) = found else { panic!("{operation:?}: {found:?}") };
        assert_eq!((loss.reason, loss.zone), (Reason::Sealed, "/h/p/own".into()), "{operation:?}");
    }
}

#[test]
fn removals() {
    assert_eq!(reason(Operation::Unlink(old("/p/a"))), Some(Reason::Removed));
    assert_eq!(reason(Operation::Unlink(own("/p/a"))), None);
    assert_eq!(reason(Operation::Unlink(old("/q/a"))), None);
    assert_eq!(reason(Operation::Rmdir(old_dir("/p/d"))), Some(Reason::Removed));
    assert_eq!(reason(Operation::Rmdir(old_dir("/p"))), Some(Reason::ZoneMoved));
    assert_eq!(reason(Operation::Rmdir(old_dir("/etc"))), Some(Reason::ZoneMoved));
    assert_eq!(reason(Operation::Unlink(old("/etc/conf"))), Some(Reason::Removed));
}

#[test]
fn renames_of_something_protected() {
    assert_eq!(rename(old("/p/a"), free("/p/b")), None);
    assert_eq!(rename(old("/p/a"), free("/etc/conf/b")), None);
    assert_eq!(rename(old("/p/a"), free("/q/b")), Some(Reason::MovedOut));
    assert_eq!(rename(old("/p/a"), free("/p/target/a")), Some(Reason::MovedOut));
    assert_eq!(rename(old("/p/a"), free("/p/node_modules")), Some(Reason::MovedOut));
    assert_eq!(rename(old("/p/a"), own("/p/b")), None);
    assert_eq!(rename(old("/p/a"), old("/p/b")), Some(Reason::Clobbered));
    assert_eq!(rename(old_dir("/p"), free("/q")), Some(Reason::ZoneMoved));
    assert_eq!(rename(old_dir("/etc"), free("/etc2")), Some(Reason::ZoneMoved));
}

#[test]
fn saving_over_a_file_is_an_edit() {
    assert_eq!(rename(own("/p/a.tmp"), old("/p/a")), None);
    assert_eq!(rename(old("/q/a.tmp"), old("/p/a")), None);
    assert_eq!(rename(own("/p/a.tmp"), old("/etc/conf")), None, "a zone that is a file");
    assert_eq!(rename(own("/p/a.tmp"), old_dir("/p/d")), Some(Reason::Clobbered));
    let link = Place::new("/p/l", Some(Kind::Other), true);
    assert_eq!(rename(link, old("/p/a")), Some(Reason::Clobbered));
}

#[test]
fn renames_of_the_sessions_own() {
    assert_eq!(rename(own("/p/a"), free("/q/a")), None);
    assert_eq!(rename(own("/p/a"), own("/p/b")), None);
    let mixed = old_dir("/p/d");
    assert_eq!(rename(mixed, free("/q/d")), Some(Reason::MovedOut), "a directory with older files in it");
}

#[test]
fn exchanges() {
    assert_eq!(exchange(own("/p/new"), old("/p/a")), None, "an edit by swap");
    assert_eq!(exchange(old("/p/a"), old("/p/b")), None);
    assert_eq!(exchange(old("/p/a"), old("/q/b")), Some(Reason::MovedOut));
    assert_eq!(exchange(old("/q/b"), old("/p/a")), Some(Reason::MovedOut));
    assert_eq!(exchange(own("/p/target/new"), old("/p/a")), Some(Reason::MovedOut));
    assert_eq!(exchange(old_dir("/p"), old_dir("/q")), Some(Reason::ZoneMoved));
}

#[test]
fn any_alias_in_a_zone_is_enough() {
    let place =
        Place { paths: vec!["/p/target/x".into(), "/p/src/x".into()], kind: Some(Kind::Regular), own: false };
    assert_eq!(reason(Operation::Unlink(place)), Some(Reason::Removed));
}

#[test]
fn git_works_in_its_own_directory() {
    let git = Circumstances { git: true, ..Circumstances::default() };
    let unlink = Operation::Unlink(old("/p/.git/index.lock"));
    assert_eq!(judge(&policy(), &unlink, git), Verdict::Allow);
    assert_eq!(reason(unlink), Some(Reason::Removed));
    let out = Operation::Rename { from: old("/p/a"), to: free("/p/.git/a") };
    let Verdict::Deny(Loss { reason, .. }) = judge(&policy(), &out, git) else {
        panic!("moved out of protection")
    };
    assert_eq!(reason, Reason::MovedOut);
}

const REPLACER: Circumstances =
    Circumstances { now: 0, git: false, replacer: true, tracked: false, in_kernel: false };

fn by_replacer(operation: Operation) -> Verdict {
    judge(&policy(), &operation, REPLACER)
}

fn loss(reason: Reason) -> Loss {
    Loss { zone: "/p".into(), reason }
}

#[test]
fn what_a_replacer_removes_is_held() {
    let removed = || Verdict::Hold(loss(Reason::Removed));
    assert_eq!(by_replacer(Operation::Unlink(old("/p/a"))), removed());
    assert_eq!(by_replacer(Operation::Unlink(Place::new("/p/l", Some(Kind::Other), false))), removed());
    assert_eq!(by_replacer(Operation::Unlink(own("/p/a"))), Verdict::Allow);
    let denied = Verdict::Deny(loss(Reason::Removed));
    assert_eq!(by_replacer(Operation::Unlink(old_dir("/p/d"))), denied);
    assert_eq!(by_replacer(Operation::Rmdir(old_dir("/p/d"))), denied);
}

#[test]
fn what_a_replacers_backup_displaces_is_kept() {
    let rename = |from, to| by_replacer(Operation::Rename { from, to });
    let kept = Verdict::Stash(vec![loss(Reason::Clobbered)]);
    assert_eq!(rename(old("/p/a"), old("/p/a~")), kept);
    assert_eq!(rename(old("/p/a"), old("/q/b")), Verdict::Deny(loss(Reason::MovedOut)));
    assert_eq!(rename(old_dir("/p/d"), old_dir("/p/e")), Verdict::Deny(loss(Reason::Clobbered)));
    let out = Operation::Exchange { first: old("/p/a"), second: old("/q/b") };
    assert_eq!(by_replacer(out), Verdict::Deny(loss(Reason::MovedOut)));
}

#[test]
fn a_replacer_gets_nothing_of_what_es_guard_keeps() {
    let mut policy = policy();
    policy.zones[0].internal = true;
    let verdict = judge(&policy, &Operation::Unlink(old("/p/a")), REPLACER);
    assert_eq!(verdict, Verdict::Deny(loss(Reason::Sealed)));
}

#[test]
fn what_one_layer_holds_and_another_keeps_is_held() {
    let stash = Zone { on_delete: OnDelete::Stash, ..zone("/p") };
    let stash = Policy { zones: vec![stash], ..Policy::default() };
    for layers in [vec![policy(), stash.clone()], vec![stash, policy()]] {
        let both = Policy { layers, ..policy() };
        let verdict = judge(&both, &Operation::Unlink(old("/p/a")), REPLACER);
        assert_eq!(verdict, Verdict::Hold(loss(Reason::Removed)));
        let verdict = judge(&both, &Operation::Rename { from: old("/p/a"), to: old("/p/b") }, REPLACER);
        assert_eq!(verdict, Verdict::Stash(vec![loss(Reason::Clobbered)]));
    }
}

fn any_place() -> impl Strategy<Value = Place> {
    let name = prop::sample::select(vec!["a", "b", "d", "target", ".git", "node_modules"]);
    let base = prop::sample::select(vec!["/p", "/q", "/etc", "/etc/conf", "/tmp"]);
    let kind =
        prop::sample::select(vec![None, Some(Kind::Regular), Some(Kind::Directory), Some(Kind::Other)]);
    (base, prop::collection::vec(name, 0..4), kind, any::<bool>()).prop_map(|(base, names, kind, own)| {
        let path = names.iter().fold(PathBuf::from(base), |path, name| path.join(name));
        Place::new(path, kind, own && kind.is_some())
    })
}

/// The policy with another zone, which is a place that things may be moved to within itself alone.
fn layered() -> Policy {
    let other = Policy { zones: vec![zone("/q"), zone("/tmp")], ..Policy::default() };
    Policy {
        zones: [policy().zones, other.zones.clone()].concat(),
        layers: vec![policy(), other],
        ..policy()
    }
}

#[test]
fn another_layers_zone_is_no_place_to_move_things_to() {
    let out = Operation::Rename { from: old("/p/a"), to: free("/q/a") };
    let swap = Operation::Exchange { first: own("/q/new"), second: old("/p/a") };
    for operation in [out, swap] {
        let Verdict::Deny(Loss { zone, reason }) = judge(&layered(), &operation, Circumstances::default())
        else {
            panic!("{operation:?}")
        };
        assert_eq!((zone, reason), ("/p".into(), Reason::MovedOut));
    }
}

proptest! {
    /// A further layer lets through nothing that was denied without it, and denies what it denies by itself.
    #[test]
    fn layers_only_ever_deny_more(a in any_place(), b in any_place()) {
        let layered = layered();
        let denied = |policy: &Policy, operation: &Operation| {
            judge(policy, operation, Circumstances::default()) != Verdict::Allow
        };
        let (from, to) = (a.clone(), b.clone());
        for operation in [
            Operation::Unlink(a.clone()),
            Operation::Rmdir(a.clone()),
            Operation::Rename { from, to },
            Operation::Exchange { first: a, second: b },
        ] {
            let by_any = layered.layers.iter().any(|layer| denied(layer, &operation));
            prop_assert_eq!(denied(&layered, &operation), by_any);
        }
    }

    /// Being a replacer changes a denial or nothing, and never makes it an allowance.
    #[test]
    fn a_replacer_is_denied_or_held_to_it(a in any_place(), b in any_place()) {
        let (from, to) = (a.clone(), b.clone());
        for operation in [
            Operation::Unlink(a.clone()),
            Operation::Rmdir(a.clone()),
            Operation::Rename { from, to },
            Operation::Exchange { first: a, second: b },
        ] {
            let anyone = judge(&policy(), &operation, Circumstances::default());
            match judge(&policy(), &operation, REPLACER) {
                Verdict::Allow => prop_assert_eq!(anyone, Verdict::Allow),
                Verdict::Stash(losses) => prop_assert_eq!(anyone, Verdict::Deny(losses[0].clone())),
                Verdict::Hold(loss) | Verdict::Deny(loss) => prop_assert_eq!(anyone, Verdict::Deny(loss)),
            }
        }
    }

    /// Nothing outside every zone, that carries none, is ever denied.
    #[test]
    fn outside_is_untouched(place in any_place()) {
        let policy = policy();
        prop_assume!(!policy.within(place.shown()) && policy.carries(place.shown(), 0, None).is_none());
        for operation in [Operation::Unlink(place.clone()), Operation::Rmdir(place.clone())] {
            prop_assert_eq!(judge(&policy, &operation, Circumstances::default()), Verdict::Allow);
        }
    }

    /// Whatever is allowed leaves everything protected where it was, or at another guarded place.
    #[test]
    fn what_is_protected_stays_guarded(from in any_place(), to in any_place()) {
        let policy = policy();
        prop_assume!(from.kind.is_some());
        let guarded = |place: &Place| policy.guards(place.shown(), 0, false).is_some();
        let rename = Operation::Rename { from: from.clone(), to: to.clone() };
        if judge(&policy, &rename, Circumstances::default()) == Verdict::Allow && guarded(&from) && !from.own {
            prop_assert!(guarded(&to));
            prop_assert!(to.kind.is_none() || to.own, "nothing older was replaced");
        }
    }

    /// An exchange is judged the same from both sides.
    #[test]
    fn an_exchange_has_no_direction(a in any_place(), b in any_place()) {
        prop_assume!(a.kind.is_some() && b.kind.is_some());
        let policy = policy();
        let there = Operation::Exchange { first: a.clone(), second: b.clone() };
        let back = Operation::Exchange { first: b, second: a };
        let denied = |operation| judge(&policy, &operation, Circumstances::default()) != Verdict::Allow;
        prop_assert_eq!(denied(there), denied(back));
    }
}

#[test]
fn a_single_use_is_used_up_by_what_it_alone_lets_through() {
    let mut policy = policy();
    let once = |path: &str, number| Override { path: path.into(), once: Some(number), ..Override::default() };
    policy.overrides = vec![once("/p/a", 1), once("/p/b", 2)];
    let when = Circumstances::default();
    let numbers = |operation: &Operation| {
        let used = uses_up(&policy, operation, when);
        used.into_iter().filter_map(|used| used.once).collect::<Vec<_>>()
    };
    assert_eq!(judge(&policy, &Operation::Unlink(old("/p/a")), when), Verdict::Allow);
    assert_eq!(numbers(&Operation::Unlink(old("/p/a"))), [1]);
    // It would have been let through without it.
    assert_eq!(numbers(&Operation::Unlink(own("/p/a"))), [0u64; 0]);
    assert_eq!(numbers(&Operation::Rename { from: old("/p/c"), to: free("/p/d") }), [0u64; 0]);
    // What is not let through uses nothing up, and what is below the name is another name.
    assert_eq!(numbers(&Operation::Unlink(old("/p/c"))), [0u64; 0]);
    assert_eq!(numbers(&Operation::Unlink(old("/p/a/x"))), [0u64; 0]);
    assert_eq!(numbers(&Operation::Rename { from: old("/p/b"), to: free("/q/b") }), [2]);
    let both = Operation::Exchange { first: old("/p/a"), second: old("/q/x") };
    assert_eq!(numbers(&both), [1]);
}

#[test]
fn nothing_is_freed_by_way_of_a_git_directory() {
    let git = Circumstances { git: true, ..Circumstances::default() };
    let into = || Operation::Rename { from: old("/p/a"), to: free("/p/.git/a") };
    assert_eq!(reason(into()), Some(Reason::MovedOut));
    let within = Operation::Rename { from: old("/p/.git/a"), to: free("/p/.git/b") };
    assert_eq!(reason(within.clone()), None);
    assert_eq!(judge(&policy(), &within, git), Verdict::Allow);
    let out = Operation::Rename { from: old("/p/.git/a"), to: free("/elsewhere/a") };
    assert!(matches!(judge(&policy(), &out, git), Verdict::Deny(Loss { reason: Reason::MovedOut, .. })));
    let own = Place { own: true, ..old("/p/.git/a.lock") };
    assert_eq!(
        judge(&policy(), &Operation::Rename { from: own, to: free("/elsewhere/a") }, git),
        Verdict::Allow
    );
}
