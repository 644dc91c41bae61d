use super::*;

fn policy(zones: &[&str]) -> Policy {
    Policy { zones: zones.iter().map(Zone::new).collect(), ..Policy::default() }
}

fn guards(policy: &Policy, path: &str) -> bool {
    policy.guards(Path::new(path), 100, false).is_some()
}

#[test]
fn a_zone_covers_components_not_characters() {
    let policy = policy(&["/x/proj"]);
    assert!(guards(&policy, "/x/proj"));
    assert!(guards(&policy, "/x/proj/a"));
    assert!(!guards(&policy, "/x/proj2/a"));
    assert!(!guards(&policy, "/x"));
}

#[test]
fn exempt_names_count_below_the_zone_only() {
    let inner = policy(&["/x/target/proj"]);
    assert!(guards(&inner, "/x/target/proj/a"));
    assert!(!guards(&inner, "/x/target/proj/target"));
    assert!(!guards(&inner, "/x/target/proj/a/node_modules/b"));
    assert!(guards(&inner, "/x/target/proj/targets"));
}

#[test]
fn no_name_is_exempt_in_what_es_guard_keeps_for_itself() {
    let mut policy = policy(&["/state"]);
    policy.exempt_names.push("sessions".into());
    assert!(!guards(&policy, "/state/sessions/x"));
    policy.zones[0].internal = true;
    assert!(guards(&policy, "/state/sessions/x"));
    assert!(guards(&policy, "/state/.cache/x"));
}

#[test]
fn exempt_prefixes_count_only_under_a_zone_above_them() {
    assert!(!guards(&policy(&["/"]), "/tmp/a"));
    assert!(guards(&policy(&["/"]), "/tmpfile"));
    assert!(guards(&policy(&["/tmp/work"]), "/tmp/work/a"));
    assert!(guards(&policy(&["/tmp"]), "/tmp/a"));
    assert!(guards(&policy(&["/", "/tmp/work"]), "/tmp/work/a"));
}

#[test]
fn git_is_exempt_for_git_alone() {
    let policy = policy(&["/p"]);
    let path = Path::new("/p/.git/HEAD");
    assert!(policy.guards(path, 0, false).is_some());
    assert!(policy.guards(path, 0, true).is_none());
    assert!(has_git_component(path));
    assert!(!has_git_component(Path::new("/p/.github/x")));
}

#[test]
fn of_two_zones_the_stricter_guards() {
    let mut policy = policy(&["/p", "/p/keep"]);
    policy.zones[0].on_delete = OnDelete::Stash;
    let zone = |path: &str| policy.guards(Path::new(path), 0, false).unwrap().path.clone();
    assert_eq!(zone("/p/keep/x"), Path::new("/p/keep"));
    assert_eq!(zone("/p/x"), Path::new("/p"));
}

#[test]
fn an_override_ends_when_it_says() {
    let mut policy = policy(&["/p"]);
    let path = PathBuf::from("/p/tmp");
    policy.overrides.push(Override { path, expires_at: Some(100), ..Override::default() });
    assert!(policy.guards(Path::new("/p/tmp/x"), 99, false).is_none());
    assert!(policy.guards(Path::new("/p/tmp/x"), 100, false).is_some());
    assert!(policy.guards(Path::new("/p/tmpx"), 99, false).is_some());
}

#[test]
fn an_override_for_one_operation_or_one_use_lets_nothing_else_through() {
    let mut policy = policy(&["/p"]);
    let path = PathBuf::from("/p/dir");
    policy.overrides.push(Override { path, op: Some(Op::Unlink), ..Override::default() });
    let guards =
        |policy: &Policy, path: &str, op| policy.guards_from(Path::new(path), 0, false, op).is_some();
    assert!(!guards(&policy, "/p/dir/x", Some(Op::Unlink)));
    assert!(guards(&policy, "/p/dir/x", Some(Op::Rename)) && guards(&policy, "/p/dir/x", None));
    policy.overrides[0] = Override { op: None, once: Some(1), ..policy.overrides[0].clone() };
    assert!(!guards(&policy, "/p/dir", Some(Op::Rename)));
    assert!(guards(&policy, "/p/dir/x", Some(Op::Unlink)) && guards(&policy, "/p/dir", None));
    assert!(policy.has_single_uses() && !policy.without_single_uses(|used| used == 1).has_single_uses());
    assert!(policy.without_single_uses(|used| used == 2).has_single_uses());
}

#[test]
fn no_override_above_it_opens_what_es_guard_keeps() {
    let mut policy = policy(&["/h", "/h/state"]);
    policy.zones[1].internal = true;
    policy.overrides.push(Override { path: "/h".into(), ..Override::default() });
    assert!(!guards(&policy, "/h/x"));
    assert!(policy.zones[1].internal && policy.carries(Path::new("/h/state"), 0, None).is_some());
    policy.zones.remove(0);
    assert!(guards(&policy, "/h/state/sessions/x"));
    policy.overrides.push(Override { path: "/h/state/control".into(), ..Override::default() });
    assert!(!guards(&policy, "/h/state/control"));
}

#[test]
fn a_zone_goes_with_its_ancestors() {
    let policy = policy(&["/a/b/c"]);
    for path in ["/", "/a", "/a/b", "/a/b/c"] {
        assert!(policy.carries(Path::new(path), 0, None).is_some(), "{path}");
    }
    assert!(policy.carries(Path::new("/a/b/c/d"), 0, None).is_none());
    assert!(policy.carries(Path::new("/a/bb"), 0, None).is_none());
}
