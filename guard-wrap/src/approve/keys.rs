//! Requests on a terminal: the oldest is shown, and one key answers it.
//!
//! A key is for what whoever pressed it has read: what was typed before the request was shown answers nothing.

use super::feed::{Feed, Happened, Open};
use super::quiet::Quiet;
use super::text::{a_while, about, keys, words};
use super::{Answer, answer, notify};
use crate::asking::sentence;
use crate::overrides::shown;
use crate::render::fit::{Screen, keep_end};
use crate::render::{self, FAINT, NAME, styled, tell};
use helper_daemon::denial::printable;
use nix::sys::termios::{
    FlushArg, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcflush, tcgetattr, tcsetattr,
};
use std::io::{Read, stdin};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;

/// What keys mean now.
enum Mode {
    /// An answer each.
    Keys,
    /// A word to the agent, with which this request is refused.
    Word(Box<Open>, String),
}

struct Desk {
    feed: Feed,
    mode: Mode,
    /// Which of the requests is shown.
    at: usize,
    /// How many lines of it are on the screen.
    lines: usize,
    all_taken: bool,
    quiet: Quiet,
}

/// Shows requests and takes keys until the person has seen enough. Tells whether every answer was taken.
pub(super) fn run(feed: Feed) -> bool {
    let Some(_terminal) = Raw::set() else {
        render::note("this terminal can't be read key by key: answers are taken as lines");
        return super::lines::run(feed);
    };
    let tell_keys = feed.tell.clone();
    thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = stdin().lock().read(&mut bytes) {
            let _ = tell_keys.send(Happened::Typed(bytes[..count].to_vec()));
        }
        let _ = tell_keys.send(Happened::Silence);
    });
    let mut desk = Desk { feed, mode: Mode::Keys, at: 0, lines: 0, all_taken: true, quiet: Quiet::default() };
    desk.settle();
    desk.show();
    loop {
        let happened = match desk.quiet.left() {
            None => desk.feed.happens.recv().ok(),
            Some(left) => match desk.feed.happens.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => {
                    desk.show();
                    continue;
                }
                happened => happened.ok(),
            },
        };
        let Some(happened) = happened else { break };
        match happened {
            Happened::Now(session, now) => {
                for new in desk.feed.update(&session, now) {
                    notify::tell(&printable(&new.command), &notice(&new));
                }
            }
            Happened::Typed(bytes) => {
                if !String::from_utf8_lossy(&bytes).chars().all(|key| desk.takes(key)) {
                    break;
                }
            }
            Happened::Silence => break,
        }
        desk.settle();
        desk.show();
    }
    desk.clear();
    desk.all_taken
}

fn notice(open: &Open) -> String {
    format!("asks for {}: {}", shown(&open.request.path), printable(&open.request.reason))
}

impl Desk {
    /// Does what a key says; `false`: it is enough.
    fn takes(&mut self, key: char) -> bool {
        // What comes with a key may be the next request already.
        self.settle();
        match std::mem::replace(&mut self.mode, Mode::Keys) {
            Mode::Word(open, mut word) => match key {
                '\r' | '\n' => {
                    let word = word.trim();
                    self.answer(&open, &Answer::Deny((!word.is_empty()).then(|| word.to_owned())));
                }
                // Escape: not now. What else is typed of that word is no answer.
                '\u{1b}' => self.quiet.begin(),
                // Ctrl-C, Ctrl-D: enough.
                '\u{3}' | '\u{4}' => return false,
                _ => {
                    match key {
                        '\u{8}' | '\u{7f}' => drop(word.pop()),
                        key if !key.is_control() => word.push(key),
                        _ => {}
                    }
                    self.mode = Mode::Word(open, word);
                }
            },
            Mode::Keys => return self.takes_key(key),
        }
        true
    }

    fn takes_key(&mut self, key: char) -> bool {
        if matches!(key, 'q' | '\u{3}' | '\u{4}') {
            return false;
        }
        if self.quiet.swallows() {
            return true;
        }
        let Some(open) = self.shown().cloned() else { return true };
        match key {
            'o' => self.answer(&open, &Answer::Once),
            't' => self.answer(&open, &Answer::For(a_while(&open))),
            's' => self.answer(&open, &Answer::Session),
            'd' => self.mode = Mode::Word(Box::new(open), String::new()),
            'n' => self.at += 1,
            _ => {}
        }
        true
    }

    fn shown(&self) -> Option<&Open> {
        let count = self.feed.open.len();
        (count > 0).then(|| &self.feed.open[self.at % count])
    }

    /// Where another request is shown than before, no key that was typed is for it.
    fn settle(&mut self) {
        let shown = match &self.mode {
            Mode::Word(open, _) => Some(&**open),
            Mode::Keys => self.shown(),
        };
        let shown = shown.map(|open| (open.live.session.clone(), open.request.number));
        if self.quiet.looks_at(shown) {
            // One that can't be emptied is waited out.
            let _ = tcflush(stdin(), FlushArg::TCIFLUSH);
        }
    }

    fn answer(&mut self, open: &Open, said: &Answer) {
        self.clear();
        self.feed.answered(open);
        match answer(open, said) {
            Ok(request) => tell(&format!("{}\n", sentence(&open.live.session, &request))),
            Err(error) => {
                self.all_taken = false;
                render::problem(&error);
            }
        }
    }

    /// Takes away what is on the screen.
    fn clear(&mut self) {
        if self.lines > 0 {
            tell(&format!("\u{1b}[{}A\r\u{1b}[J", self.lines));
            self.lines = 0;
        }
    }

    fn show(&mut self) {
        self.clear();
        let width = Screen::of(std::io::stderr()).unwrap_or(Screen::USUAL).width.saturating_sub(1);
        let text = match (&self.mode, self.shown()) {
            (Mode::Word(open, word), _) => {
                let mut lines = about(open, width);
                lines.push(keep_end(&format!("  no, and a word to the agent (Enter: none): {word}"), width));
                lines
            }
            (Mode::Keys, Some(open)) => {
                let mut lines = about(open, width);
                let count = self.feed.open.len();
                if self.quiet.left().is_some() {
                    lines.push(styled(FAINT, "  keys answer in a moment"));
                } else {
                    let keys = keys(&words(a_while(open)), count, width);
                    lines.extend(keys.into_iter().map(|line| styled(NAME, line)));
                }
                lines
            }
            (Mode::Keys, None) => vec![styled(FAINT, "nothing is asked for; q quits")],
        };
        self.lines = text.len();
        tell(&format!("{}\n", text.join("\n")));
    }
}

/// A terminal that is read key by key, until the value ends.
struct Raw(Termios);

impl Raw {
    fn set() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
        raw.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        raw.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no repair.
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.0);
    }
}
