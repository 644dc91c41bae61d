//! Compiles the programs that play the agent. They are C: the corpus is about raw system calls, and Rust's
//! `unsafe` stays out of this package. They make Linux's calls: for another system none are compiled. So is what the
//! kernel decides by, outside of it.

use std::path::Path;
use std::process::Command;

fn main() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let (out, linux) = (variable("OUT_DIR"), variable("CARGO_CFG_TARGET_OS") == "linux");
    println!("cargo::rerun-if-changed=../../endpoint-sec-sys/bpf");
    for dir in ["attacks", "benches", "kernel"] {
        println!("cargo::rerun-if-changed={dir}");
        let names = if linux { sources(Path::new(dir)) } else { Vec::new() };
        for name in &names {
            compile(&Path::new(dir).join(format!("{name}.c")), &Path::new(&out).join(name));
        }
        println!("cargo::rustc-env=E2E_{}={out}", dir.to_uppercase());
        println!("cargo::rustc-env=E2E_{}_NAMES={}", dir.to_uppercase(), names.join(" "));
    }
}

/// The names of the programs whose sources are in a directory.
fn sources(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let programs = paths.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    let mut names: Vec<String> =
        programs.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort_unstable();
    names
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
