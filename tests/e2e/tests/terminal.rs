//! On a terminal nobody can tell a guarded run from a bare one: the same keys are pressed in both, and the same
//! must appear. What differs from run to run by itself (process ids, the sandbox's name) is taken out.

use e2e::guard::{Stage, eventually};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use e2e::terminal::Terminal;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_BACKSLASH: &str = "\x1c";

/// With a zone `zone` in which a text of a hundred lines is.
fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    let text: String = (1..=100).map(|n| format!("line {n}\n")).collect();
    std::fs::write(sandbox.root().join("zone/text"), text).expect("a file");
    sandbox.hand_over();
    sandbox
}

fn transcript(stage: &Stage, who: Who, guarded: bool, play: impl Fn(&mut Terminal)) -> String {
    let sandbox = sandbox(who);
    let mut terminal = Terminal::open(stage, &sandbox, guarded);
    play(&mut terminal);
    steady(&terminal.close().replace(&*sandbox.root().to_string_lossy(), "ROOT"))
}

/// Numbers of three digits and more are process ids, but for exit statuses, which are printed as `=130=`.
fn steady(text: &str) -> String {
    let mut out = String::new();
    // Which of its jobs a shell calls the current one depends on when it hears of an end.
    let text = text.replace("[1]-", "[1]+");
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let kept = digits.len() < 3 || out.ends_with('=');
        out.push_str(if kept { digits } else { "PID" });
        out.push_str(&part[digits.len()..]);
    }
    out
}

fn seccomp_shows_the_same(play: impl Fn(&mut Terminal)) {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let bare = transcript(&stage, who, false, &play);
        let guarded = transcript(&stage, who, true, &play);
        if guarded != bare {
            panic!("as {who:?}\nBARE:\n{bare:?}\nGUARDED:\n{guarded:?}");
        }
    }
}

/// Runs a command that has said that it runs, and only waits.
fn waits(terminal: &mut Terminal) {
    terminal.line("$G sh -c 'echo wai''ting; exec sleep 1000'", "waiting\r\n");
}

#[test]
fn seccomp_keys_that_end_the_agent() {
    seccomp_shows_the_same(|terminal| {
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
fn seccomp_stopping_and_going_on() {
    seccomp_shows_the_same(|terminal| {
        terminal.line("$G cat", "\r\n");
        terminal.line("one", "one\r\none\r\n");
        terminal.stops("outer$ ");
        terminal.command("echo \"=$?=\"");
        terminal.command("jobs");
        terminal.line("fg", "cat\r\n");
        terminal.line("two", "two\r\ntwo\r\n");
        terminal.stops("outer$ ");
        // In the background it reads from the terminal and is stopped for that.
        terminal.command("bg; until jobs -s | grep -q .; do sleep 0.01; done");
        terminal.command("jobs");
        terminal.line("fg", "cat\r\n");
        terminal.line("three", "three\r\nthree\r\n");
        terminal.keys(CTRL_D, "outer$ ");
        terminal.command("echo \"=$?=\"; jobs");
        // A stopped job is ended by its shell.
        waits(terminal);
        terminal.stops("outer$ ");
        terminal.command("kill %1; while jobs | grep -q 'Stop\\|Run'; do sleep 0.01; done");
    });
}

#[test]
fn seccomp_jobs_in_the_background() {
    seccomp_shows_the_same(|terminal| {
        terminal.command("$G sh -c 'exit 7' & wait $!; echo \"=$?=\"");
        terminal.command("$G sh -c 'echo > up; exec sleep 1000' & until [ -s up ]; do sleep 0.01; done");
        terminal.command("jobs");
        terminal.command("kill -INT %1; wait %1; echo \"=$?=\"");
        // Background output to a terminal that forbids it stops the job.
        terminal.command("stty tostop");
        terminal.command("$G echo sha''ll wait & until jobs -s | grep -q .; do sleep 0.01; done");
        terminal.command("stty -tostop");
        terminal.line("fg", "shall wait\r\n");
        terminal.shows("outer$ ");
    });
}

#[test]
fn seccomp_a_shell_with_jobs_of_its_own() {
    seccomp_shows_the_same(|terminal| {
        terminal.line("PS1='in''ner> ' $G bash --norc --noprofile --noediting -i", "inner> ");
        terminal.line("cat", "\r\n");
        terminal.line("one", "one\r\none\r\n");
        terminal.stops("inner> ");
        terminal.line("jobs", "inner> ");
        terminal.line("fg", "cat\r\n");
        terminal.line("two", "two\r\ntwo\r\n");
        terminal.stops("inner> ");
        terminal.line("jobs", "inner> ");
        terminal.line("kill %1; while jobs | grep -q 'Stop\\|Run'; do sleep 0.01; done", "inner> ");
        terminal.line("sh -c 'echo wai''ting; exec sleep 1000'", "waiting\r\n");
        terminal.keys(CTRL_C, "inner> ");
        terminal.line("echo \"=$?=\"", "inner> ");
        // The inner shell stops as a whole, comes back, and has the terminal again.
        terminal.line("suspend", "outer$ ");
        terminal.command("jobs");
        terminal.line("fg", "inner> ");
        terminal.line("cat", "\r\n");
        terminal.line("one", "one\r\none\r\n");
        terminal.keys(CTRL_D, "inner> ");
        terminal.line("exit 5", "outer$ ");
        terminal.command("echo \"=$?=\"");
    });
}

#[test]
fn seccomp_size_and_modes_of_the_terminal() {
    seccomp_shows_the_same(|terminal| {
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
fn seccomp_the_terminal_is_restored_after_a_stop() {
    seccomp_shows_the_same(|terminal| {
        terminal.line("$G bash -c 'stty -ixon; echo u''p; cat'", "up\r\n");
        terminal.stops("outer$ ");
        terminal.command("stty -a | grep -o '.ixon'");
        terminal.line("fg", "cat'\r\n");
        terminal.line("one", "one\r\none\r\n");
        terminal.keys(CTRL_C, "outer$ ");
        terminal.command("stty -a | grep -o '.ixon'");
    });
}

#[test]
fn seccomp_a_question_with_echo_off() {
    seccomp_shows_the_same(|terminal| {
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
fn seccomp_pipelines() {
    seccomp_shows_the_same(|terminal| {
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

/// In a script there is no job control: an agent that stops itself holds the script up and nothing else, and
/// goes on when somebody continues it.
#[test]
fn seccomp_an_agent_that_stops_itself_in_a_script() {
    seccomp_shows_the_same(|terminal| {
        terminal.command(
            "echo \"$G sh -c 'echo \\$\\$ > pid; kill -STOP \\$\\$; echo on'; echo after\" > script",
        );
        terminal.command(
            "sh script & until [ -s pid ] && grep -q 'State:.T' /proc/$(cat pid)/status; do sleep 0.01; done",
        );
        terminal.command("jobs");
        terminal.command("kill -CONT $(cat pid); wait; echo do''ne");
    });
}

/// Killed from outside while the agent runs, or while it is stopped: what is guarded fails, and nothing else
/// does.
#[test]
fn seccomp_stopping_and_going_on_when_the_helper_is_dead() {
    let Some(stage) = Stage::with_engine() else { return };
    for (who, while_stopped) in everyone().into_iter().flat_map(|who| [(who, false), (who, true)]) {
        let sandbox = sandbox(who);
        let mut terminal = Terminal::open(&stage, &sandbox, true);
        terminal.line(
            "$G sh -c 'echo $PPID > helper; cat; rm -f zone/text; echo \"=$?=\"; cat zone/text | tail -n 1; exit 9'",
            "\r\n",
        );
        terminal.line("one", "one\r\none\r\n");
        if while_stopped {
            terminal.stops("outer$ ");
        }
        let helper = std::fs::read_to_string(sandbox.root().join("helper")).expect("a file");
        let helper = Pid::from_raw(helper.trim().parse().expect("a process"));
        kill(helper, Signal::SIGKILL).expect("a helper");
        // The agent has another parent once it is dead.
        let dead = || {
            std::fs::read_to_string(format!("/proc/{helper}/stat")).map_or(true, |stat| stat.contains(") Z "))
        };
        eventually("the helper dies", dead);
        if while_stopped {
            terminal.line("fg", "exit 9'\r\n");
        }
        for word in ["two", "three"] {
            terminal.line(word, &format!("{word}\r\n{word}\r\n"));
            terminal.stops("outer$ ");
            terminal.line("echo \"=$?=\"; jobs", "=148=\r\n");
            terminal.shows("Stopped");
            terminal.shows("outer$ ");
            terminal.line("fg", "exit 9'\r\n");
        }
        terminal.keys(CTRL_D, "=1=\r\nline 100\r\n");
        terminal.shows("the helper died: from then on every guarded operation failed");
        terminal.shows("outer$ ");
        terminal.line("echo \"=$?=\"", "=9=\r\n");
        terminal.close();
    }
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
    seccomp_shows_the_same(|terminal| {
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
