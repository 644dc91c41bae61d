//! Job control: `wrap` is the job that a shell sees, and the agent's family is what it stands for. Where one stops
//! the other does, by the same signal, and goes on with it, also when the helper is dead.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Mode, Stage, eventually};
use e2e::require::{Pace, pace};
use e2e::same::{sandbox, shows_the_same, waits};
use e2e::sandbox::{Sandbox, everyone};
use e2e::terminal::{CTRL_C, CTRL_D, Terminal};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

fn mode(sandbox: &Sandbox) -> Mode {
    Mode::Guarded { zones: vec![sandbox.root().join("zone")], policy: None }
}

fn seccomp_agents(play: impl Fn(&Stage, &Sandbox)) {
    if let Some(stage) = Stage::with_engine() {
        everyone().into_iter().for_each(|who| play(&stage, &sandbox(who)));
    }
}

#[test]
fn seccomp_stopping_and_going_on() {
    shows_the_same(|terminal| {
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
    shows_the_same(|terminal| {
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
    shows_the_same(|terminal| {
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
fn seccomp_the_terminal_is_restored_after_a_stop() {
    shows_the_same(|terminal| {
        terminal.line("$G bash -c 'stty -ixon; echo u''p; cat'", "up\r\n");
        terminal.stops("outer$ ");
        terminal.command("stty -a | grep -o '.ixon'");
        terminal.line("fg", "cat'\r\n");
        terminal.line("one", "one\r\none\r\n");
        terminal.keys(CTRL_C, "outer$ ");
        terminal.command("stty -a | grep -o '.ixon'");
    });
}

/// In a script there is no job control: an agent that stops itself holds the script up and nothing else, and
/// goes on when somebody continues it.
#[test]
fn seccomp_an_agent_that_stops_itself_in_a_script() {
    shows_the_same(|terminal| {
        terminal.command(
            "echo \"$G sh -c 'echo \\$\\$ > pid; kill -STOP \\$\\$; echo on'; echo after\" > script",
        );
        terminal.command(
            "sh script & until [ -s pid ] && grep -q 'State:.T' /proc/$(cat pid)/status; do sleep 0.01; done",
        );
        terminal.command("jobs");
        // For this job alone: after a `wait` for all, whether the shell also says "Done" is a matter of timing.
        terminal.command("kill -CONT $(cat pid); wait $!; echo do''ne");
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

/// A shell that waits for its job must be told when the job is stopped and when it goes on.
#[test]
fn seccomp_wrap_stops_and_goes_on_with_the_agent() {
    seccomp_agents(|stage, sandbox| {
        let mut agent = Agent::start(stage.command(sandbox, &mode(sandbox), "sh".as_ref()));
        let state = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
        };
        let shell: u32 = agent.says("echo $$").parse().expect("a number");
        for signal in ["STOP", "TSTP", "TTIN", "TTOU"].into_iter().cycle().take(40) {
            agent.is_told(&format!("kill -{signal} $$"));
            eventually("wrap stops", || state(agent.pid()) == Some('T'));
            // By the agent's pid or by wrap's.
            let whom = if signal == "TSTP" { agent.pid() } else { shell };
            kill(Pid::from_raw(whom as i32), Signal::SIGCONT).expect("a process");
            assert_eq!(agent.does("true"), 0);
            eventually("wrap goes on", || state(agent.pid()) != Some('T'));
        }
        // Continued at once, or ended while stopped: nobody stays behind.
        for _ in 0..20 {
            assert_eq!(agent.does("( sleep 0.001; kill -CONT $$ ) & kill -STOP $$"), 0);
        }
        agent.is_told("kill -STOP $$");
        eventually("wrap stops", || state(agent.pid()) == Some('T'));
        kill(Pid::from_raw(shell as i32), Signal::SIGKILL).expect("a process");
        let (status, _) = agent.ends();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
    });
}

/// A shell tells by which signal its job was stopped. Whoever is continued may be stopped again before it runs.
#[test]
fn seccomp_wrap_stops_by_the_agents_own_signal_however_fast_it_goes_on_and_stops() {
    let rounds = if pace() == Pace::Slow { 100 } else { 900 };
    seccomp_agents(|stage, sandbox| {
        for dead in [false, true] {
            let mut agent = Agent::start(stage.command(sandbox, &mode(sandbox), "sh".as_ref()));
            let helper: i32 = agent.says("echo $PPID").parse().expect("a number");
            if dead {
                kill(Pid::from_raw(helper), Signal::SIGKILL).expect("a helper");
                assert_eq!(
                    agent.says(&format!("while [ -r /proc/{helper}/exe ]; do :; done; echo dead")),
                    "dead"
                );
            }
            let group = Pid::from_raw(agent.pid() as i32);
            let stops = || match waitpid(group, Some(WaitPidFlag::WUNTRACED)).expect("a change") {
                WaitStatus::Stopped(_, signal) => signal,
                other => panic!("{other:?}"),
            };
            killpg(group, Signal::SIGTSTP).expect("a group");
            assert_eq!(stops(), Signal::SIGTSTP);
            for round in 0..rounds {
                killpg(group, Signal::SIGCONT).expect("a group");
                // Every moment of its going on is met once.
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_micros(round % 300) {}
                killpg(group, Signal::SIGTSTP).expect("a group");
                assert_eq!(stops(), Signal::SIGTSTP, "round {round}, the helper dead: {dead}");
            }
            killpg(group, Signal::SIGCONT).expect("a group");
            assert_eq!(agent.says("echo up"), "up");
            assert!(agent.ends().0.success());
        }
    });
}

/// What continued the job last holds, also while `wrap` is still busy with the stop before.
#[test]
fn seccomp_a_job_that_is_continued_last_goes_on_however_fast_it_was_stopped() {
    let rounds = if pace() == Pace::Slow { 50 } else { 300 };
    seccomp_agents(|stage, sandbox| {
        let mut agent = Agent::start(stage.command(sandbox, &mode(sandbox), "sh".as_ref()));
        assert_eq!(agent.says("echo up"), "up");
        let group = Pid::from_raw(agent.pid() as i32);
        let spins = |micros| {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(micros) {}
        };
        for round in 0..rounds {
            killpg(group, Signal::SIGTSTP).expect("a group");
            waitpid(group, Some(WaitPidFlag::WUNTRACED)).expect("a stop");
            killpg(group, Signal::SIGCONT).expect("a group");
            spins(round % 97);
            killpg(group, Signal::SIGTSTP).expect("a group");
            spins(round % 300);
            killpg(group, Signal::SIGCONT).expect("a group");
            assert_eq!(agent.says("echo up"), "up");
        }
        assert!(agent.ends().0.success());
    });
}

/// A stop while the session is being started is one of the session: nobody waits for a process that nobody continues.
#[test]
fn seccomp_wrap_stops_at_every_moment_of_its_start() {
    let rounds = if pace() == Pace::Slow { 15 } else { 60 };
    seccomp_agents(|stage, sandbox| {
        for round in 0..rounds {
            let mut command = stage.command(sandbox, &mode(sandbox), "sh".as_ref());
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            let mut agent = Agent::start(command);
            let group = Pid::from_raw(agent.pid() as i32);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(round * 150) {}
            killpg(group, Signal::SIGTSTP).expect("a group");
            let stopped = waitpid(group, Some(WaitPidFlag::WUNTRACED)).expect("a change");
            assert_eq!(stopped, WaitStatus::Stopped(group, Signal::SIGTSTP), "round {round}");
            killpg(group, Signal::SIGCONT).expect("a group");
            assert_eq!(agent.says("echo up"), "up");
            assert!(agent.ends().0.success());
        }
    });
}
