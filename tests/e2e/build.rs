//! Compiles the programs that play the agent. They are C: the corpus is about raw system calls, and Rust's
//! `unsafe` stays out of this package.

use std::path::Path;
use std::process::Command;

fn main() {
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    let attacks: &[&str] = &[
        "ask",
        "assault",
        "churn",
        "confined",
        "driver",
        "fake_helper",
        "forbid",
        "fuse",
        "listener",
        "race",
        "signals",
        "swap",
    ];
    let programs = [("attacks", attacks), ("benches", &["work", "floor"])];
    for (dir, names) in programs {
        println!("cargo::rerun-if-changed={dir}");
        println!("cargo::rustc-env=E2E_{}={out}", dir.to_uppercase());
        for name in names {
            compile(&Path::new(dir).join(format!("{name}.c")), &Path::new(&out).join(name));
        }
    }
}

fn compile(source: &Path, program: &Path) {
    let built = Command::new("cc")
        .args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"])
        .arg(program)
        .arg(source)
        .status();
    match built {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("cc could not compile {}: {status}", source.display()),
        Err(error) => panic!("cc is needed to build the attacks: {error}"),
    }
}
