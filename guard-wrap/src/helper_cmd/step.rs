//! One step of a change, and carrying it out.
//!
//! Each can be done again where it was done before: that is how an interrupted change is finished.

use super::layout::{Layout, Part};
use super::manifest::Manifest;
use nix::unistd::{Gid, Uid, fchown, geteuid};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where root's programs are, whatever the environment says.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A step. Paths are as seen from inside the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make a directory that is root's.
    MakeDirectory { path: PathBuf, mode: u32 },
    /// Put a file or link there, in one go.
    Put { path: PathBuf, part: Part },
    /// Write down what is written.
    Record(Manifest),
    /// Remove a file or link.
    Remove(PathBuf),
    /// Remove a directory if nothing is left in it.
    RemoveDirectory(PathBuf),
    /// Run a command of the system.
    Run(&'static [&'static str]),
    /// The same; that it fails matters not.
    TryToRun(&'static [&'static str]),
}

/// Mode of a part.
pub(super) fn mode(part: &Part) -> u32 {
    match part {
        Part::Program { .. } => 0o755,
        Part::Text(_) | Part::Copy { .. } | Part::Link(_) => 0o644,
    }
}

/// Does it. `Err` is why not, in words.
pub(super) fn carry_out(step: &Step, layout: &Layout) -> Result<(), String> {
    let done = match step {
        Step::MakeDirectory { path, mode } => make_directory(&layout.real(path), *mode),
        Step::Put { path, part } => put(&layout.real(path), part),
        Step::Record(manifest) => {
            let path = layout.real(&layout.manifest());
            place(&path, |next| write(next, &manifest.bytes(), 0o600))
        }
        Step::Remove(path) => absent(fs::remove_file(layout.real(path))),
        Step::RemoveDirectory(path) => match fs::remove_dir(layout.real(path)) {
            // Others have put something there.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            other => absent(other),
        },
        Step::Run(words) => return command(words),
        Step::TryToRun(words) => {
            let _ = command(words);
            Ok(())
        }
    };
    done.map_err(|error| error.to_string())
}

/// Where a part is written before it is put in its place.
pub(super) fn next(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".es-guard-next");
    path.with_file_name(name)
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn make_directory(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        other => other?,
    }
    roots(&File::open(path)?, mode)
}

fn put(path: &Path, part: &Part) -> io::Result<()> {
    match part {
        Part::Text(text) => place(path, |next| write(next, text.as_bytes(), mode(part))),
        Part::Program { bytes, .. } | Part::Copy { bytes, .. } => {
            place(path, |next| write(next, bytes, mode(part)))
        }
        Part::Link(target) => place(path, |next| symlink(target, next)),
    }
}

/// Makes something beside its place, and moves it there. The folder is root's: the names are nobody else's.
fn place(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let next = next(path);
    absent(fs::remove_file(&next))?;
    make(&next)?;
    fs::rename(next, path)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    roots(&file, mode)?;
    file.sync_all()
}

/// Root's, whatever the folder hands down, and of this mode, whatever the mask is.
fn roots(file: &File, mode: u32) -> io::Result<()> {
    if geteuid().is_root() {
        fchown(file, Some(Uid::from_raw(0)), Some(Gid::from_raw(0)))?;
    }
    file.set_permissions(Permissions::from_mode(mode))
}

fn command(words: &[&str]) -> Result<(), String> {
    let [program, arguments @ ..] = words else { return Ok(()) };
    let ran = Command::new(program).args(arguments).env("PATH", PATH).stdin(Stdio::null()).output();
    match ran {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the system has a program.
pub(super) fn is_program(name: &str) -> bool {
    PATH.split(':').any(|dir| Path::new(dir).join(name).exists())
}
