//! Runs many rows, a few at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `one` on each of `runs`, which says what is wrong.
///
/// # Panics
/// When it finds something, with all findings.
pub fn every<T: Sync>(runs: &[T], one: impl Fn(&T) -> Vec<String> + Sync) {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = one(run);
                    wrong.lock().expect("the list").extend(found);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("the list");
    wrong.sort();
    assert!(wrong.is_empty(), "{} findings in {} runs:\n{}", wrong.len(), runs.len(), wrong.join("\n"));
}
