//! What is appended to a ledger.

use super::SessionsError;
use super::shelf::open_file;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A ledger, read as it grows.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(super) file: File,
    /// The line that is not ended yet.
    begun: Vec<u8>,
}

impl Tail {
    /// From its beginning.
    pub(crate) fn open(path: &Path) -> Result<Self, SessionsError> {
        Ok(Self { file: open_file(path)?, begun: Vec::new() })
    }

    /// The lines that were ended since the last look, without their ends.
    pub(crate) fn lines(&mut self) -> io::Result<Vec<Vec<u8>>> {
        self.file.read_to_end(&mut self.begun)?;
        let Some(last) = self.begun.iter().rposition(|&b| b == b'\n') else { return Ok(Vec::new()) };
        let rest = self.begun.split_off(last + 1);
        let whole = std::mem::replace(&mut self.begun, rest);
        let lines = whole.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        Ok(lines.map(<[u8]>::to_vec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_line_is_told_once_it_is_whole_and_only_once() {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        let mut tail = Tail::open(written.path()).unwrap();
        let mut told = |text: &str| {
            written.write_all(text.as_bytes()).unwrap();
            tail.lines()
                .unwrap()
                .iter()
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect::<Vec<_>>()
        };
        assert!(told("").is_empty() && told("a").is_empty());
        assert_eq!(told("b\nc\nd"), ["ab", "c"]);
        assert_eq!(told("\n"), ["d"]);
        assert!(told("").is_empty());
    }
}
