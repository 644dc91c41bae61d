use super::*;
use crate::random::look::Content;

const RULES: Rules = Rules { zone: Care::Refused, other: Care::Kept };

type There<'a> = (&'a str, u64, &'a str);
/// What is done, and what is there then.
type Step<'a> = (&'a str, &'a [There<'a>]);

/// What is there, each as NAME NUMBER TEXT; the directories of the names have the numbers of their texts.
fn look(entries: &[There<'_>]) -> Look {
    let node = |(name, number, text): &There<'_>| {
        let (dir, last) = name.rsplit_once('/').expect("a directory");
        let dir = dir.bytes().fold(1000, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let content =
            Content { kind: Kind::File, mode: 0o644, owner: (0, 0), data: text.as_bytes().to_vec() };
        let key = Key { dir: (dir, 0), name: last.to_owned(), id: (*number, 0) };
        let names = entries.iter().filter(|(_, other, _)| other == number).count() as u64;
        ((*name).to_owned(), Node { key, content, modified: 0, names })
    };
    Look(entries.iter().map(node).collect())
}

/// What is wrong after these steps of the tree, and what must be in the stash.
fn after(before: &[There<'_>], steps: &[Step<'_>]) -> (usize, usize) {
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
    let there: &[There<'_>] = &[("zone/s/a", 1, "old"), ("other/s/a", 2, "two"), ("out/s/a", 3, "x")];
    assert_eq!(after(there, &[("unlink", &there[1..])]), (1, 0));
    assert_eq!(after(there, &[("unlink", &[there[0], there[2]])]), (0, 1));
    assert_eq!(after(there, &[("unlink", &there[..2])]), (0, 0));
    assert_eq!(after(there, &[("rename", &[("out/s/b", 1, "old"), there[1]])]), (1, 0));
    assert_eq!(after(there, &[("rename", &[("zone/s/target/b", 1, "old"), there[1]])]), (1, 0));
}

#[test]
fn what_moves_in_protection_stays_the_persons() {
    let there: &[There<'_>] = &[("zone/s/a", 1, "old")];
    let moved: &[There<'_>] = &[("other/s/a", 1, "old")];
    assert_eq!(after(there, &[("rename", moved)]), (0, 0));
    assert_eq!(after(there, &[("rename", moved), ("unlink", &[])]), (0, 1));
}

#[test]
fn an_edit_loses_nothing_but_an_older_file_in_its_place_does() {
    let old: &[There<'_>] = &[("zone/s/a", 1, "old")];
    let both: &[There<'_>] = &[old[0], ("zone/s/t", 2, "new")];
    let saved: &[There<'_>] = &[("zone/s/a", 2, "new")];
    assert_eq!(after(old, &[("save", both), ("rename", saved)]), (0, 0));
    assert_eq!(after(both, &[("rename", saved)]), (1, 0));
    assert_eq!(after(old, &[("save", both), ("rename", saved), ("unlink", &[])]), (1, 0));
}

#[test]
fn what_the_tree_made_may_go_until_a_person_made_it_anew() {
    let made: &[There<'_>] = &[("zone/s/t", 2, "new")];
    let anew: &[There<'_>] = &[("zone/s/t", 3, "theirs")];
    // With the same number, too.
    let reused: &[There<'_>] = &[("zone/s/t", 2, "theirs")];
    assert_eq!(after(&[], &[("save", made), ("unlink", &[])]), (0, 0));
    for anew in [anew, reused] {
        let steps: &[Step<'_>] = &[("save", made), ("person", &[]), ("person", anew), ("unlink", &[])];
        assert_eq!(after(&[], steps), (1, 0));
    }
}

#[test]
fn an_edit_by_swap_leaves_each_name_what_it_was() {
    let both: &[There<'_>] = &[("zone/s/a", 1, "old"), ("zone/s/t", 2, "new")];
    let swapped: &[There<'_>] = &[("zone/s/a", 2, "new"), ("zone/s/t", 1, "old")];
    let exchange = "renameat2 cwd t cwd a exchange";
    let steps: &[Step<'_>] = &[("save", both), (exchange, swapped)];
    assert_eq!(after(&both[..1], &[steps[0], steps[1], ("unlink", &swapped[..1])]), (0, 0));
    assert_eq!(after(&both[..1], &[steps[0], steps[1], ("unlink", &swapped[1..])]), (1, 0));
}

#[test]
fn what_is_altered_without_being_written_is_seen() {
    let old: &[There<'_>] = &[("zone/s/a", 1, "old")];
    let other: &[There<'_>] = &[("zone/s/a", 1, "new")];
    assert_eq!(after(old, &[("save", other)]), (0, 0));
    assert_eq!(after(old, &[("mkdir", other)]), (1, 0));
}
