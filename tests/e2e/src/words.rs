//! The little language of the rows: words separated by spaces, bytes escaped as `%XX`.
//!
//! `{root}` is the sandbox, `{d0}` … `{d9}` the number of a descriptor slot, `{x*200}` two hundred times `x`.

use std::fmt::Write;

/// The words of a step, with what stands in braces filled in and the escapes taken away.
pub fn words(text: &str, root: &str) -> Vec<Vec<u8>> {
    fill(text, root).split_ascii_whitespace().map(unescape).collect()
}

/// One line for the driver.
pub fn line(words: &[Vec<u8>]) -> String {
    let mut line = String::new();
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        for &byte in word {
            match byte {
                b'!'..=b'~' if byte != b'%' => line.push(char::from(byte)),
                _ => _ = write!(line, "%{byte:02x}"),
            }
        }
    }
    line.push('\n');
    line
}

fn fill(text: &str, root: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, after) =
            after.split_once('}').unwrap_or_else(|| panic!("a brace is not closed: {text}"));
        out.push_str(before);
        out.push_str(&filled(inside, root));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn filled(inside: &str, root: &str) -> String {
    if inside == "root" {
        return root.to_owned();
    }
    if let Some(slot) = inside.strip_prefix('d') {
        return format!("{}", 100 + slot.parse::<u32>().expect("a slot is d0 to d9"));
    }
    let (what, times) = inside.split_once('*').unwrap_or_else(|| panic!("unknown braces: {{{inside}}}"));
    what.repeat(times.parse().expect("a count"))
}

fn unescape(word: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = word.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next(), bytes.next()].map(|d| char::from(d.expect("two digits after %")));
            let value = digits.iter().map(|d| d.to_digit(16).expect("a hexadecimal digit") as u8);
            out.push(value.fold(0, |sum, digit| sum << 4 | digit));
        } else {
            out.push(byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_and_come_back() {
        let found = words("unlink {root}/z/%ff%0a /proc/self/fd/{d1} {ab*2}", "/r");
        let expected: [&[u8]; 4] = [b"unlink", b"/r/z/\xff\n", b"/proc/self/fd/101", b"abab"];
        assert_eq!(found, expected);
        assert_eq!(words(&line(&found), ""), found);
    }
}
