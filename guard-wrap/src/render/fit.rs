//! Making text fit: how large the screen is, and shortening what does not fit on it.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::Path;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How much can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Columns.
    pub(crate) width: usize,
    /// Lines.
    pub(crate) height: usize,
}

impl Screen {
    /// What there is always room for.
    pub(crate) const USUAL: Screen = Screen { width: 80, height: 24 };
    /// For what is read by a program: nothing is shortened.
    pub(crate) const ENDLESS: Screen = Screen { width: 100_000, height: usize::MAX };

    /// The terminal behind a descriptor, or nothing.
    pub(crate) fn of(terminal: impl AsFd) -> Option<Self> {
        let (width, height) = terminal_size::terminal_size_of(terminal)?;
        // Some pseudo-terminals have no size at all.
        let sized = width.0 > 0 && height.0 > 0;
        sized.then(|| Screen { width: usize::from(width.0).max(40), height: usize::from(height.0).max(12) })
    }

    /// For what ends in a few lines wherever it is written: where that is no terminal no line of it is shortened.
    pub(crate) fn for_a_summary(written_to: impl AsFd + IsTerminal) -> Self {
        let width = if written_to.is_terminal() { Self::USUAL.width } else { Self::ENDLESS.width };
        Self::of(written_to).unwrap_or(Self { width, ..Self::USUAL })
    }
}

/// Shortens a text from its beginning: the end of a path is what tells it from others.
pub(crate) fn keep_end(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let kept = text.chars().rev().take_while(|&c| take(&mut room, c)).map(char::len_utf8).sum::<usize>();
    format!("…{}", &text[text.len() - kept..])
}

/// Shortens a text from its end.
pub(crate) fn keep_start(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    text.chars().take_while(|&c| take(&mut room, c)).chain(['…']).collect()
}

/// How many columns a text takes: some characters take two.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

fn take(room: &mut usize, c: char) -> bool {
    match room.checked_sub(c.width().unwrap_or(0)) {
        Some(left) => {
            *room = left;
            true
        }
        None => false,
    }
}

/// A path with the home directory as `~`.
pub(crate) fn under_home(path: &Path, home: Option<&Path>) -> String {
    let below = home.filter(|home| home.parent().is_some()).and_then(|home| path.strip_prefix(home).ok());
    let text = match below {
        Some(below) if below.as_os_str().is_empty() => "~".to_owned(),
        Some(below) => format!("~/{}", below.to_string_lossy()),
        None => path.to_string_lossy().into_owned(),
    };
    helper_daemon::denial::printable(&text)
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shortened_fits_and_says_so() {
        assert_eq!(keep_end("/a/b/file", 6), "…/file");
        assert_eq!(keep_end("short", 5), "short");
        assert_eq!(keep_start("a long one", 5), "a lo…");
        assert_eq!(keep_end("/日本語", 5), "…本語");
        assert_eq!(keep_start("日本語", 4), "日…");
        assert_eq!((keep_end("abc", 0), keep_end("日本", 2)), ("…".into(), "…".into()));
    }

    #[test]
    fn home_is_a_component_not_a_prefix_of_text() {
        let home = Some(Path::new("/home/u"));
        assert_eq!(under_home(Path::new("/home/u/p"), home), "~/p");
        assert_eq!(under_home(Path::new("/home/u"), home), "~");
        assert_eq!(under_home(Path::new("/home/user"), home), "/home/user");
        assert_eq!(under_home(Path::new("/etc"), Some(Path::new("/"))), "/etc");
    }
}
