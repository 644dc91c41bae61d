//! An agent's work stays in its own process tree, where a session guards it: not with a server in the background that
//! somebody else has started.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Stage, output};
use e2e::row::Who;
use e2e::sandbox::Sandbox;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// A sandbox with a program of this name, which prints what it is given.
fn sandbox(name: &str) -> Sandbox {
    let sandbox = Sandbox::new(Who::User);
    let program = sandbox.root().join(name);
    fs::write(&program, "#!/bin/sh\nprintf '%s|' \"$@\" \"$CLAUDE_CODE_DISABLE_AGENT_VIEW\"\n")
        .expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    sandbox.hand_over();
    sandbox
}

/// What it prints, or what es-guard says instead of starting it.
fn given(stage: &Stage, sandbox: &Sandbox, line: &[&str]) -> (Option<i32>, String) {
    let root = sandbox.root().display().to_string();
    let mut command =
        stage.guard(sandbox, &[&["wrap", "--quiet", "--no-integrate", "--zone", &root, "--"], line].concat());
    let output = output(&mut command);
    let said = String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
    (output.status.code(), said.into_owned())
}

#[test]
fn seccomp_codex_does_its_work_itself_whatever_it_is_told_of() {
    let Some(stage) = Stage::with_engine() else { return };
    let sandbox = sandbox("codex");
    let (_, told) = given(&stage, &sandbox, &["./codex", "resume", "--last"]);
    assert_eq!(told, "-c|hooks.state.es-guard.trusted_hash=none|resume|--last|1|");
    for (line, word) in [(["--remote", "unix://"], "--remote"), (["queue", "--thread"], "queue")] {
        let (status, said) = given(&stage, &sandbox, &[&["./codex"], &line[..]].concat());
        assert_eq!(status, Some(125), "{said}");
        assert!(said.contains(&format!("start codex: `{word}` has the work done by a process")), "{said}");
    }
}

#[test]
fn seccomp_claude_code_has_no_daemon_whatever_starts_it() {
    let Some(stage) = Stage::with_engine() else { return };
    let sandbox = sandbox("claude");
    for line in [&["./claude", "-p"][..], &["sh", "-c", "./claude -p"]] {
        assert_eq!(given(&stage, &sandbox, line), (Some(0), "-p|1|".to_owned()));
    }
    let (status, said) = given(&stage, &sandbox, &["./claude", "--worktree", "--tmux=classic"]);
    assert_eq!(status, Some(125), "{said}");
    // Bare it is as it was.
    let bare = output(stage.command(&sandbox, &Mode::Bare, "./claude".as_ref()).arg("-p"));
    assert_eq!(String::from_utf8_lossy(&bare.stdout), "-p||");
}
