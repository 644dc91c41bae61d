//! The session's own goes; what a person makes, replaces or re-creates is the person's.

use super::*;
use tempfile::TempDir;

/// A Mac whose `zone` is a folder on this machine's disk, which has these folders and files.
fn on_disk(system: System, folders: &[&str], files: &[&str]) -> (Mac, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    folders.iter().for_each(|name| std::fs::create_dir_all(at(name)).unwrap());
    files.iter().for_each(|name| std::fs::write(at(name), "").unwrap());
    (Mac::with(system, Policy { zones: vec![Zone::new(at("zone"))], ..Policy::default() }), directory)
}

#[test]
fn what_the_tree_makes_may_go_and_what_was_there_may_not() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        let own = file("/zone/n");
        mac.makes(&mac.root.fork(), &own);
        assert_eq!(mac.denies(&Action::rename(own.clone(), To::new("/zone/m"))), None);
        assert_eq!(mac.denies(&Action::unlink(file("/zone/n").at("/zone/m"))), None);
        assert_eq!(mac.denies(&unlink("/zone/older")), Some(Reason::Removed));
        assert_eq!(mac.deeds()[0], Deed::Made("/zone/n".into()));
        mac.ends();
    }
}

#[test]
fn another_file_at_an_own_name_is_the_person_s() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        let own = file("/zone/n");
        mac.makes(&mac.root, &own);
        let theirs = file("/elsewhere/theirs").at("/zone/n");
        assert_eq!(mac.denies(&Action::unlink(theirs)), Some(Reason::Removed));
        assert_eq!(
            mac.denies(&Action::unlink(own.clone().born_at(99))),
            Some(Reason::Removed),
            "a later one of its inode"
        );
        assert_eq!(mac.denies(&Action::unlink(own)), None);
        mac.ends();
    }
}

#[test]
fn what_a_person_touches_is_the_person_s_where_that_is_told() {
    // Before macOS 27 the client is told of everybody in the zones.
    let touches: [fn(&Mac); 3] = [
        |mac| assert_eq!(does(&mac.shell, &rename_over("/out/theirs", "/zone/n")), Outcome::Allowed),
        |mac| assert_eq!(does(&mac.shell, &unlink("/zone/n")), Outcome::Allowed),
        |mac| mac.makes(&mac.shell, &file("/zone/n")),
    ];
    for touch in touches {
        let mac = Mac::new(System::MACOS_26);
        mac.makes(&mac.root, &file("/zone/n"));
        touch(&mac);
        assert_eq!(mac.denies(&unlink("/zone/n")), Some(Reason::Removed));
        mac.ends();
    }
}

#[test]
fn what_another_session_makes_is_not_own() {
    let mut mac = Mac::new(System::MACOS_26);
    let other = mac.simulation.caller().fork();
    mac.enrol(&other, "second", policy(), Vec::new()).unwrap();
    mac.makes(&mac.root, &file("/zone/n"));
    assert_eq!(mac.denies_to(&other, &unlink("/zone/n")), Some(Reason::Removed));
    mac.makes(&other, &file("/zone/m"));
    assert_eq!(mac.denies(&unlink("/zone/m")), Some(Reason::Removed));
    mac.ends();
}

#[test]
fn an_older_file_in_an_own_directory_keeps_it_from_leaving() {
    for system in SYSTEMS {
        let (mac, directory) = on_disk(system, &["zone"], &["zone/old"]);
        let at = |name: &str| directory.path().join(name);
        for name in ["zone/d", "zone/d/e"] {
            std::fs::create_dir(at(name)).unwrap();
            mac.makes(&mac.root, &Facts::of(at(name)).unwrap());
        }
        let leave = || Action::rename(Facts::of(at("zone/d")).unwrap(), To::of(at("out")).unwrap());
        assert_eq!(mac.denies(&leave()), None);
        // It is let in, and whether the kernel has moved it by now nobody can tell.
        let inwards = Action::rename(Facts::of(at("zone/old")).unwrap(), To::of(at("zone/d/e/old")).unwrap());
        assert_eq!(mac.denies(&inwards), None);
        assert_eq!(mac.denies(&leave()), Some(Reason::MovedOut));
        std::fs::rename(at("zone/old"), at("zone/d/e/old")).unwrap();
        assert_eq!(mac.denies(&leave()), Some(Reason::MovedOut));
        let outwards =
            Action::rename(Facts::of(at("zone/d/e/old")).unwrap(), To::of(at("zone/old")).unwrap());
        assert_eq!(mac.denies(&outwards), None);
        assert_eq!(mac.denies(&leave()), Some(Reason::MovedOut), "it is still there");
        std::fs::rename(at("zone/d/e/old"), at("zone/old")).unwrap();
        assert_eq!(mac.denies(&leave()), None);
        mac.ends();
    }
}

#[test]
fn what_a_person_put_into_an_own_directory_keeps_it_from_leaving() {
    for system in SYSTEMS {
        let (mac, directory) = on_disk(system, &["zone/d"], &[]);
        let at = |name: &str| directory.path().join(name);
        mac.makes(&mac.root, &Facts::of(at("zone/d")).unwrap());
        std::fs::write(at("zone/d/theirs"), "").unwrap();
        let leave = Action::rename(Facts::of(at("zone/d")).unwrap(), To::of(at("out")).unwrap());
        assert_eq!(mac.denies(&leave), Some(Reason::MovedOut));
        mac.ends();
    }
}

#[test]
fn a_further_link_at_a_name_that_went_is_own_however_late_the_first_is_missed() {
    for system in SYSTEMS {
        let (mac, directory) = on_disk(system, &["zone"], &["zone/old"]);
        let at = |name: &str| directory.path().join(name);
        let link = || Action::Link {
            source: Facts::of(at("zone/old")).unwrap(),
            directory: Facts::of(at("zone")).unwrap(),
            name: "link".into(),
        };
        let unlink = || Action::unlink(Facts::of(at("zone/link")).unwrap());
        assert_eq!(mac.denies(&link()), None);
        std::fs::hard_link(at("zone/old"), at("zone/link")).unwrap();
        assert_eq!(mac.denies(&unlink()), None);
        mac.engine().settle();
        std::fs::remove_file(at("zone/link")).unwrap();
        assert_eq!(does(&mac.root, &link()), Outcome::Allowed);
        // Nothing is there: the first link has gone, the second has not come yet.
        mac.engine().settle();
        std::fs::hard_link(at("zone/old"), at("zone/link")).unwrap();
        assert_eq!(mac.denies(&unlink()), None);
        std::fs::remove_file(at("zone/link")).unwrap();
        let (made, removed) = (Deed::Made(at("zone/link")), Deed::Removed(at("zone/link")));
        assert_eq!(mac.deeds(), [made.clone(), removed.clone(), made, removed]);
        mac.ends();
    }
}

#[test]
fn what_comes_in_from_outside_is_own_with_all_below_it() {
    for system in SYSTEMS {
        let (mac, directory) = on_disk(system, &["zone", "out/d"], &["out/d/f"]);
        let at = |name: &str| directory.path().join(name);
        let come = Action::rename(Facts::of(at("out/d")).unwrap(), To::of(at("zone/d")).unwrap());
        assert_eq!(mac.denies(&come), None);
        std::fs::rename(at("out/d"), at("zone/d")).unwrap();
        assert_eq!(mac.deeds(), [Deed::Made(at("zone/d"))]);
        assert_eq!(mac.denies(&Action::unlink(Facts::of(at("zone/d/f")).unwrap())), None);
        mac.ends();
    }
}
