//! Why there is no policy to guard by.

use helper_daemon::policy::file::{MAX_BYTES, Mistake};
use std::io;
use std::path::PathBuf;

/// What is wrong with what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("guard a zone: --zone was given an empty text. Name a directory or a file, for example --zone .")]
    ZoneEmpty,
    #[error("guard the zone {0}: it does not exist. Make it first, or name another with --zone")]
    ZoneMissing(PathBuf),
    #[error(
        "guard the zone {0}: it is not accessible to you. Change its permissions, or those of the directories above it"
    )]
    ZoneDenied(PathBuf),
    #[error("guard the zone {path}: {source}. Name another with --zone")]
    ZoneUnresolved { path: PathBuf, source: io::Error },
    #[error(
        "guard anything: no zone of the policy file {file} exists: {}. Make one of them, or name one that exists with --zone",
        zones.join(", ")
    )]
    NoZoneIsThere { file: PathBuf, zones: Vec<String> },
    #[error("find the current directory: {0}. Change to a directory that exists")]
    CurrentDirectory(io::Error),
    #[error(
        "read the policy file {0}: it does not exist. Write one with: es-guard policy init --policy FILE"
    )]
    FileMissing(PathBuf),
    #[error("read the policy file {path}: {source}. Make it readable for you, or name another with --policy")]
    FileUnreadable { path: PathBuf, source: io::Error },
    #[error("read the policy file {path}: found {found}, expected a file. Name a JSON file with --policy")]
    FileIsOther { path: PathBuf, found: &'static str },
    #[error(
        "read the policy file {path}: found more than {MAX_BYTES} bytes, expected a few lines. Name another with --policy"
    )]
    FileTooLong { path: PathBuf },
    #[error("use the policy file {path}:{}:{}: {}. Correct it there, then try: es-guard policy check", mistake.line, mistake.column, mistake.what)]
    FileBroken { path: PathBuf, mistake: Mistake },
}
