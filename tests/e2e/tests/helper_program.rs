//! `es-guard-helper` and `es-guard helper` without systemd: what they say of themselves, and what installing writes
//! below a root directory. As a service the helper is tried in `service.rs`.
#![cfg(target_os = "linux")]

use e2e::agent::Agent;
use e2e::guard::{Stage, eventually, output};
use e2e::require;
use e2e::row::Who;
use e2e::sandbox::{Sandbox, everyone, is_root};
use e2e::system::ACCOUNT;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A helper, killed with the value.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A helper of the stage at its own places, with standard error in a file.
fn helper(stage: &Stage, notify: &Path) -> Helper {
    let log = fs::File::options().create(true).append(true).open(stage.program("log")).expect("a log");
    let child = Command::new(stage.program("es-guard-helper"))
        .arg("--socket")
        .arg(stage.program("own.sock"))
        .arg("--state")
        .arg(stage.program("state"))
        .args(["--account", ACCOUNT])
        .env_clear()
        .env("NOTIFY_SOCKET", notify)
        .stdin(Stdio::null())
        .stderr(log)
        .spawn();
    Helper(child.expect("a helper"))
}

fn told(stage: &Stage, what: &str) -> bool {
    fs::read_to_string(stage.program("log")).is_ok_and(|log| log.contains(what))
}

/// The next message that is not only a status.
fn next(manager: &UnixDatagram) -> String {
    let mut message = [0; 4096];
    loop {
        let length = manager.recv(&mut message).expect("a message of the helper's");
        let text = String::from_utf8_lossy(&message[..length]).into_owned();
        if !text.starts_with("STATUS=") {
            return text;
        }
    }
}

#[test]
fn seccomp_a_service_manager_hears_of_start_reload_and_end_and_the_next_helper_of_what_was_lost() {
    if !is_root() {
        return require::skip("root", "a system helper is root's");
    }
    let stage = Stage::new();
    if !stage.has_engine() {
        return;
    }
    let manager = UnixDatagram::bind(stage.program("notify")).expect("a service manager");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    let mut first = helper(&stage, &stage.program("notify"));
    let pid = Pid::from_raw(first.0.id() as i32);
    assert_eq!(next(&manager), "READY=1\n");
    assert!(told(&stage, "level=info msg=listening socket="), "it is said before it is told");

    let sandbox = Sandbox::new(Who::User);
    fs::write(sandbox.root().join("old"), "old").expect("a file");
    sandbox.hand_over();
    let socket = stage.program("own.sock");
    let socket = socket.to_str().expect("a path");
    let mut agent = Agent::start(
        stage.guard(&sandbox, &["wrap", "--quiet", "--helper", socket, "--zone", ".", "--", "sh"]),
    );
    assert_eq!(agent.does("rm old"), 1);
    eventually("the session is told of", || told(&stage, "msg=\"session armed\" session="));

    kill(pid, Signal::SIGHUP).expect("a helper");
    let reloading = next(&manager);
    let at = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("what notify-reload wants");
    assert!(at.trim_end().parse::<u64>().is_ok_and(|usec| usec > 0), "{reloading}");
    assert_eq!(next(&manager), "READY=1\n");
    assert!(told(&stage, "msg=\"session guarded\" session=") && told(&stage, "msg=reloaded sessions=1"));
    assert_eq!(agent.does("rm old"), 1);
    assert_eq!(agent.does("touch own; rm own"), 0);

    // A second one is refused, and does no harm.
    let mut second = helper(&stage, Path::new("/nowhere"));
    assert!(!second.0.wait().expect("its end").success());
    eventually("why is told", || told(&stage, "another helper is already there"));
    assert_eq!(agent.does("touch own; rm own"), 0);

    kill(pid, Signal::SIGTERM).expect("a helper");
    assert_eq!(next(&manager), "STOPPING=1\n");
    assert!(first.0.wait().expect("its end").success());
    assert!(told(&stage, "msg=\"stopping: the workers of live sessions go on judging"));
    assert!(!stage.program("own.sock").exists());
    // Nobody listens; what judges the session goes on.
    assert_eq!(agent.does("rm old"), 1);
    assert_eq!(agent.does("touch own; rm own"), 0);

    let mut third = helper(&stage, &stage.program("notify"));
    assert_eq!(next(&manager), "READY=1\n");
    eventually("the session has come back", || told(&stage, "msg=\"session taken up again\" session="));
    // With all its processes it is lost, and that is told.
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let workers: Vec<_> = processes.filter(|entry| is_worker_of(&entry.path(), socket)).collect();
    assert!(!workers.is_empty());
    kill(Pid::from_raw(third.0.id() as i32), Signal::SIGKILL).expect("a helper");
    third.0.wait().expect("its end");
    for worker in workers {
        let pid = worker.file_name().to_string_lossy().parse().expect("a number");
        // Its clerk ends with it.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _fourth = helper(&stage, Path::new("/nowhere"));
    eventually("who was lost is told", || told(&stage, "msg=\"sessions could not be kept\" sessions=1"));
    assert_ne!(agent.does("rm old"), 0);
    assert!(sandbox.root().join("old").exists());
    agent.ends();
}

/// Whether a process is a worker of the helper at this socket, or its clerk.
fn is_worker_of(process: &Path, socket: &str) -> bool {
    let words = fs::read(process.join("cmdline")).unwrap_or_default();
    let words: Vec<_> = words.split(|&byte| byte == 0).collect();
    words.get(1) == Some(&&b"worker"[..]) && words.contains(&socket.as_bytes())
}

fn check(stage: &Stage, account: &str, as_user: bool) -> Output {
    let mut check = Command::new(stage.program("es-guard-helper"));
    check.args(["--check", "--account", account, "--socket", "/run/es-guard-e2e/x.sock"]);
    check.args(["--state", "/var/lib/es-guard-e2e"]).env_clear();
    if as_user && is_root() {
        check.uid(1000).gid(1000);
    }
    output(&mut check)
}

#[test]
fn a_check_tells_each_fact_with_its_remedy_and_whether_a_helper_could_run() {
    let stage = Stage::new();
    if !stage.has_engine() {
        return;
    }
    let told = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let as_user = check(&stage, ACCOUNT, true);
    assert_eq!(as_user.status.code(), Some(1), "{as_user:?}");
    for what in
        ["user: problem: user ", "remedy: start it with sudo", "CAP_SYS_PTRACE is missing", "seccomp: ok"]
    {
        assert!(told(&as_user).contains(what), "{what}: {}", told(&as_user));
    }
    if is_root() {
        let as_root = check(&stage, ACCOUNT, false);
        assert_eq!(as_root.status.code(), Some(0), "{}", told(&as_root));
        let without = check(&stage, "no-such-account", false);
        assert_eq!(without.status.code(), Some(1));
        assert!(told(&without).contains("account: problem: failed to find the account"));
        assert!(!Path::new("/var/lib/es-guard-e2e").exists(), "a check makes nothing");
    }
}

/// Everything below a directory: kind, mode, owner, contents.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            let stat = path.symlink_metadata().expect("an entry");
            let contents = if stat.is_dir() {
                left.push(path.clone());
                Vec::new()
            } else if stat.is_symlink() {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).expect("a file")
            };
            all.insert(path, (stat.mode(), stat.uid(), contents));
        }
    }
    all
}

#[test]
fn below_a_root_directory_installing_writes_what_it_showed_and_undo_leaves_no_byte() {
    let stage = Stage::new();
    if !stage.has_engine() {
        return;
    }
    for who in everyone() {
        let sandbox = Sandbox::new(who);
        let image = sandbox.root();
        for dir in ["etc", "etc/systemd", "etc/systemd/system", "usr", "usr/local", "var", "var/lib"] {
            fs::create_dir(image.join(dir)).expect("a directory");
            fs::set_permissions(image.join(dir), fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        sandbox.hand_over();
        let before = snapshot(&image);
        let helper = |words: &[&str]| {
            let root = image.to_str().expect("a path");
            let output =
                output(&mut stage.guard(&sandbox, &[&["helper"], words, &["--root", root]].concat()));
            let text = [output.stdout, output.stderr].concat();
            (output.status.code(), String::from_utf8_lossy(&text).into_owned())
        };

        let (status, shown) = helper(&["install", "--dry-run"]);
        assert_eq!(status, Some(0), "{shown}");
        for line in helper_daemon::daemon::UNIT.lines() {
            assert!(shown.contains(line), "{line}");
        }
        assert_eq!(snapshot(&image), before, "a dry run writes nothing");
        let (status, said) = helper(&["install"]);
        assert!(status == Some(1) && said.contains("say --yes"), "{said}");
        assert_eq!(snapshot(&image), before, "without an answer nothing is done");

        assert_eq!(helper(&["install", "--yes"]).0, Some(0));
        let installed = snapshot(&image);
        let new: Vec<_> = installed.keys().filter(|path| !before.contains_key(*path)).collect();
        for path in &new {
            let inside = Path::new("/").join(path.strip_prefix(&image).expect("below"));
            assert!(shown.contains(inside.to_str().expect("a path")), "{} was not shown", inside.display());
        }
        let program = &installed[&image.join("usr/local/libexec/es-guard/es-guard-helper")];
        assert_eq!(
            (program.0 & 0o7777, &program.2),
            (0o755, &fs::read(stage.program("es-guard-helper")).unwrap())
        );
        let (status, said) = helper(&["install", "--yes"]);
        assert!(status == Some(0) && said.contains("nothing is to be done"), "{said}");
        assert_eq!(snapshot(&image), installed);

        let (status, said) = helper(&["uninstall", "--dry-run"]);
        assert!(
            status == Some(0) && said.contains("remove /etc/systemd/system/es-guard-helper.service"),
            "{said}"
        );
        assert_eq!(snapshot(&image), installed);
        assert_eq!(helper(&["uninstall", "--yes"]).0, Some(0));
        assert_eq!(snapshot(&image), before);
        let (status, said) = helper(&["uninstall", "--yes"]);
        assert!(status == Some(1) && said.contains("nothing is installed"), "{said}");
    }
}

#[test]
fn an_ordinary_user_is_told_that_installing_needs_root() {
    let stage = Stage::new();
    let sandbox = Sandbox::new(Who::User);
    sandbox.hand_over();
    if !stage.has_engine() {
        return;
    }
    for words in [["helper", "install", "--yes"], ["helper", "uninstall", "--yes"]] {
        let refused = output(&mut stage.guard(&sandbox, &words));
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("it needs root. Run: sudo ") && said.contains(&words.join(" ")), "{said}");
        assert!(refused.stdout.is_empty(), "nothing is shown that would not be done");
    }
}
