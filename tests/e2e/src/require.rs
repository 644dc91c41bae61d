//! What this machine must have. A test that can't run says so loudly and passes, unless
//! `ES_GUARD_TEST_REQUIRE` names what is missing (`seccomp`, `bpf-lsm`, `tools`, `agents`, `cargo`, `npm`, `root`, `systemd`, `landlock`, `chattr`, `fuse`, `lease`, `umount`, `endpoint-security`, `macos-27`): then it fails.
//!
//! `ES_GUARD_TEST_BIN` names a directory with es-guard and the attacks, already built (see
//! [`Stage`](crate::guard::Stage)), `ES_GUARD_TEST_HELPER` the socket of a system helper that runs already; `ES_GUARD_TEST_PACE` is `long` or `slow`, see [`Pace`]; `ES_GUARD_TEST_ROWS`
//! takes only the rows of the corpus whose name has it. `ES_GUARD_TEST_SEED` and `ES_GUARD_TEST_SCRIPTS` are the number
//! that random scripts are made from, and how many of them.

/// How much is tried, and how long is waited for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// What fits a developer's patience.
    Normal,
    /// As much as a claim needs: a race is a million tries.
    Long,
    /// Little, and patiently: the processor is emulated.
    Slow,
}

/// The pace that is asked for.
///
/// # Panics
/// When it is none.
pub fn pace() -> Pace {
    match std::env::var("ES_GUARD_TEST_PACE").as_deref() {
        Err(_) | Ok("") => Pace::Normal,
        Ok("long") => Pace::Long,
        Ok("slow") => Pace::Slow,
        Ok(other) => panic!("ES_GUARD_TEST_PACE is {other:?}, expected long or slow"),
    }
}

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
