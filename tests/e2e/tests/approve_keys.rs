//! `es-guard approve` on a terminal: what is asked for is shown as it comes in, one key answers it, and the terminal
//! is as it was afterwards.
#![cfg(target_os = "linux")]

use e2e::approver::{agent_says, tells};
use e2e::guard::eventually;
use e2e::play::Play;
use e2e::sandbox::everyone;
use e2e::terminal::{CTRL_C, PROMPT, Terminal};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn all_plays() -> impl Iterator<Item = Play> {
    everyone().into_iter().flat_map(Play::of_every_helper)
}

/// A person's terminal with the list on it. What desktops are told goes to the file `notified`.
fn approves(play: &Play) -> Terminal {
    let bin = play.sandbox.root().join("bin");
    fs::create_dir(&bin).expect("a folder");
    let notifier = bin.join("notify-send");
    fs::write(&notifier, "#!/bin/sh\nprintf '%s|' \"$@\" >>\"${0%/bin/*}/notified\"\n").expect("a program");
    fs::set_permissions(&notifier, fs::Permissions::from_mode(0o755)).expect("a mode");
    play.sandbox.hand_over();
    let mut terminal = Terminal::open(&play.stage, &play.sandbox, false);
    terminal.command("stty -g > before; PATH=$PWD/bin:$PATH; export DISPLAY=:99");
    approve(play, &mut terminal);
    terminal
}

fn approve(play: &Play, terminal: &mut Terminal) {
    terminal.line(
        &format!("$STAGE/es-guard approve --helper {}", play.helper()),
        "nothing is asked for; q quits",
    );
}

fn notified(play: &Play) -> String {
    fs::read_to_string(play.sandbox.root().join("notified")).unwrap_or_default()
}

/// The agent asks; the list shows it.
fn asks(play: &mut Play, terminal: &mut Terminal, line: &str, shown: &[&str]) {
    let (status, told) = agent_says(play, line);
    assert_eq!((status, &told["status"]), (3, &json!("pending")), "{told}");
    for words in shown {
        terminal.shows(words);
    }
}

#[test]
fn seccomp_one_key_answers_each() {
    for mut play in all_plays() {
        let mut terminal = approves(&play);
        let keys = "o once  t for 5 minutes  s for the session  d no  q quit";
        asks(
            &mut play,
            &mut terminal,
            "request zone/a --reason 'it is old' --for 5m",
            &["/zone/a", "it is old", keys],
        );
        eventually("the desktop is told", || notified(&play).ends_with("it is old|"));
        assert!(
            notified(&play).contains("--app-name=es-guard|--|es-guard: sh|asks for "),
            "{}",
            notified(&play)
        );
        terminal.keys("t", "is let through");
        terminal.shows("nothing is asked for");
        assert!(play.removes("a"));
        asks(
            &mut play,
            &mut terminal,
            "request zone/b --reason 'once' --op unlink",
            &["/zone/b (unlink only)", "o once"],
        );
        terminal.keys("o", "is let through");
        assert!(play.removes("b"));
        assert!(!play.removes("b"));
        asks(
            &mut play,
            &mut terminal,
            "request zone/c --reason 'all day'",
            &["/zone/c", "t for 10 minutes", "q quit"],
        );
        terminal.keys("s", "is let through");
        assert!(play.removes("c"));
        // A key that means nothing does nothing; Escape leaves the question open.
        asks(&mut play, &mut terminal, "request zone/d --reason 'why not'", &["/zone/d", "o once"]);
        terminal.keys("xd", "a word to the agent (Enter: none):");
        terminal.keys("\x1b", "o once");
        terminal.keys("d", "(Enter: none):");
        terminal.keys("it is the only one\x7f\x7f\x7fcopy\r", "it is the only copy");
        assert!(!play.removes("d"));
        terminal.shows("nothing is asked for");
        terminal.keys("q", PROMPT);
        terminal.line("echo \"=$?=\"; stty -g | cmp - before && echo sa''me", "=0=\r\nsame");
        terminal.close();
        let story = [
            "request 1",
            "answer 1 until",
            "override added",
            "request 2",
            "answer 2 once",
            "override added",
            "override used",
            "denied",
            "request 3",
            "answer 3 session",
            "override added",
            "request 4",
            "answer 4 deny",
            "denied",
        ];
        tells(&play, &story);
    }
}

#[test]
fn seccomp_several_wait_and_the_next_is_shown_by_a_key() {
    for mut play in all_plays() {
        agent_says(&mut play, "request zone/a --reason first");
        agent_says(&mut play, "request zone/b --reason second");
        let mut terminal = approves_what_waits(&play);
        terminal.shows("n next of 2");
        terminal.keys("n", "/zone/b");
        terminal.shows("o once");
        terminal.keys("o", "is let through");
        // Another person at another terminal has answered meanwhile: it goes from this one's list.
        terminal.shows("/zone/a");
        let granted = play.person(&["override", "grant", &play.path("a").display().to_string()]);
        assert!(granted.status.success(), "{granted:?}");
        terminal.shows("nothing is asked for");
        terminal.keys(CTRL_C, PROMPT);
        terminal.line("stty -g | cmp - before && echo sa''me", "same");
        terminal.close();
        assert!(play.removes("a") && play.removes("b"));
    }
}

fn approves_what_waits(play: &Play) -> Terminal {
    let mut terminal = Terminal::open(&play.stage, &play.sandbox, false);
    terminal.command("stty -g > before");
    terminal.line(&format!("$STAGE/es-guard approve --helper {}", play.helper()), "/zone/a");
    terminal
}

#[test]
fn seccomp_keys_typed_ahead_answer_only_what_was_read() {
    for mut play in all_plays() {
        agent_says(&mut play, "request zone/a --reason first");
        agent_says(&mut play, "request zone/b --reason second");
        let mut terminal = approves_what_waits(&play);
        terminal.shows("n next of 2");
        // The second one was not on the screen when its key was pressed.
        terminal.keys("oo", "zone/a is let through once");
        terminal.shows("/zone/b");
        terminal.shows("o once");
        assert!(play.removes("a") && !play.removes("b"));
        // Nor was this one, when another person's answer has taken away the one before.
        agent_says(&mut play, "request zone/c --reason third");
        terminal.shows("n next of 2");
        let granted = play.person(&["override", "grant", &play.path("b").display().to_string()]);
        assert!(granted.status.success(), "{granted:?}");
        terminal.shows("/zone/c");
        terminal.keys("s", "o once");
        assert!(!play.removes("c"));
        // Whoever leaves in the middle of a word has answered nothing, whatever was typed after it.
        terminal.keys("dnot th", "a word to the agent (Enter: none): not th");
        terminal.keys(CTRL_C, PROMPT);
        terminal.line("stty -g | cmp - before && echo sa''me", "same");
        terminal.close();
        let (status, told) = agent_says(&mut play, "request zone/c --reason third");
        assert_eq!((status, &told["status"]), (3, &json!("pending")), "{told}");
    }
}

#[test]
fn seccomp_a_key_typed_before_the_first_request_is_shown_answers_nothing() {
    for mut play in all_plays() {
        agent_says(&mut play, "request zone/a --reason first");
        let mut terminal = Terminal::open(&play.stage, &play.sandbox, false);
        terminal.command("stty -g > before");
        terminal.types(&format!("$STAGE/es-guard approve --helper {}\rsss", play.helper()));
        terminal.shows("/zone/a");
        terminal.shows("o once");
        terminal.keys("q", PROMPT);
        terminal.close();
        assert!(!play.removes("a"));
    }
}
