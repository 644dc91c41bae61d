//! What is written, and what is only counted.

use super::*;
use crate::policy::operation::Op;

fn denial(path: &str, reason: Reason) -> Denial {
    Denial {
        op: Op::Unlink,
        path: path.into(),
        dest: None,
        zone: "/z".into(),
        reason,
        pid: 1,
        exe: "/bin/rm".into(),
        argv: vec!["rm".into()],
        cwd: "/".into(),
    }
}

fn books() -> Books {
    let file = || tempfile::tempfile().unwrap();
    let session = SessionId::parse("20260102-030405-abcd").unwrap();
    Books::new(file(), file(), session, "/z/canary".into())
}

#[test]
fn only_a_denial_of_the_canary_itself_is_a_proof() {
    let proof_by = |denied: &[Denial]| {
        let books = books();
        denied.iter().for_each(|denial| books.denied(denial.clone()));
        (books.end_proof(), books.counts().denied)
    };
    assert_eq!(proof_by(&[]), (None, 0));
    assert_eq!(proof_by(&[denial("/z/other", Reason::Removed)]), (None, 0));
    assert_eq!(proof_by(&[denial("/z/canary", Reason::ZoneMoved)]), (Some(Reason::ZoneMoved), 0));
    assert_eq!(proof_by(&[denial("/z/canary", Reason::Removed)]), (Some(Reason::Removed), 0));
}

/// A policy file may be changed as the last process of the tree ends.
#[test]
fn nothing_is_recorded_after_the_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let session = SessionId::parse("20260102-030405-abcd").unwrap();
    let books =
        Books::new(file.reopen().unwrap(), tempfile::tempfile().unwrap(), session, "/z/canary".into());
    books.close(Some(0));
    books.write(Record::Policy(PolicyRecord { change: "replaced".into(), detail: "late".into() }));
    let lines = crate::ledger::read(std::io::BufReader::new(file)).unwrap().lines;
    assert!(matches!(lines.as_slice(), [line] if matches!(line.record, Record::SessionEnd(_))));
}

#[test]
fn what_is_done_with_its_own_is_listed_once_the_session_runs_and_counted_at_its_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let session = SessionId::parse("20260102-030405-abcd").unwrap();
    let (ledger, denials) = (file.reopen().unwrap(), tempfile::tempfile().unwrap());
    let books = Books::new(ledger, denials, session, "/z/canary".into());
    books.own(Deed::Made("/z/probe".into()));
    books.end_proof();
    books.own(Deed::Made("/z/a".into()));
    books.rests();
    books.rests();
    books.own(Deed::Removed("/z/a".into()));
    books.own(Deed::Made("/z/b".into()));
    books.own(Deed::Removed("/z/b".into()));
    books.close(Some(0));
    books.own(Deed::Made("/z/late".into()));
    books.rests();
    let contents = crate::ledger::read(std::io::BufReader::new(file)).unwrap();
    assert_eq!((contents.lines.len(), contents.end().unwrap().1.counts.own_removed), (3, 2));
    let account = contents.own();
    assert_eq!((account.left.len(), account.taken.len(), account.short_lived), (0, 1, 1));
}

#[test]
fn what_was_denied_and_could_not_be_told_of_is_counted_and_said() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let session = SessionId::parse("20260102-030405-abcd").unwrap();
    let books =
        Books::new(file.reopen().unwrap(), tempfile::tempfile().unwrap(), session, "/z/canary".into());
    books.lost(1);
    books.end_proof();
    books.denied(denial("/z/a", Reason::Removed));
    books.lost(7);
    assert_eq!((books.counts().denied, books.counts().lost), (8, 7));
    let lines = crate::ledger::read(std::io::BufReader::new(file)).unwrap().lines;
    let told = |record: &Record| matches!(record, Record::Policy(told) if told.detail.ends_with(": 7"));
    assert_eq!((lines.len(), told(&lines[1].record)), (2, true));
}

#[test]
fn what_is_denied_after_the_proof_is_recorded() {
    let books = books();
    books.end_proof();
    books.denied(denial("/z/canary", Reason::Removed));
    assert_eq!((books.counts().denied, books.end_proof()), (1, None));
}
