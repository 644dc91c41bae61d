//! A guarded run on a terminal is the same as a bare one: keys, window size, modes, pipelines, full screens.
#![cfg(target_os = "linux")]

use e2e::guard::{Stage, eventually};
use e2e::require;
use e2e::same::{sandbox, shows_the_same, waits};
use e2e::sandbox::everyone;
use e2e::terminal::{CTRL_BACKSLASH, CTRL_C, Terminal};

#[test]
fn seccomp_keys_that_end_the_agent() {
    shows_the_same(|terminal| {
        // The shell says so when a core was dumped; the one that dies in the agent's place dumps none.
        terminal.command("ulimit -c 0");
        waits(terminal);
        terminal.keys(CTRL_C, "outer$ ");
        terminal.command("echo \"=$?=\"");
        waits(terminal);
        terminal.keys(CTRL_BACKSLASH, "outer$ ");
        terminal.command("echo \"=$?=\"");
        // An agent that goes on after Ctrl-C does. (A shell that is about to read when the signal comes runs its
        // trap only after the line: so it reads a tenth of a second at a time.)
        terminal.line(
            "$G bash -c 'trap \"echo no''t yet\" INT; echo u''p; until read -t 0.1 x; do :; done; read y; echo \"$x-$y\"'",
            "up\r\n",
        );
        terminal.keys(CTRL_C, "not yet\r\n");
        terminal.types("one\rtwo\r");
        terminal.shows("one-two\r\n");
        terminal.shows("outer$ ");
    });
}

#[test]
fn seccomp_size_and_modes_of_the_terminal() {
    shows_the_same(|terminal| {
        terminal.command("$G stty -a");
        terminal.command("$G tty | tr -d 0-9; $G stty size");
        terminal.line(
            "$G bash -c 'trap w=1 WINCH; trap exit INT; echo u''p; while :; do if [ $w ]; then w=; stty size; fi; sleep 0.02; done'",
            "up\r\n",
        );
        terminal.resize(50);
        terminal.shows("50 80\r\n");
        terminal.resize(20);
        terminal.shows("20 80\r\n");
        terminal.keys(CTRL_C, "outer$ ");
        terminal.command("$G stty size");
        // What the agent changes stays changed, and nothing else does.
        terminal.command("stty -g > before; $G true; stty -g | cmp - before && echo sa''me");
        terminal.command("$G stty -ixon; stty -a | grep -o '.ixon'");
        // Killed with the terminal in another mode: as bare, it stays so.
        terminal.command("$G sh -c 'stty -icanon; kill -9 $$'; stty -a | grep -o '.icanon'; stty sane");
    });
}

#[test]
fn seccomp_a_question_with_echo_off() {
    shows_the_same(|terminal| {
        terminal.line("$G bash -c 'read -rsp \"Pass''word: \" x; echo; echo \"[$x]\"'", "Password: ");
        terminal.types("secret\r");
        terminal.shows("[secret]\r\n");
        terminal.shows("outer$ ");
        // Through /dev/tty, with standard input elsewhere.
        terminal.line("echo x | $G sh -c 'read y < /dev/tty; echo \"[$y]\"'", "\r\n");
        terminal.line("typed", "[typed]\r\n");
        terminal.shows("outer$ ");
    });
}

#[test]
fn seccomp_the_terminal_by_each_of_its_names() {
    shows_the_same(|terminal| {
        terminal.command("$G sh -c 'echo one >/dev/tty; echo two >$(tty); echo three >/dev/stdout'");
        terminal.command("$G sh -c 'exec 3<>/dev/tty; echo four >&3; stty size <&3'");
        terminal.line("$G sh -c 'read x </dev/tty; echo \"got $x\" >/dev/tty'", "\r\n");
        terminal.line("five", "got five\r\n");
        terminal.shows("outer$ ");
        // Without a controlling terminal there is none to open.
        terminal.command("$G setsid --wait sh -c 'echo >/dev/tty' 2>/dev/null; echo \"=$?=\"");
        // A program with a terminal of its own has that one.
        terminal.command("$G script -qec 'echo six >/dev/tty; tty' /dev/null </dev/null | sed 's/[0-9]//g'");
    });
}

#[test]
fn seccomp_pipelines() {
    shows_the_same(|terminal| {
        terminal.command("printf 'b\\na\\n' | $G sort | cat -n; echo \"=${PIPESTATUS[*]}=\"");
        terminal.command("$G yes | head -n 1; echo \"=${PIPESTATUS[*]}=\"");
        terminal.command("$G yes | $G head -n 1; echo \"=${PIPESTATUS[*]}=\"");
        terminal.line("cat | $G cat | cat", "\r\n");
        terminal.line("one", "one\r\none\r\n");
        terminal.stops("outer$ ");
        terminal.command("jobs");
        terminal.line("fg", "cat\r\n");
        terminal.line("two", "two\r\ntwo\r\n");
        terminal.keys(CTRL_C, "outer$ ");
        terminal.command("echo \"=$?=\"");
    });
}

#[test]
fn seccomp_full_screen_programs() {
    for program in ["vi", "less"] {
        let found = std::process::Command::new("which").arg(program).output();
        if !found.is_ok_and(|output| output.status.success()) {
            require::skip("tools", program);
            return;
        }
    }
    shows_the_same(|terminal| {
        terminal.line("$G less zone/text", "\x1b[7mzone/text");
        terminal.keys("/line 50\r", "line 50");
        terminal.shows(":");
        terminal.keys("G", "(END)");
        terminal.keys("q", "outer$ ");
        // Where it leaves the cursor is the last thing it draws.
        terminal.line("$G vi -u NONE -i NONE -n -c 'set ruler' zone/text", "Top\x1b[1;1H");
        terminal.keys("50G", "49%\x1b[12;1H");
        terminal.keys("dd:f\r", "50,1\x1b[10C50%\x1b[12;1H");
        terminal.shows("99 lines");
        terminal.shows("\x1b[12;1H");
        terminal.keys("inew \x1b:f\r", "99 lines");
        terminal.shows("\x1b[12;4H");
        terminal.stops("outer$ ");
        terminal.line("fg", "50,4");
        terminal.shows("\x1b[12;4H");
        terminal.resize(30);
        terminal.shows("50,4");
        terminal.shows("\x1b[15;4H");
        terminal.keys(":wq\r", "outer$ ");
        terminal.command("sed -n 50p zone/text");
    });
}

#[test]
fn seccomp_the_agent_ends_when_the_window_is_closed() {
    let Some(stage) = Stage::with_engine() else { return };
    for (who, guarded) in everyone().into_iter().flat_map(|who| [(who, false), (who, true)]) {
        let sandbox = sandbox(who);
        let mut terminal = Terminal::open(&stage, &sandbox, guarded);
        // Holds a pipe open as long as it lives, and tells that it was hung up.
        terminal.line("mkfifo life; $G bash -c 'trap \"echo hung > why; exit\" HUP; exec 7> life; echo u''p; while :; do sleep 0.02; done' & cat life > /dev/null", "up\r\n");
        terminal.hang_up();
        let found = || std::fs::read_to_string(sandbox.root().join("why")).unwrap_or_default();
        eventually("the agent is hung up", || found() == "hung\n");
    }
}
