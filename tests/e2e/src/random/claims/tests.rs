use super::*;
use crate::random::look::Content;

const RULES: Rules = Rules { zone: Care::Refused, other: Care::Kept };

/// What is there, each as NAME NUMBER TEXT; the directories of the names have the numbers of their texts.
fn look(entries: &[(&str, u64, &str)]) -> Look {
    let node = |(name, number, text): &(&str, u64, &str)| {
        let (dir, last) = name.rsplit_once('/').expect("a directory");
        let dir = dir.bytes().fold(1000, |sum, byte| sum * 31 + u64::from(byte));
        let content =
            Content { kind: Kind::File, mode: 0o644, owner: (0, 0), data: text.as_bytes().to_vec() };
        let key = Key { dir: (dir, 0), name: last.to_owned(), id: (*number, 0) };
        let names = entries.iter().filter(|(_, other, _)| other == number).count() as u64;
        ((*name).to_owned(), Node { key, content, modified: 0, names })
    };
    Look(entries.iter().map(node).collect())
}

/// What is wrong after these steps of the tree, and what must be in the stash.
fn after(before: &[(&str, u64, &str)], steps: &[(&str, &[(&str, u64, &str)])]) -> (usize, usize) {
    let mut claims = Claims::new(RULES, look(before));
    let mut wrong = 0;
    for (step, there) in steps {
        let words: Vec<&str> = step.split(' ').collect();
        match words[0] {
            "person" => claims.person(look(there)),
            _ => wrong += claims.tree(&words, true, look(there)).len(),
        }
    }
    (wrong, claims.kept.len())
}

#[test]
fn what_is_missing_is_lost_or_must_have_been_kept() {
    let there: &[(&str, u64, &str)] = &[("zone/s/a", 1, "old"), ("other/s/a", 2, "two"), ("out/s/a", 3, "x")];
    assert_eq!(after(there, &[("unlink", &there[1..])]), (1, 0));
    assert_eq!(after(there, &[("unlink", &[there[0], there[2]])]), (0, 1));
    assert_eq!(after(there, &[("unlink", &there[..2])]), (0, 0));
    assert_eq!(after(there, &[("rename", &[("out/s/b", 1, "old"), there[1]])]), (1, 0));
    assert_eq!(after(there, &[("rename", &[("zone/s/target/b", 1, "old"), there[1]])]), (1, 0));
}

#[test]
fn what_moves_in_protection_stays_the_persons() {
    let there: &[(&str, u64, &str)] = &[("zone/s/a", 1, "old")];
    let moved: &[(&str, u64, &str)] = &[("other/s/a", 1, "old")];
    assert_eq!(after(there, &[("rename", moved)]), (0, 0));
    assert_eq!(after(there, &[("rename", moved), ("unlink", &[])]), (0, 1));
}

#[test]
fn an_edit_loses_nothing_but_an_older_file_in_its_place_does() {
    let old: &[(&str, u64, &str)] = &[("zone/s/a", 1, "old")];
    let both: &[(&str, u64, &str)] = &[old[0], ("zone/s/t", 2, "new")];
    let saved: &[(&str, u64, &str)] = &[("zone/s/a", 2, "new")];
    assert_eq!(after(old, &[("save", both), ("rename", saved)]), (0, 0));
    assert_eq!(after(both, &[("rename", saved)]), (1, 0));
    assert_eq!(after(old, &[("save", both), ("rename", saved), ("unlink", &[])]), (1, 0));
}

#[test]
fn what_the_tree_made_may_go_until_a_person_made_it_anew() {
    let made: &[(&str, u64, &str)] = &[("zone/s/t", 2, "new")];
    let anew: &[(&str, u64, &str)] = &[("zone/s/t", 3, "theirs")];
    // With the same number, too.
    let reused: &[(&str, u64, &str)] = &[("zone/s/t", 2, "theirs")];
    assert_eq!(after(&[], &[("save", made), ("unlink", &[])]), (0, 0));
    for anew in [anew, reused] {
        let steps: &[(&str, &[(&str, u64, &str)])] =
            &[("save", made), ("person", &[]), ("person", anew), ("unlink", &[])];
        assert_eq!(after(&[], steps), (1, 0));
    }
}

#[test]
fn an_edit_by_swap_leaves_each_name_what_it_was() {
    let both: &[(&str, u64, &str)] = &[("zone/s/a", 1, "old"), ("zone/s/t", 2, "new")];
    let swapped: &[(&str, u64, &str)] = &[("zone/s/a", 2, "new"), ("zone/s/t", 1, "old")];
    let exchange = "renameat2 cwd t cwd a exchange";
    let steps: &[(&str, &[(&str, u64, &str)])] = &[("save", both), (exchange, swapped)];
    assert_eq!(after(&both[..1], &[steps[0], steps[1], ("unlink", &swapped[..1])]), (0, 0));
    assert_eq!(after(&both[..1], &[steps[0], steps[1], ("unlink", &swapped[1..])]), (1, 0));
}

#[test]
fn what_is_altered_without_being_written_is_seen() {
    let old: &[(&str, u64, &str)] = &[("zone/s/a", 1, "old")];
    let other: &[(&str, u64, &str)] = &[("zone/s/a", 1, "new")];
    assert_eq!(after(old, &[("save", other)]), (0, 0));
    assert_eq!(after(old, &[("mkdir", other)]), (1, 0));
}
