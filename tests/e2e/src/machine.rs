//! A machine that systemd runs: the host's own files, in namespaces, with a file system of its own above them.
//! It boots in a second, and what a script does in it as root is gone with it.

use crate::guard::{Stage, output};
use crate::require;
use crate::row::cases;
use crate::sandbox::{is_root, publish};
use std::fs::{Permissions, create_dir, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const BOOT: &str = include_str!("../machine/boot");
const SYSTEMD: &str = "/lib/systemd/systemd";

/// What came of a script.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status; `None`: it did not come to its end.
    pub status: Option<i32>,
    /// What it said.
    pub said: String,
    /// What the machine said.
    pub console: String,
}

/// Whether there can be such a machine; notes a skip when not.
pub fn is_possible() -> bool {
    let lacks = if !is_root() {
        ("root", "namespaces and mounts are made")
    } else if !Path::new(SYSTEMD).exists() {
        ("systemd", "it is not installed")
    } else {
        return true;
    };
    require::skip(lacks.0, lacks.1);
    false
}

/// Boots a machine and runs a script in it, with the stage's programs in `/machine/bin`, and this very test
/// program at `/machine/corpus` with its cases beside it.
///
/// # Panics
/// When the machine can't be made.
pub fn run(stage: &Stage, script: &str) -> Ran {
    let dir = tempfile::Builder::new().prefix("es-guard-e2e-machine.").tempdir_in("/tmp").expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let executable = |path: &Path| set_permissions(path, Permissions::from_mode(0o755)).expect("a mode");
    executable(dir.path());
    for folder in ["root", "bin", "e2e"] {
        create_dir(at(folder)).expect("a folder");
    }
    for (name, text) in [("boot", BOOT), ("script", script)] {
        write(at(name), text).expect("a script");
        executable(&at(name));
    }
    for program in std::fs::read_dir(stage.program("")).expect("the stage").flatten() {
        if program.file_type().is_ok_and(|kind| kind.is_file()) {
            publish(&program.path(), &at("bin").join(program.file_name()));
        }
    }
    publish(&std::env::current_exe().expect("this program"), &at("corpus"));
    let copied = Command::new("cp").arg("-r").arg(cases()).arg(at("e2e/cases")).status();
    assert!(copied.is_ok_and(|status| status.success()), "the cases");

    let mut machine = Command::new("unshare");
    machine.args(["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child"]);
    machine.arg(at("boot")).arg(dir.path()).process_group(0);
    let output = output(&mut machine);
    let read = |name: &str| std::fs::read(at(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ran {
        status: read("status").ok().and_then(|status| status.trim().parse().ok()),
        said: read("out").unwrap_or_default(),
        console: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    }
}
