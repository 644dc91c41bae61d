//! Compiles the programs that play the agent. They are C: the corpus is about raw system calls, and Rust's
//! `unsafe` stays out of this package.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=attacks");
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    for name in ["churn", "driver", "listener", "race", "signals"] {
        let source = Path::new("attacks").join(format!("{name}.c"));
        let built = Command::new("cc")
            .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
            .arg(Path::new(&out).join(name))
            .arg(&source)
            .status();
        match built {
            Ok(status) if status.success() => {}
            Ok(status) => panic!("cc could not compile {}: {status}", source.display()),
            Err(error) => panic!("cc is needed to build the attacks: {error}"),
        }
    }
    println!("cargo::rustc-env=E2E_ATTACKS={out}");
}
