use super::*;

/// A Mac of macOS 27 on which all is well.
fn well() -> Facts {
    Facts {
        version: Some("27.1".into()),
        descendants: true,
        client: Some(Program {
            path: "/Applications/es-guard.app/Contents/MacOS/es-guard".into(),
            bundle: Some("/Applications/es-guard.app".into()),
            profile: true,
            signature: Ok(()),
            ad_hoc: false,
            entitlements: Some(format!("<key>{ENTITLEMENT}</key><true/>")),
        }),
        protection: Some("System Integrity Protection status: enabled.".into()),
        root: false,
        tried: Tried::Connected,
        helper: Ok(false),
        without_helper: false,
    }
}

/// The same before macOS 27, where the helper is what counts.
fn older() -> Facts {
    Facts {
        version: Some("26.2".into()),
        descendants: false,
        tried: Tried::NotHere,
        helper: Ok(true),
        ..well()
    }
}

fn client(change: impl FnOnce(&mut Program)) -> Facts {
    let mut facts = well();
    facts.client.as_mut().map(change).unwrap();
    facts
}

/// The names of what is wrong, and all that is said of it.
fn problems(facts: &Facts) -> (Vec<&'static str>, String) {
    let wrong: Vec<_> = facts.checks().into_iter().filter(|check| !check.ok).collect();
    let said = wrong.iter().map(|check| check.detail.as_str()).collect::<Vec<_>>().join("\n");
    (wrong.iter().map(|check| check.name).collect(), said)
}

#[test]
fn where_all_is_well_nothing_is_wrong() {
    let no_root = Facts { tried: Tried::NotPrivileged, ..older() };
    for facts in [well(), older(), no_root] {
        assert_eq!(problems(&facts).0, [""; 0]);
        assert_eq!(facts.checks().len(), 9);
    }
}

#[test]
fn each_thing_that_is_missing_is_named_with_what_to_do() {
    let cases = [
        (Facts { version: Some("12.7".into()), ..older() }, "macos", "macOS 13 or later"),
        (client(|client| client.bundle = None), "bundle", "helper-daemon/macos/bundle"),
        (client(|client| client.profile = false), "bundle", "--profile"),
        (
            client(|client| client.signature = Err("a sealed resource is missing".into())),
            "signature",
            "a sealed resource",
        ),
        (client(|client| client.entitlements = Some("<dict/>".into())), "entitlement", "entitlements.plist"),
        (client(|client| client.entitlements = None), "entitlement", "xcode-select --install"),
        (client(|client| client.ad_hoc = true), "system integrity protection", "way B"),
        (Facts { protection: None, ..well() }, "system integrity protection", "csrutil status"),
        (Facts { tried: Tried::NotEntitled, ..well() }, "client", "way B"),
        (Facts { tried: Tried::Otherwise, ..well() }, "client", "endpoint-security above"),
        (Facts { helper: Ok(false), ..older() }, "system helper", "sudo es-guard helper install"),
        (Facts { helper: Err("use it: refused".into()), ..older() }, "system helper", "failed to use it"),
        (Facts { client: None, ..older() }, "bundle", "sudo es-guard helper install"),
    ];
    for (facts, name, remedy) in cases {
        let (names, said) = problems(&facts);
        assert_eq!(names, [name], "{said}");
        assert!(said.contains(remedy), "{remedy} in {said}");
    }
}

#[test]
fn a_helper_without_full_disk_access_is_told_where_to_get_it() {
    let (names, said) = problems(&Facts { tried: Tried::NotPermitted, ..older() });
    assert_eq!(names, ["full disk access", "client"]);
    assert!(said.contains("System Settings, Privacy & Security, Full Disk Access"), "{said}");
}

#[test]
fn a_mac_for_development_is_all_right_and_told_to_be_put_back() {
    let mut facts = client(|client| (client.ad_hoc, client.profile) = (true, false));
    facts.protection = Some("System Integrity Protection status: disabled.".into());
    assert_eq!(problems(&facts).0, [""; 0]);
    assert!(facts.checks().iter().any(|check| check.detail.contains("Put it back")));
}
