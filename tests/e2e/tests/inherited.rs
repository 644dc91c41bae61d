//! What a process is given and what it leaves: guarded it is the same as bare. Every line of shell here is run
//! both ways, with `$G` nothing or a guarded run, and must print the same and end the same.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Outcome, Stage, ledgers, run};
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use std::io::{Read, Write};
use std::process::Stdio;

/// Runs a line of shell in which `$G` is nothing, or guards with these options.
fn bash(stage: &Stage, sandbox: &Sandbox, guarded: Option<&str>, line: &str) -> Outcome {
    let guard = guarded.map(|options| stage.guard_words(options)).unwrap_or_default();
    let mut command = stage.command(sandbox, &Mode::Bare, "bash".as_ref());
    command.args(["-c", line]).env("G", guard);
    run(sandbox, command)
}

/// Runs a line of shell in a sandbox of its own.
fn shell(stage: &Stage, who: Who, guarded: bool, line: &str) -> Outcome {
    let sandbox = Sandbox::new(who);
    std::fs::create_dir(sandbox.root().join("zone")).expect("a zone");
    std::fs::write(sandbox.root().join("zone/a"), "old").expect("a file");
    sandbox.hand_over();
    let options = format!("--quiet --zone {}", sandbox.root().join("zone").display());
    let mut outcome = bash(stage, &sandbox, guarded.then_some(options.as_str()), line);
    assert_eq!(
        ledgers(&sandbox).len(),
        if guarded { line.matches("$G").count() } else { 0 },
        "sessions: {outcome:?}"
    );
    for text in [&mut outcome.stdout, &mut outcome.stderr] {
        *text = text.replace(&*sandbox.root().to_string_lossy(), "ROOT");
    }
    outcome
}

fn seccomp_same(lines: &[&str]) {
    let told = |o: &Outcome| (o.status.code(), o.stdout.clone(), o.stderr.clone());
    for stage in &mut Stage::of_every_helper() {
        for (who, line) in everyone().into_iter().flat_map(|who| lines.iter().map(move |line| (who, line))) {
            let (bare, guarded) = (shell(stage, who, false, line), shell(stage, who, true, line));
            let systems = stage.system_helper().is_some();
            assert_eq!(told(&guarded), told(&bare), "as {who:?}, system helper: {systems}: {line}");
        }
    }
}

#[test]
fn seccomp_exit_status() {
    seccomp_same(&[
        "$G true",
        "$G sh -c 'exit 1'",
        "$G sh -c 'exit 42'",
        "$G sh -c 'exit 125'",
        "$G sh -c 'exit 255'; echo $?",
        "{ $G sh -c 'kill -TERM $$'; echo $?; } 2> /dev/null",
        "{ $G sh -c 'kill -QUIT $$'; echo $?; } 2> /dev/null",
    ]);
}

/// As `waitpid` has it, not only as a shell says it.
#[test]
fn seccomp_the_signal_that_ended_the_agent_ends_wrap() {
    use std::os::unix::process::ExitStatusExt;
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        for signal in [1, 2, 3, 6, 9, 11, 13, 15, 34] {
            let sandbox = Sandbox::new(who);
            sandbox.hand_over();
            // Whoever runs the tests may have some of them ignored.
            let mut command = stage.command(&sandbox, &Mode::Bare, "env".as_ref());
            command.arg("--default-signal").arg(stage.program("es-guard"));
            command.args(["wrap", "--zone", ".", "--", "sh", "-c", &format!("kill -{signal} $$")]);
            assert_eq!(run(&sandbox, command).status.signal(), Some(signal), "as {who:?}");
        }
    }
}

#[test]
fn seccomp_signals_that_are_ignored_and_held_back() {
    seccomp_same(&[
        "$G grep '^Sig[BIC]' /proc/self/status",
        "env --ignore-signal=PIPE,INT,QUIT,TSTP,CHLD $G grep '^Sig[BIC]' /proc/self/status",
        "env --block-signal=USR1,TERM,CONT,TTOU $G grep '^Sig[BIC]' /proc/self/status",
        "nohup $G grep '^Sig[BIC]' /proc/self/status",
        // Ended by SIGPIPE, or by the failed write when that is ignored.
        "$G yes | head -n 1; echo ${PIPESTATUS[0]}",
        "trap '' PIPE; $G yes | head -n 1; echo ${PIPESTATUS[0]}",
    ]);
}

#[test]
fn seccomp_descriptors() {
    let list = "for fd in /proc/self/fd/*; do echo ${fd##*/} $(readlink $fd); done | sed \"s/[0-9]*]//\"";
    seccomp_same(&[
        &format!("$G bash -c '{list}'"),
        &format!("exec 3< zone/a 4> x 5>> x 6<> x 7< . 8< <(true) 9>&1 20< zone/a; $G bash -c '{list}'"),
        // Shared offsets: what the agent has read, the shell does not read again.
        "exec 3< zone/a; $G head -c 1 <&3; cat <&3",
        "$G sh -c 'echo out; echo err >&2'",
        "echo in | $G cat -",
    ]);
}

/// Under the system's helper every open for writing is performed for the agent.
#[test]
fn seccomp_what_is_opened_for_writing() {
    seccomp_same(&[
        "$G sh -c 'mkfifo f; (sleep 0.1; cat f) & echo through >f; wait'",
        "$G sh -c 'mkfifo f; (sleep 0.1; echo writes; echo >f) & $STAGE/assault open creat f; echo opened; wait'",
        "$G sh -c 'echo out >/dev/stdout; echo err >/dev/stderr; echo >/dev/null; echo full >/dev/full'",
        "$G sh -c 'umask 027; echo a >n; ln -s later dangling; echo b >dangling; stat -c \"%a %n\" n later'",
        "$G sh -c 'echo 1 >>zone/a; echo 2 >>zone/a; cat zone/a; : >zone/a; stat -c %s zone/a'",
        "$G sh -c 'echo 100 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj'",
        "$G sh -c 'mkdir d; echo >d; echo >d/; echo >none/x; echo >zone/a/x; echo >new/; ln -s x x; echo >x'",
        "$G sh -c 'exec 3<>zone/a; echo by its descriptor >/proc/self/fd/3; cat zone/a'",
        "$G sh -c 'echo x >n; chmod 400 n; echo y >n; cat n'",
        "$G bash -c 'set -C; echo x >zone/a'",
        "$G truncate -s 2 zone/a; cat zone/a; $G truncate -s 3 none zone; ls none",
        "$G dd if=/dev/zero of=zone/a bs=1 count=1 seek=1 conv=notrunc status=none; od -c zone/a",
        "$G python3 -c 'import os; f = os.open(\".\", os.O_TMPFILE | os.O_RDWR); os.write(f, b\"x\"); print(os.fstat(f).st_nlink)'",
        "$G sh -c 'ulimit -n 4; exec 3>a; exec 4>b'; ls -s a b",
    ]);
}

#[test]
fn seccomp_credentials_limits_and_the_rest() {
    let status = "^(Umask|State|Uid|Gid|Groups|Threads|Sig[BIC]|Cap|Cpus_allowed|Mems_allowed|CoreDumping)";
    seccomp_same(&[
        &format!("$G grep -E '{status}' /proc/self/status"),
        &format!("umask 027; taskset 1 $G grep -E '{status}' /proc/self/status"),
        // What is added says what session this is, and keeps an agent's work in it.
        "A='b c' Z= $G env | grep -v '^ES_GUARD_SESSION=\\|^ES_GUARD_DOOR=\\|^CLAUDE_CODE_DISABLE_AGENT_VIEW=\\|^_=\\|^G=\\|^HOME=\\|ES_GUARD_HOME='",
        "$G bash -c 'ulimit -Sa; ulimit -Ha'",
        "ulimit -Sn 100; ulimit -Ss 1000; ulimit -Sc 0; ulimit -Hn 200; $G bash -c 'ulimit -Sa; ulimit -Ha'",
        "nice -n 5 $G nice",
        "umask 077; $G sh -c 'umask; touch m; stat -c %a m'",
        "cd zone; $G pwd -P",
        "$G cat /proc/self/oom_score_adj /proc/self/coredump_filter /proc/self/cgroup",
        "setarch --addr-no-randomize $G cat /proc/self/personality",
        // A file of /proc is root's when the process can't be read by its user.
        "$G stat -c %u /proc/self/status",
        "$G sh -c 'echo $0 \"$@\"' a 'b c' '' $'\\xff'",
    ]);
}

#[test]
fn seccomp_commands_that_can_not_be_run() {
    let Some(stage) = Stage::with_engine() else { return };
    let line = "touch plain; mkdir dir; echo echo ran > script; chmod +x script
        printf '#!/none\\n' > orphan; chmod +x orphan
        for c in ./none none-such ./plain ./dir ./script ./orphan ''; do $G \"$c\" 2> /dev/null; echo \"$c $?\"; done";
    for who in everyone() {
        for guarded in [false, true] {
            let sandbox = Sandbox::new(who);
            sandbox.hand_over();
            let told = bash(&stage, &sandbox, guarded.then_some("--quiet --zone ."), line).stdout;
            // Without its interpreter a script is "not found" to execve, and bash has 126 for it or 127.
            let told = told.replace("./orphan 126", "./orphan 127");
            let expected =
                "./none 127\nnone-such 127\n./plain 126\n./dir 126\nran\n./script 0\n./orphan 127\n 127\n";
            assert_eq!(told, expected, "as {who:?}, guarded: {guarded}");
        }
    }
}

/// A megabyte of every byte, through pipes in both directions at once.
#[test]
fn seccomp_bytes_pass_through_unchanged() {
    let Some(stage) = Stage::with_engine() else { return };
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let bytes: Vec<u8> = (0..1 << 20).map(next).collect();
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        sandbox.hand_over();
        let mode = Mode::Guarded { zones: vec![sandbox.root()], policy: None };
        let mut command = stage.command(&sandbox, &mode, "cat".as_ref());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a run");
        let mut into = child.stdin.take().expect("a pipe");
        let written = bytes.clone();
        let writer = std::thread::spawn(move || into.write_all(&written).expect("a reader"));
        let mut read = Vec::new();
        child.stdout.take().expect("a pipe").read_to_end(&mut read).expect("a writer");
        writer.join().expect("all is written");
        assert!(child.wait().expect("its end").success());
        assert!(read == bytes, "as {who:?}: {} bytes came back, or others", read.len());
    }
}

/// Without `--quiet` es-guard speaks on standard error; standard output is the agent's alone.
#[test]
fn seccomp_only_the_agent_writes_to_standard_output() {
    let Some(stage) = Stage::with_engine() else { return };
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        std::fs::write(sandbox.root().join("a"), "old").expect("a file");
        sandbox.hand_over();
        let mut command = stage.guard(&sandbox, &["wrap", "--zone", "."]);
        command.args(["--", "sh", "-c", "echo out; echo err >&2; rm -f a 2> /dev/null"]);
        let outcome = run(&sandbox, command);
        assert_eq!(outcome.stdout, "out\n");
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        assert!(lines[0].starts_with("es-guard: guarding "), "{}", outcome.stderr);
        assert_eq!(lines[1], "err");
        assert_eq!(lines[2], "es-guard: blocked 1 operation", "{}", outcome.stderr);
        for closed in [">&-", "2>&-", "<&-", "<&- >&- 2>&-"] {
            let line = format!("$G sh -c 'echo out; exit 3' {closed}");
            let outcome = bash(&stage, &sandbox, Some("--zone ."), &line);
            assert_eq!(outcome.status.code(), Some(3), "{closed}");
        }
    }
}
