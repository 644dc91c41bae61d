//! A row of the corpus, and how it is written.
//!
//! ```toml
//! [[row]]
//! name = "an older file is not removed"
//! setup = ["file zone/a old"]
//! steps = ["unlink zone/a -> removed"]
//! after = ["file zone/a old"]
//! ```
//!
//! A step ends in `-> removed` (or another reason) when it must be refused with `EPERM` and recorded with that
//! reason, in `-> kept removed` when it must succeed and what it took be kept, in `-> ENOENT` (or another errno)
//! when it fails in the kernel's own way and is no denial, in `-> refused` when any error will do, and in nothing
//! when it must succeed. A row with a denial is an attack:
//! bare, its first refused step must succeed, and `after` must not hold.

use helper_daemon::policy::OnDelete;
use helper_daemon::policy::judge::Reason;
use helper_daemon::policy::operation::Op;
use serde::Deserialize;
use std::path::PathBuf;

/// One row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What it shows.
    pub name: String,
    /// Zones, relative to the sandbox.
    #[serde(default = "one_zone")]
    pub zones: Vec<String>,
    /// What becomes of what would be lost in them.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// What is let through, relative to the sandbox.
    #[serde(default)]
    pub overrides: Vec<LetThrough>,
    /// Exempt names beside the built-in ones.
    #[serde(default)]
    pub exempt_names: Vec<String>,
    /// Whom it is run as; both where nothing is said.
    #[serde(default, rename = "as")]
    pub run_as: Option<Who>,
    /// What the person does before the session.
    #[serde(default)]
    pub setup: Vec<String>,
    /// What the agent does, in order, in one process.
    pub steps: Vec<Step>,
    /// What must be so afterwards.
    #[serde(default)]
    pub after: Vec<String>,
    /// What must be so once everything that was kept is put back.
    #[serde(default)]
    pub restored: Vec<String>,
    /// Why `judge` alone can't say, where it can't.
    #[serde(default)]
    pub kernel_only: Option<String>,
    /// Why the row is no attack though something is refused: `after` may hold bare, too.
    #[serde(default)]
    pub harmless_bare: Option<String>,
}

fn one_zone() -> Vec<String> {
    vec!["zone".to_owned()]
}

/// An override of a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LetThrough {
    /// Relative to the sandbox.
    pub path: String,
    /// Unix seconds.
    pub expires_at: Option<u64>,
    /// The operation that is let through; any where nothing is said.
    pub op: Option<Op>,
}

/// Whom a row is run as.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Root.
    Root,
    /// An ordinary user.
    User,
}

/// One step of the agent, or of the person meanwhile (`person …`).
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct Step {
    /// As it is written, without what is expected.
    pub text: String,
    /// What must come of it.
    pub expected: Expected,
}

/// What must come of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It succeeds.
    Done,
    /// It fails as it would bare, and is no denial.
    Bare(&'static str),
    /// It is refused with `EPERM` and recorded with this reason.
    Denied(Reason),
    /// It succeeds, and what it took is kept for this reason.
    Kept(Reason),
    /// It fails, in whatever way, recorded or not.
    Refused,
}

const ERRNOS: [&str; 19] = [
    "EADDRINUSE",
    "ENOENT",
    "ENOTEMPTY",
    "EISDIR",
    "ENOTDIR",
    "EINVAL",
    "EBUSY",
    "EEXIST",
    "EXDEV",
    "EACCES",
    "ENAMETOOLONG",
    "ELOOP",
    "EBADF",
    "EFAULT",
    "EFBIG",
    "ESRCH",
    "ENOSYS",
    "EPERM",
    "EOPNOTSUPP",
];

impl From<String> for Step {
    fn from(written: String) -> Self {
        let Some((text, expected)) = written.split_once(" -> ") else {
            return Self { text: written, expected: Expected::Done };
        };
        let expected = match expected.trim() {
            "refused" => Expected::Refused,
            "removed" => Expected::Denied(Reason::Removed),
            "moved-out" => Expected::Denied(Reason::MovedOut),
            "zone-moved" => Expected::Denied(Reason::ZoneMoved),
            "clobbered" => Expected::Denied(Reason::Clobbered),
            "not-kept" => Expected::Denied(Reason::NotKept),
            "kept removed" => Expected::Kept(Reason::Removed),
            "kept moved-out" => Expected::Kept(Reason::MovedOut),
            "kept clobbered" => Expected::Kept(Reason::Clobbered),
            word => match ERRNOS.iter().find(|&&errno| errno == word) {
                Some(errno) => Expected::Bare(errno),
                None => panic!("unknown expectation {word:?} in {written:?}"),
            },
        };
        Self { text: text.trim().to_owned(), expected }
    }
}

impl Step {
    /// What the person does meanwhile, if it is the person's step.
    pub fn of_person(&self) -> Option<&str> {
        self.text.strip_prefix("person ")
    }
}

impl Row {
    /// Whether only root can set it up: something in it belongs to root.
    pub fn needs_root(&self) -> bool {
        self.setup.iter().any(|step| step.starts_with("roots "))
    }

    /// The first step that must be refused.
    pub fn first_refused(&self) -> Option<usize> {
        self.steps.iter().position(|step| matches!(step.expected, Expected::Denied(_) | Expected::Refused))
    }

    /// The reasons of the denials, in order; `None` where a step may be recorded or not.
    pub fn reasons(&self) -> Option<Vec<Reason>> {
        let steps = self.steps.iter().filter_map(|step| match step.expected {
            Expected::Denied(reason) => Some(Some(reason)),
            Expected::Refused => Some(None),
            Expected::Done | Expected::Bare(_) | Expected::Kept(_) => None,
        });
        steps.collect()
    }

    /// The reasons for which something is kept, in order.
    pub fn kept(&self) -> Vec<Reason> {
        let steps = self.steps.iter().filter_map(|step| match step.expected {
            Expected::Kept(reason) => Some(reason),
            _ => None,
        });
        steps.collect()
    }

    /// Whether the row is run as `who`.
    pub fn runs_as(&self, who: Who) -> bool {
        self.run_as.is_none_or(|only| only == who)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    row: Vec<Row>,
}

/// The folder of the corpus, which may be elsewhere than it was when the tests were built.
pub fn cases() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(package).join("cases")
}

/// All rows, each named `file: name`.
///
/// # Panics
/// When a file can't be read or two rows have one name.
pub fn corpus() -> Vec<Row> {
    let folder = cases();
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the cases").flatten().map(|e| e.path()).collect();
    files.sort();
    let mut rows: Vec<Row> = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "toml")) {
        let text = std::fs::read_to_string(path).expect("a file of cases");
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let theme = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for mut row in file.row {
            row.name = format!("{theme}: {}", row.name);
            assert!(rows.iter().all(|other| other.name != row.name), "two rows are called {:?}", row.name);
            rows.push(row);
        }
    }
    if let Ok(only) = std::env::var("ES_GUARD_TEST_ROWS") {
        rows.retain(|row| row.name.contains(&only));
    }
    rows
}
