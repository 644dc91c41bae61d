//! A row: a script that runs a real program, and what must come of it.
//!
//! ```toml
//! [[row]]
//! name = "rm"
//! setup = "echo old >zone/a"
//! run = "rm zone/a"
//! denied = ["unlink zone/a -> removed by rm"]
//! ```
//!
//! Scripts are for `sh`, in the sandbox, where `zone` and `out` are. A row with `denied` is an attack; one with
//! `held` succeeds, and what it removed is there all the same.

use crate::tool::record::Expected;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What is run.
    pub name: String,
    /// Programs that not every machine has.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What the person does before.
    #[serde(default)]
    pub setup: String,
    /// What the agent does.
    pub run: String,
    /// What the person does when the command has returned, before anybody looks.
    #[serde(default)]
    pub meanwhile: String,
    /// The records of a session, in any order.
    #[serde(default)]
    pub denied: Vec<Expected>,
    /// The records of what a replacer removed and did not make again: it succeeds, and all of it is put back.
    #[serde(default)]
    pub held: Vec<Expected>,
    /// The records of what is let through and kept in the stash, in any order.
    #[serde(default)]
    pub kept: Vec<Expected>,
    /// The status of the bare run.
    #[serde(default)]
    pub status: i32,
    /// The status of an attack that was refused, where a tool has its own; otherwise any failure.
    pub refused_status: Option<i32>,
    /// What a refused tool says, in whatever case.
    #[serde(default = "not_permitted")]
    pub says: String,
    /// What a refused attack may change all the same, as any edit may.
    #[serde(default)]
    pub edited: Vec<PathBuf>,
    /// Files whose content no two runs have in common.
    #[serde(default)]
    pub unstable: Vec<PathBuf>,
    /// A script that succeeds when all is well: after ordinary work and after a refused attack.
    #[serde(default)]
    pub holds: String,
    /// What the file of cases sets for all its rows.
    #[serde(skip)]
    pub env: BTreeMap<String, String>,
}

fn not_permitted() -> String {
    "operation not permitted".to_owned()
}

impl Row {
    /// Whether something must be refused.
    pub fn is_attack(&self) -> bool {
        !self.denied.is_empty()
    }

    /// The programs of the row that are not on this machine.
    pub fn missing(&self) -> Vec<&str> {
        self.needs.iter().map(String::as_str).filter(|name| which(name).is_none()).collect()
    }
}

/// The file that is run as `name`, found where the scripts find it, without symlinks.
pub fn which(name: &str) -> Option<PathBuf> {
    let dirs = crate::guard::PATH.split(':');
    dirs.map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())?.canonicalize().ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    env: BTreeMap<String, String>,
    row: Vec<Row>,
}

/// All rows, each named `file: name`; those with `ES_GUARD_TEST_ROWS` in their name where it is set.
///
/// # Panics
/// When a file can't be read or two rows have one name.
pub fn all() -> Vec<Row> {
    let folder = crate::row::cases().join("tools");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the cases").flatten().map(|e| e.path()).collect();
    files.sort();
    let mut rows: Vec<Row> = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a file of cases");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let theme = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for row in file.row {
            let row = Row { name: format!("{theme}: {}", row.name), env: file.env.clone(), ..row };
            assert!(rows.iter().all(|other| other.name != row.name), "two rows are called {:?}", row.name);
            rows.push(row);
        }
    }
    if let Ok(only) = std::env::var("ES_GUARD_TEST_ROWS") {
        rows.retain(|row| row.name.contains(&only));
    }
    rows
}
