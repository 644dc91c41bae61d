//! Reading files of one JSON object a line.

use std::io::{self, BufRead};

/// Calls `each` for every line that is not empty: its number from 1, its text, and whether its end is there.
pub(crate) fn each_line(mut from: impl BufRead, mut each: impl FnMut(usize, &[u8], bool)) -> io::Result<()> {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        let text = bytes.trim_ascii();
        if !text.is_empty() {
            each(number, text, bytes.last() == Some(&b'\n'));
        }
    }
    Ok(())
}
