//! The process that reads git repositories, asked about real ones that git made, and about forged ones.
//!
//! Starting it takes a process of a single thread, so this program runs its tests itself, one after the other:
//! all of them, or those whose name has a word of the command line.

mod held;
mod hostile;
mod repo;
mod tracked;

type Test = (&'static str, fn());

/// Runs them.
pub(crate) fn run() {
    if !repo::has_git() {
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted =
        |(name, _): &&Test| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let tests: Vec<Test> = [tracked::TESTS, held::TESTS, hostile::TESTS].concat();
    for (name, test) in tests.iter().filter(wanted) {
        eprint!("test {name} ... ");
        let began = std::time::Instant::now();
        test();
        eprintln!("ok ({} ms)", began.elapsed().as_millis());
    }
}
