use super::*;

fn made(path: &str) -> Deed {
    Deed::Made(path.into())
}

fn removed(path: &str) -> Deed {
    Deed::Removed(path.into())
}

fn moved(path: &str, dest: &str) -> Deed {
    Deed::Moved { path: path.into(), dest: dest.into(), directory: false }
}

fn moved_tree(path: &str, dest: &str) -> Deed {
    Deed::Moved { path: path.into(), dest: dest.into(), directory: true }
}

fn saved(path: &str, dest: &str) -> Deed {
    Deed::Saved { path: path.into(), dest: dest.into() }
}

/// What is recorded of deeds that are all done in one moment.
fn moment(deeds: &[Deed]) -> OwnRecord {
    let (mut all, now) = (Deeds::default(), Instant::now());
    for deed in deeds {
        assert_eq!(all.note(deed.clone(), now), None);
    }
    all.rest().unwrap_or_default()
}

fn words(record: &OwnRecord) -> Vec<String> {
    let word = |deed: &DeedRecord| match &deed.dest {
        Some(dest) => format!("{} {} {dest}", deed.did.word(), deed.path),
        None => format!("{} {}", deed.did.word(), deed.path),
    };
    record.deeds.iter().map(word).collect()
}

#[test]
fn what_is_made_and_gone_in_a_moment_is_counted_only() {
    let record = moment(&[made("/a"), made("/b"), removed("/a"), made("/tmp1"), saved("/tmp1", "/old")]);
    assert_eq!((words(&record), record.short_lived), (vec!["made /b".to_owned()], 2));
}

#[test]
fn what_is_made_under_another_name_first_is_made_under_the_last() {
    let record = moment(&[made("/tmp1"), moved("/tmp1", "/a"), made("/tmp2"), moved("/tmp2", "/a")]);
    assert_eq!((words(&record), record.short_lived), (vec!["made /a".to_owned()], 0));
}

#[test]
fn what_is_older_is_listed() {
    let record = moment(&[removed("/a"), moved("/b", "/c"), saved("/d", "/e"), made("/a")]);
    assert_eq!(words(&record), ["removed /a", "moved /b /c", "saved /d /e", "made /a"]);
}

#[test]
fn a_directory_takes_its_names_along() {
    let record = moment(&[
        made("/d"),
        made("/d/f"),
        made("/d.x"),
        moved_tree("/d", "/e"),
        removed("/e/f"),
        made("/e/g"),
    ]);
    assert_eq!(
        words(&record),
        ["made /d", "made /d/f", "made /d.x", "moved /d /e", "removed /e/f", "made /e/g"]
    );
    let mut account = Account::default();
    account.add(&record);
    assert_eq!(account.left, ["/d.x", "/e", "/e/g"].map(PathBuf::from).into());
    assert_eq!(account.taken.len(), 2);
}

#[test]
fn names_that_come_and_go_for_ever_take_no_room() {
    let (mut deeds, now) = (Deeds::default(), Instant::now());
    for n in 0..100_000_u64 {
        let name = format!("/{n}");
        let later = now + Duration::from_millis(n);
        assert_eq!(deeds.note(made(&name), later), None);
        assert_eq!(deeds.note(removed(&name), later), None);
    }
    assert!(deeds.gathered.is_empty() && deeds.made.is_empty());
    let rest = deeds.rest().unwrap();
    assert_eq!((rest.deeds.len(), rest.short_lived, rest.unlisted), (0, 100_000, 0));
    assert_eq!(deeds.rest(), None);
}

#[test]
fn a_session_lists_so_many_and_counts_the_rest() {
    let (mut deeds, now) = (Deeds::default(), Instant::now());
    let mut records: Vec<OwnRecord> =
        (0..100_000).filter_map(|n| deeds.note(made(&format!("/{n}")), now)).collect();
    records.extend(deeds.rest());
    let listed: usize = records.iter().map(|record| record.deeds.len()).sum();
    let unlisted: u64 = records.iter().map(|record| record.unlisted).sum();
    assert_eq!((listed, unlisted), (LISTED, 100_000 - LISTED as u64));
    assert!(records.iter().all(|record| record.deeds.len() <= GATHERED));
    assert!(deeds.gathered.is_empty() && deeds.made.is_empty());
}

#[test]
fn a_moment_ends() {
    let (mut deeds, now) = (Deeds::default(), Instant::now());
    assert_eq!(deeds.note(made("/a"), now), None);
    let record = deeds.note(made("/b"), now + MOMENT).unwrap();
    assert_eq!(words(&record), ["made /a", "made /b"]);
    assert_eq!(deeds.note(removed("/a"), now + MOMENT), None);
    assert_eq!(words(&deeds.due().unwrap()), ["removed /a"]);
    assert_eq!(deeds.due(), None);
}

#[test]
fn a_record_keeps_paths_that_are_not_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let odd: PathBuf = std::ffi::OsString::from_vec(b"/p/\xff".to_vec()).into();
    let record = moment(&[Deed::Moved { path: "/p/a".into(), dest: odd.clone(), directory: false }]);
    let back: OwnRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!(back, record);
    assert_eq!((back.deeds[0].path(), back.deeds[0].dest()), ("/p/a".into(), Some(odd)));
}
