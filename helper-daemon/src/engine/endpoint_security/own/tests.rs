use super::*;

const THEN: (i64, i64) = (100, 0);

fn file(inode: u64) -> Which {
    (FileId { device: 1, inode }, (7, 7))
}

fn has(own: &Own, name: &str, which: Which, links: u16) -> bool {
    own.has_which(Path::new(name), which, links, THEN)
}

#[test]
fn another_file_at_an_own_name_is_not_own() {
    let mut own = Own::default();
    own.put("/z/n".into(), file(1), How::Made);
    assert!(has(&own, "/z/n", file(1), 1));
    assert!(!has(&own, "/z/n", file(2), 1) && !has(&own, "/z/m", file(1), 1));
    let reborn = (file(1).0, (8, 0));
    assert!(!has(&own, "/z/n", reborn, 1), "a later file of the same inode");
}

#[test]
fn a_link_is_own_while_there_is_another_name() {
    let mut own = Own::default();
    own.put("/z/g".into(), file(1), How::Linked);
    assert!(has(&own, "/z/g", file(1), 2) && !has(&own, "/z/g", file(1), 1));
}

#[test]
fn a_directory_takes_along_what_is_below_it_and_nothing_else() {
    let mut own = Own::default();
    for (n, name) in ["/z/d", "/z/d/a", "/z/d/e/b", "/z/d2", "/z/d-x"].into_iter().enumerate() {
        own.put(name.into(), file(n as u64), How::Made);
    }
    let leave = own.lets_go(Path::new("/z/d")).unwrap();
    own.will_be_at(Path::new("/z/d"), Path::new("/z/to"));
    assert!(has(&own, "/z/d/a", file(1), 1), "it may have failed");
    assert!(!own.is_gone(Path::new("/z/d"), file(9), leave));
    assert!(has(&own, "/z/d", file(0), 1), "it was another file");
    assert!(own.is_gone(Path::new("/z/d"), file(0), leave));
    assert!(!own.is_gone(Path::new("/z/d"), file(0), leave), "it went once");
    let names: Vec<_> = own.marks.keys().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(names, ["/z/d-x", "/z/d2", "/z/to", "/z/to/a", "/z/to/e/b"]);
}

#[test]
fn a_file_that_comes_back_to_a_name_is_not_gone_from_there() {
    let (z, d) = (Path::new("/z/d"), Path::new("/z/to"));
    let mut own = Own::default();
    own.put(z.into(), file(0), How::Made);
    own.put(z.join("a"), file(1), How::Made);
    let left = own.lets_go(z).unwrap();
    own.will_be_at(z, d);
    own.will_be_at(d, z);
    assert!(own.is_gone(z, file(0), left), "it was away");
    assert!(has(&own, "/z/d", file(0), 1) && has(&own, "/z/d/a", file(1), 1), "and is back");
    assert!(!own.is_gone(z, file(0), left));
}

#[test]
fn what_was_made_since_in_another_directory_of_the_name_stays() {
    let mut own = Own::default();
    own.put("/z/d".into(), file(0), How::Made);
    own.put("/z/d/a".into(), file(1), How::Made);
    let left = own.lets_go(Path::new("/z/d")).unwrap();
    own.put("/z/d/b".into(), file(2), How::Made);
    assert!(own.is_gone(Path::new("/z/d"), file(0), left));
    assert!(!has(&own, "/z/d/a", file(1), 1) && has(&own, "/z/d/b", file(2), 1));
}

#[test]
fn what_nobody_has_seen_yet_is_own_if_it_is_not_older_and_until_it_is_known_to_be_nothing() {
    let mut own = Own::default();
    own.expect("/z/c".into(), THEN);
    assert!(has(&own, "/z/c", file(1), 1));
    assert!(!own.has_which(Path::new("/z/c"), file(1), 1, (99, 0)));
    assert!(!own.met(Path::new("/z/c"), (50, 0), Some(file(2))), "that was about an earlier one");
    assert!(own.met(Path::new("/z/c"), THEN, Some(file(1))));
    assert!(has(&own, "/z/c", file(1), 1) && !has(&own, "/z/c", file(2), 1));
    own.expect("/z/x".into(), THEN);
    assert!(!own.met(Path::new("/z/x"), THEN, None) && !has(&own, "/z/x", file(1), 1));
}

#[test]
fn a_directory_may_hold_what_was_let_in_until_that_moves_on() {
    let mut own = Own::default();
    own.moved_in.insert(file(1).0, "/z/d/e".into());
    assert!(own.may_hold_older(Path::new("/z/d")) && !own.may_hold_older(Path::new("/z/d/e/f")));
    own.will_be_at(Path::new("/z/d"), Path::new("/z/n"));
    assert!(own.may_hold_older(Path::new("/z/n/e")));
}
