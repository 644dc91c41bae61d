//! Sessions of the system's helper that ask for no engine, where the kernel can judge by itself: both guard.
#![cfg(target_os = "linux")]

use e2e::guard::{Mode, Outcome, Stage, ledgers, read, run};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone};
use helper_daemon::policy::judge::Reason;

fn sandbox(who: Who) -> Sandbox {
    let sandbox = Sandbox::new(who);
    for folder in ["zone", "beside"] {
        std::fs::create_dir(sandbox.root().join(folder)).expect("a folder");
        std::fs::write(sandbox.root().join(folder).join("a"), "old").expect("a file");
    }
    sandbox.hand_over();
    sandbox
}

fn sh(stage: &Stage, sandbox: &Sandbox, options: &[&str], line: &str) -> Outcome {
    let mut command = stage.guard(sandbox, &[&["wrap", "--engine", "auto"], options].concat());
    command.args(["--", "sh", "-c", line]);
    run(sandbox, command)
}

fn reasons(outcome: &Outcome) -> Vec<Reason> {
    outcome.denials.iter().map(|denial| denial.reason).collect()
}

#[test]
fn bpf_lsm_without_an_engine_s_name_both_guard() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let sandbox = sandbox(who);
        let line = "rm zone/a; mv zone/a .; echo 1 > zone/own && rm zone/own && rm beside/a";
        let outcome = sh(&stage, &sandbox, &["--zone", "zone"], line);
        assert_eq!(outcome.status.code(), Some(0), "as {who:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("(bpf-lsm+seccomp, system helper)"), "{}", outcome.stderr);
        // By the upper one: the command is told why.
        assert!(outcome.stderr.contains("not a file permission"), "{}", outcome.stderr);
        assert_eq!(reasons(&outcome), [Reason::Removed, Reason::MovedOut], "as {who:?}");
        assert_eq!(read(&ledgers(&sandbox)[0]).start().expect("a start").1.engine, "bpf-lsm+seccomp");
    }
}

/// What is more than the kernel's tables hold is guarded all the same, unless the kernel was asked for by name.
#[test]
fn bpf_lsm_where_the_kernel_can_t_seccomp_guards_unless_it_was_named() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    let sandbox = sandbox(Who::User);
    let names: Vec<_> = (0..70).map(|number| format!("many/{number}")).collect();
    for name in &names {
        std::fs::create_dir_all(sandbox.root().join(name)).expect("a folder");
        std::fs::write(sandbox.root().join(name).join("a"), "old").expect("a file");
    }
    sandbox.hand_over();
    let zones: Vec<_> = names.iter().flat_map(|name| ["--zone", name.as_str()]).collect();
    let outcome = sh(&stage, &sandbox, &zones, "rm many/0/a; rm many/69/a; rm beside/a");
    assert_eq!(outcome.status.code(), Some(0), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("(seccomp, system helper)"), "{}", outcome.stderr);
    assert_eq!(reasons(&outcome), [Reason::Removed; 2]);
    let named = [&["wrap", "--engine", "bpf-lsm"], &zones[..], &["--", "touch", "ran"]].concat();
    let outcome = run(&sandbox, stage.guard(&sandbox, &named));
    assert_eq!(outcome.status.code(), Some(125), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("64"), "{}", outcome.stderr);
    assert!(!sandbox.root().join("ran").exists());
}

/// Once a process has confined itself nothing is performed for the tree: what the upper engine lets through, the kernel
/// does for who asked, and must not refuse.
#[test]
fn bpf_lsm_gives_way_to_seccomp_once_a_process_confines_itself() {
    let Some(stage) = Stage::with_bpf_lsm() else { return };
    for who in everyone() {
        let sandbox = sandbox(who);
        let git = "git -c user.name=x -c user.email=x@x -c init.defaultBranch=main";
        let mut make = stage.command(&sandbox, &Mode::Bare, "sh".as_ref());
        make.args(["-c", &format!("cd zone && {git} init -q && {git} add a && {git} commit -qm a")]);
        assert!(run(&sandbox, make).status.success());
        let confined = format!("{} $PWD/zone", stage.program("confined").display());
        let line = format!(
            "echo 1 > zone/own; {confined} /bin/sh -c 'rm zone/own || exit 1; rm zone/a && exit 2; rm zone/.git/HEAD && exit 3; \
             cd zone && echo more >> a && {git} commit -qam b || exit 4'"
        );
        let outcome = sh(&stage, &sandbox, &["--zone", "zone"], &line);
        if outcome.status.code() == Some(77) {
            return require::skip("landlock", "the kernel has none");
        }
        assert_eq!(outcome.status.code(), Some(0), "as {who:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("(bpf-lsm+seccomp, system helper)"), "{}", outcome.stderr);
        assert_eq!(reasons(&outcome), [Reason::Removed; 2], "as {who:?}: {}", outcome.stderr);
    }
}
