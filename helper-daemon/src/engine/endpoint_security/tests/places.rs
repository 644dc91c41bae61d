//! Where a name lies, whatever it is called.

use super::*;

fn zone(path: &str) -> Policy {
    Policy { zones: vec![Zone::new(path)], ..Policy::default() }
}

#[test]
fn a_volume_that_ignores_case_has_one_place_for_all_its_spellings() {
    for system in SYSTEMS {
        let mac = Mac::on(system, zone("/Users/me/Proj"), |_| true, Vec::new());
        assert_eq!(mac.denies(&unlink("/Users/me/Proj/a")), Some(Reason::Removed));
        // A new name comes as it was typed.
        assert_eq!(mac.denies(&rename("/Users/me/Proj/a", "/Users/me/Proj/B")), None);
        let out = Action::rename(file("/Users/me/Proj/a"), To::new("/Users/me/other/a"));
        assert_eq!(mac.denies(&out), Some(Reason::MovedOut));
        assert_eq!(mac.denials()[0].zone, Path::new("/Users/me/Proj"), "as the person wrote it");
        let own = file("/Users/me/Proj/New");
        mac.makes(&mac.root, &own);
        assert_eq!(
            mac.denies(&Action::unlink(own.also_at("/Users/me/Proj/new"))),
            None,
            "told as the disk has it"
        );
        mac.ends();
    }
    let mac = Mac::on(System::MACOS_27, zone("/Users/me/proj"), |_| true, Vec::new());
    assert_eq!(
        mac.denies(&unlink("/Users/me/PROJ/a")),
        Some(Reason::Removed),
        "the disk has another spelling than the policy"
    );
    mac.ends();
}

#[test]
fn a_name_in_another_case_is_the_same_name() {
    let mac = Mac::on(System::MACOS_26, zone("/zone"), |_| true, Vec::new());
    let a = file("/zone/readme");
    let renamed = Action::rename(a.clone(), To::Existing(a.clone()));
    assert_eq!(mac.denies(&renamed), None);
    let to = To::Existing(a.clone().also_at("/zone/README"));
    assert_eq!(mac.denies(&Action::rename(a, to)), None);
    mac.ends();
}

#[test]
fn private_and_the_data_volume_are_the_same_place() {
    for system in SYSTEMS {
        let mac = Mac::with(system, zone("/tmp/proj"));
        assert_eq!(mac.denies(&unlink("/private/tmp/proj/a")), Some(Reason::Removed));
        assert_eq!(mac.denies(&unlink("/System/Volumes/Data/private/tmp/proj/a")), Some(Reason::Removed));
        mac.ends();
        let mac = Mac::with(system, zone("/Users/me/proj"));
        assert_eq!(mac.denies(&unlink("/System/Volumes/Data/Users/me/proj/a")), Some(Reason::Removed));
        let within = rename("/Users/me/proj/a", "/System/Volumes/Data/Users/me/proj/b");
        assert_eq!(mac.denies(&within), None);
        mac.ends();
    }
}

#[test]
fn what_holds_a_zone_stays_where_it_is() {
    for system in SYSTEMS {
        let mac = Mac::with(system, zone("/Users/me/proj"));
        for held in ["/Users/me", "/Users/me/proj", "/System/Volumes/Data/Users/me"] {
            let moved = Action::rename(Facts::directory(held), To::new("/Users/other"));
            assert_eq!(mac.denies(&moved), Some(Reason::ZoneMoved), "{held}");
        }
        assert_eq!(mac.denies(&Action::unlink(Facts::directory("/Users/me/proj"))), Some(Reason::ZoneMoved));
        mac.ends();
    }
}

#[test]
fn a_file_of_several_names_is_told_by_its_directory() {
    // Its other name is outside: the kernel may tell any of both.
    let mac = Mac::new(System::MACOS_27);
    let told = file("/zone/a").also_at("/out/b");
    let in_the_zone = Action::Unlink { target: told.clone(), directory: Facts::directory("/zone") };
    assert_eq!(mac.denies(&in_the_zone), Some(Reason::Removed));
    let outside = Action::Unlink { target: told, directory: Facts::directory("/out") };
    assert_eq!(mac.denies(&outside), None);
    mac.ends();
}

#[test]
fn the_older_of_two_names_of_one_file_does_not_go_for_the_newer() {
    let mac = Mac::new(System::MACOS_27);
    assert_eq!(mac.denies(&link("/zone/old/f", "/zone/new/f")), None);
    // The older name is meant, and the newer one is told.
    let told = file("/zone/old/f").also_at("/zone/new/f");
    let older = Action::Unlink { target: told.clone(), directory: Facts::directory("/zone/old") };
    assert_eq!(mac.denies(&older), Some(Reason::Removed));
    let newer = Action::Unlink { target: told, directory: Facts::directory("/zone/new") };
    assert_eq!(mac.denies(&newer), None);
    mac.ends();
}

#[test]
fn what_the_kernel_cut_is_refused_if_it_may_be_in_a_zone() {
    let mac = Mac::new(System::MACOS_27);
    let long = |start: &str| format!("{start}/{}", "x".repeat(20_000));
    let cut = |start: &str| Facts::file(long(start)).cut_after(16_384);
    assert_eq!(mac.denies(&Action::unlink(cut("/zone"))), Some(Reason::Unclear));
    assert_eq!(mac.denials()[0].zone, Path::new("/zone"));
    let within = To::New { directory: cut("/zone"), name: "a".into() };
    assert_eq!(mac.denies(&Action::rename(file("/out/a"), within)), Some(Reason::Unclear));
    assert_eq!(mac.denies(&Action::rename(cut("/zone"), To::new("/out/a"))), Some(Reason::Unclear));
    let short = Facts::file("/zone/a").cut_after(3);
    assert_eq!(mac.denies(&Action::unlink(short)), Some(Reason::Unclear), "nobody knows what it begins");
    assert_eq!(mac.denies(&Action::unlink(cut("/out"))), None);
    mac.ends();
}

#[test]
fn a_zone_covers_components_not_characters() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        assert_eq!(mac.denies(&unlink("/zone2/a")), None);
        assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
        mac.ends();
    }
}
