//! The records that a row expects: `[COUNT] OP PATH [DEST] -> REASON by PROGRAM`.
//!
//! Paths are relative to the sandbox and in the language of [`words`]. A component `*`
//! stands for any one, and `**` at the end for all below: then there is at least one record. The program is a
//! name that is looked up as the scripts do, or a path.

use crate::tool::row::which;
use crate::words::words;
use helper_daemon::denial::Denial;
use serde::Deserialize;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// One expected record, or several alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct Expected {
    text: String,
    /// How many; `None` for one or more.
    count: Option<usize>,
    op: String,
    /// What would have gone, relative to the sandbox.
    pub path: PathBuf,
    /// Where it would have gone.
    pub dest: Option<PathBuf>,
    reason: String,
    program: String,
}

impl From<String> for Expected {
    fn from(text: String) -> Self {
        let Some((what, (reason, program))) =
            text.split_once(" -> ").and_then(|(what, why)| Some((what, why.split_once(" by ")?)))
        else {
            panic!("{text:?} is not OP PATH -> REASON by PROGRAM")
        };
        let mut words = words(what, "").into_iter().map(OsString::from_vec).peekable();
        let number = words.peek().and_then(|word| word.to_str()?.parse().ok());
        if number.is_some() {
            words.next();
        }
        let op = words.next().expect("an operation").to_string_lossy().into_owned();
        let path = PathBuf::from(words.next().expect("a path"));
        let dest = words.next().map(PathBuf::from);
        let several = op == "*" || path.ends_with("**");
        let count = if several { None } else { Some(number.unwrap_or(1)) };
        let (reason, program) = (reason.trim().to_owned(), program.trim().to_owned());
        Self { count, op, path, dest, reason, program, text }
    }
}

impl Expected {
    fn is(&self, denial: &Denial, root: &Path) -> bool {
        let dest = match (&self.dest, &denial.dest) {
            (Some(pattern), Some(dest)) => matches(&root.join(pattern), dest),
            (None, None) => true,
            _ => false,
        };
        (self.op == "*" || self.op == denial.op.word())
            && matches(&root.join(&self.path), &denial.path)
            && dest
            && self.reason == denial.reason.word()
            && self.is_by(&denial.exe, root)
    }

    /// By name, for what else is installed under it is the same program (git has several copies); by path
    /// where the row has one.
    fn is_by(&self, exe: &Path, root: &Path) -> bool {
        if self.program.contains('/') {
            return root.join(&self.program) == exe;
        }
        which(&self.program).is_some_and(|program| program.file_name() == exe.file_name())
    }

    /// What an attack that succeeds takes away: the path, or what is replaced by it.
    pub fn prey(&self) -> &Path {
        match &self.dest {
            Some(dest) if self.reason == "clobbered" => dest,
            _ => &self.path,
        }
    }
}

/// Whether a path is what a pattern says.
pub fn matches(pattern: &Path, path: &Path) -> bool {
    let mut path = path.components();
    for part in pattern.components() {
        if part == Component::Normal("**".as_ref()) {
            return path.next().is_some();
        }
        match path.next() {
            Some(found) if found == part || part == Component::Normal("*".as_ref()) => {}
            _ => return false,
        }
    }
    path.next().is_none()
}

/// What of the expected records is missing, and what is there beside them.
pub fn differences(expected: &[Expected], got: &[Denial], root: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut left: Vec<&Denial> = got.iter().collect();
    for one in expected {
        let mut found = 0;
        left.retain(|denial| {
            let taken = one.count.is_none_or(|count| found < count) && one.is(denial, root);
            found += usize::from(taken);
            !taken
        });
        if one.count.map_or(found == 0, |count| found != count) {
            wrong.push(format!("ledger: {found} of: {}", one.text));
        }
    }
    wrong.extend(left.iter().map(|denial| {
        let dest = denial.dest.as_deref().map(|dest| format!(" {dest:?}")).unwrap_or_default();
        let (op, reason) = (denial.op.word(), denial.reason.word());
        format!("ledger: not expected: {op} {:?}{dest} -> {reason} by {:?}", denial.path, denial.exe)
    }));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_and_its_patterns_match() {
        let one = Expected::from("3 rename zone/%ff zone/b -> clobbered by mv".to_owned());
        assert_eq!((one.count, one.op.as_str()), (Some(3), "rename"));
        assert_eq!(one.path.as_os_str().as_encoded_bytes(), b"zone/\xff");
        assert_eq!(one.prey(), Path::new("zone/b"));
        assert!(matches(Path::new("/r/*/a"), Path::new("/r/z/a")));
        assert!(!matches(Path::new("/r/*"), Path::new("/r/z/a")));
        assert!(matches(Path::new("/r/**"), Path::new("/r/z/a")));
        assert!(!matches(Path::new("/r/**"), Path::new("/r")));
    }
}
