//! Reading files of one JSON object a line, which somebody may be appending to meanwhile.

use std::io::{self, BufRead};
use std::thread::sleep;
use std::time::Duration;

/// A line is appended in one write, of which a reader may see the beginning alone: how often, and in which steps the
/// rest is looked for, until it is taken for one that will never have an end.
const LOOKS: u32 = 5;
const STEP: Duration = Duration::from_millis(2);

/// Calls `each` for every line that is not empty: its number from 1, its text, and whether its end is there.
pub(crate) fn each_line(mut from: impl BufRead, mut each: impl FnMut(usize, &[u8], bool)) -> io::Result<()> {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let mut looks = 0;
        while from.read_until(b'\n', &mut bytes)? != 0 || looks < LOOKS {
            if bytes.is_empty() || bytes.ends_with(b"\n") {
                break;
            }
            looks += 1;
            sleep(STEP);
        }
        if bytes.is_empty() {
            break;
        }
        let text = bytes.trim_ascii();
        if !text.is_empty() {
            each(number, text, bytes.ends_with(b"\n"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Read};

    /// A file of which more is there each time that its end was read.
    struct Growing(Vec<&'static [u8]>);

    impl Read for Growing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0);
            into[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn lines(parts: &[&'static [u8]]) -> Vec<(usize, String, bool)> {
        let mut found = Vec::new();
        let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        each_line(BufReader::new(Growing(parts.to_vec())), |n, line, whole| {
            found.push((n, text(line), whole));
        })
        .unwrap();
        found
    }

    #[test]
    fn a_line_that_is_being_written_is_read_whole() {
        let whole = [(1, "one".into(), true), (2, "two".into(), true), (4, "four".into(), true)];
        assert_eq!(lines(&[b"one\ntw", b"", b"o", b"", b"\n\nfo", b"", b"ur\n"]), whole);
    }

    #[test]
    fn one_that_has_no_end_is_said_to_have_none() {
        assert_eq!(lines(&[b"one\ntw"]), [(1, "one".into(), true), (2, "tw".into(), false)]);
        assert_eq!(lines(&[]), []);
    }
}
