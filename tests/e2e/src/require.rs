//! What this machine must have. A test that can't run says so loudly and passes, unless
//! `ES_GUARD_TEST_REQUIRE` names what is missing (`seccomp`, `tools`, `root`): then it fails.
//!
//! `ES_GUARD_TEST_BIN` names a directory with es-guard and the attacks, already built (see
//! [`Stage`](crate::guard::Stage)); `ES_GUARD_TEST_LONG` makes the races long; `ES_GUARD_TEST_ROWS` takes only
//! the rows of the corpus whose name has it.

/// Notes that a test is skipped for want of `what`.
///
/// # Panics
/// When `ES_GUARD_TEST_REQUIRE` names it.
pub fn skip(what: &str, why: &str) {
    let required = std::env::var("ES_GUARD_TEST_REQUIRE").unwrap_or_default();
    let required = required.split(',').any(|word| word.trim() == what);
    assert!(!required, "ES_GUARD_TEST_REQUIRE names {what}: {why}");
    eprintln!("SKIPPED for want of {what}: {why}");
}
