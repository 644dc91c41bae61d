//! Every event that takes something away, and several events for one call.

use super::*;

#[test]
fn names_go_as_the_judge_says() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
        assert_eq!(mac.denies(&Action::unlink(Facts::directory("/zone/d"))), Some(Reason::Removed));
        assert_eq!(mac.denies(&unlink("/zone/target/a")), None);
        assert_eq!(mac.denies(&rename("/zone/a", "/out/a")), Some(Reason::MovedOut));
        assert_eq!(mac.denies(&rename("/zone/a", "/zone/b")), None);
        assert_eq!(mac.denies(&rename_over("/zone/a", "/zone/b")), Some(Reason::Clobbered));
        assert_eq!(mac.denies(&rename_over("/out/a", "/zone/b")), None, "an atomic save");
        let ops: Vec<Op> = mac.denials().iter().map(|denial| denial.op).collect();
        assert_eq!(ops, [Op::Unlink, Op::Rmdir, Op::Rename, Op::Rename]);
        assert_eq!(mac.denials()[3].dest.as_deref(), Some(Path::new("/zone/b")));
        mac.ends();
    }
}

#[test]
fn a_copy_over_a_file_is_an_edit_and_over_anything_else_it_is_not() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        assert_eq!(mac.denies(&copy("/zone/a", Some("/zone/b"), "/zone/b")), None);
        let over = |existing| Action::CopyFile {
            source: file("/out/a"),
            existing: Some(existing),
            directory: Facts::directory("/zone"),
            name: "d".into(),
        };
        assert_eq!(mac.denies(&over(Facts::directory("/zone/d"))), Some(Reason::Clobbered));
        mac.ends();
    }
}

#[test]
fn content_is_not_exchanged_out_of_a_zone() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        let exchange =
            |first: &str, second: &str| Action::ExchangeData { first: file(first), second: file(second) };
        assert_eq!(mac.denies(&exchange("/zone/a", "/out/b")), Some(Reason::MovedOut));
        assert_eq!(mac.denies(&exchange("/out/b", "/zone/a")), Some(Reason::MovedOut));
        assert_eq!(mac.denies(&exchange("/zone/a", "/zone/target/b")), Some(Reason::MovedOut));
        assert_eq!(mac.denies(&exchange("/zone/a", "/zone/b")), None);
        mac.ends();
    }
}

#[test]
fn editing_is_not_asked_about() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        assert_eq!(mac.denies(&open_for_writing("/zone/a")), None);
        assert_eq!(mac.denies(&Action::Truncate { target: file("/zone/a") }), None);
        mac.ends();
    }
}

#[test]
fn a_rename_that_is_told_as_an_unlink_as_well_is_refused_by_both() {
    let mac = Mac::new(System::MACOS_26);
    assert_eq!(mac.denies(&rename_over("/zone/a", "/zone/b")), Some(Reason::Clobbered));
    assert_eq!(mac.denies(&unlink("/zone/b")), Some(Reason::Removed));
    mac.ends();
}

#[test]
fn what_is_asked_twice_about_one_call_is_answered_alike() {
    for system in SYSTEMS {
        let directory = tempfile::tempdir().unwrap();
        let zone = directory.path().join("zone");
        std::fs::create_dir(&zone).unwrap();
        let mac = Mac::with(system, Policy { zones: vec![Zone::new(&zone)], ..Policy::default() });
        let name = zone.join("n");
        std::fs::write(&name, "new").unwrap();
        let own = Facts::of(&name).unwrap();
        mac.makes(&mac.root, &own);
        let out = Action::rename(own.clone(), To::new(directory.path().join("out")));
        for action in [Action::unlink(own.clone()), Action::unlink(own), out.clone(), out] {
            assert_eq!(does(&mac.root, &action), Outcome::Allowed);
        }
        assert_eq!(mac.deeds(), [Deed::Made(name.clone())], "it still stands there");
        std::fs::remove_file(&name).unwrap();
        assert_eq!(mac.deeds(), [Deed::Made(name.clone()), Deed::Removed(name)]);
        mac.ends();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_exchange_is_judged_as_the_renames_that_macos_tells_of() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let facts = |name: &str| Facts::of(at(name)).unwrap();
    let onto = |from: &str, to: &str| Action::rename(facts(from), To::Existing(facts(to)));
    std::fs::create_dir(at("zone")).unwrap();
    for name in ["out", "zone/a", "zone/b", "zone/n"] {
        std::fs::write(at(name), name).unwrap();
    }
    let mac = Mac::with(System::MACOS_26, Policy { zones: vec![Zone::new(at("zone"))], ..Policy::default() });
    mac.makes(&mac.root, &facts("zone/n"));
    assert_eq!(
        mac.denies(&onto("zone/a", "zone/b")),
        Some(Reason::Clobbered),
        "one would be gone, were it none"
    );
    assert_eq!(mac.denies(&onto("zone/b", "out")), Some(Reason::MovedOut));
    // An edit by swap.
    assert_eq!(does(&mac.root, &onto("zone/n", "zone/a")), Outcome::Allowed);
    let flag = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
    let here = nix::fcntl::AT_FDCWD;
    nix::fcntl::renameat2(here, &at("zone/n"), here, &at("zone/a"), flag).unwrap();
    assert_eq!(mac.denies(&Action::unlink(facts("zone/a"))), Some(Reason::Removed));
    assert_eq!(mac.denies(&Action::unlink(facts("zone/n"))), None, "where the session's own stood");
    mac.ends();
}

#[test]
fn an_exchange_that_the_kernel_refused_frees_no_older_file() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let facts = |name: &str| Facts::of(at(name)).unwrap();
    std::fs::create_dir(at("zone")).unwrap();
    for name in ["zone/a", "zone/n"] {
        std::fs::write(at(name), name).unwrap();
    }
    let mac = Mac::with(System::MACOS_26, Policy { zones: vec![Zone::new(at("zone"))], ..Policy::default() });
    mac.makes(&mac.root, &facts("zone/n"));
    let onto = Action::rename(facts("zone/n"), To::Existing(facts("zone/a")));
    assert_eq!(does(&mac.root, &onto), Outcome::Allowed);
    std::fs::remove_file(at("zone/n")).unwrap();
    let moved = Action::rename(facts("zone/a"), To::new(at("zone/n")));
    assert_eq!(does(&mac.root, &moved), Outcome::Allowed, "within the zone");
    std::fs::rename(at("zone/a"), at("zone/n")).unwrap();
    assert_eq!(mac.denies(&Action::unlink(facts("zone/n"))), Some(Reason::Removed));
    mac.ends();
}
