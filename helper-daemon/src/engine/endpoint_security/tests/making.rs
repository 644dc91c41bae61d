//! Links, clones and copies: made by the session, they are its own; what they were made from is not.

use super::*;
use std::fs;

fn stage(system: System) -> (tempfile::TempDir, Mac) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("zone")).unwrap();
    fs::write(directory.path().join("zone/old"), "old").unwrap();
    let zones = vec![Zone::new(directory.path().join("zone"))];
    (directory, Mac::with(system, Policy { zones, ..Policy::default() }))
}

#[test]
fn a_further_name_goes_while_the_older_is_there() {
    for system in SYSTEMS {
        let (directory, mac) = stage(system);
        let at = |name: &str| directory.path().join("zone").join(name);
        let (source, zone) = (Facts::of(at("old")).unwrap(), Facts::of(at("")).unwrap());
        let link = Action::Link { source, directory: zone, name: "new".into() };
        assert_eq!(mac.denies(&link), None);
        fs::hard_link(at("old"), at("new")).unwrap();
        assert_eq!(mac.deeds(), [Deed::Made(at("new"))]);
        assert_eq!(mac.denies(&Action::unlink(Facts::of(at("old")).unwrap())), Some(Reason::Removed));
        assert_eq!(mac.denies(&Action::unlink(Facts::of(at("new")).unwrap())), None);
        fs::remove_file(at("old")).unwrap();
        assert_eq!(
            mac.denies(&Action::unlink(Facts::of(at("new")).unwrap())),
            Some(Reason::Removed),
            "the last name"
        );
        mac.ends();
    }
}

#[test]
fn clones_and_copies_are_own_once_they_are_there_and_before_they_were_looked_at() {
    for system in SYSTEMS {
        let (directory, mac) = stage(system);
        let at = |name: &str| directory.path().join("zone").join(name);
        let (old, zone) = (Facts::of(at("old")).unwrap(), Facts::of(at("")).unwrap());
        let clone = Action::Clone { source: old.clone(), directory: zone.clone(), name: "c".into() };
        let copy = Action::CopyFile { source: old, existing: None, directory: zone, name: "d".into() };
        for (action, name) in [(clone, "c"), (copy, "d")] {
            assert_eq!(mac.denies(&action), None);
            fs::copy(at("old"), at(name)).unwrap();
            assert_eq!(mac.denies(&Action::unlink(Facts::of(at(name)).unwrap())), None);
            assert!(mac.deeds().contains(&Deed::Made(at(name))));
            fs::write(at("theirs"), "").unwrap();
            fs::rename(at("theirs"), at(name)).unwrap();
            assert_eq!(
                mac.denies(&Action::unlink(Facts::of(at(name)).unwrap())),
                Some(Reason::Removed),
                "the person's"
            );
        }
        mac.ends();
    }
}

#[test]
fn a_clone_that_came_to_nothing_frees_no_name() {
    let (directory, mac) = stage(System::MACOS_27);
    let at = |name: &str| directory.path().join("zone").join(name);
    let (source, zone) = (Facts::of(at("old")).unwrap(), Facts::of(at("")).unwrap());
    assert_eq!(mac.denies(&Action::Clone { source, directory: zone, name: "c".into() }), None);
    for _ in 0..4 {
        mac.engine().settle();
    }
    fs::write(at("c"), "theirs").unwrap();
    assert_eq!(mac.denies(&Action::unlink(Facts::of(at("c")).unwrap())), Some(Reason::Removed));
    mac.ends();
}

#[test]
fn all_of_a_cloned_directory_is_own() {
    let (directory, mac) = stage(System::MACOS_27);
    let at = |name: &str| directory.path().join("zone").join(name);
    fs::create_dir(at("src")).unwrap();
    let (source, zone) = (Facts::of(at("src")).unwrap(), Facts::of(at("")).unwrap());
    assert_eq!(mac.denies(&Action::Clone { source, directory: zone, name: "copy".into() }), None);
    // A clone is there at once or not at all.
    fs::create_dir(directory.path().join("staged")).unwrap();
    fs::write(directory.path().join("staged/f"), "").unwrap();
    fs::rename(directory.path().join("staged"), at("copy")).unwrap();
    mac.engine().settle();
    assert_eq!(mac.denies(&Action::unlink(Facts::of(at("copy/f")).unwrap())), None);
    mac.ends();
}
