//! The corpus against `judge` alone.

use e2e::{model, row};

#[test]
fn judge_agrees_with_every_row() {
    let rows = row::corpus();
    let judged: Vec<_> = rows.iter().filter(|row| row.kernel_only.is_none()).collect();
    let wrong: Vec<_> = judged.iter().flat_map(|row| model::check(row)).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), judged.len(), wrong.join("\n"));
}

#[test]
fn the_corpus_is_as_large_as_it_should_be() {
    if std::env::var_os("ES_GUARD_TEST_ROWS").is_none() {
        assert!(row::corpus().len() >= 100, "{} rows", row::corpus().len());
    }
}
