//! How the session's processes can call es-guard.

use std::path::{Path, PathBuf};

/// Where every shell looks, a login shell among them.
const USUAL: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// By its name where every shell finds this very program by it; else by its path, as a shell takes it.
pub(crate) fn called() -> String {
    let Ok(here) = std::env::current_exe() else { return "es-guard".to_owned() };
    called_from(&here, &USUAL.map(PathBuf::from))
}

fn called_from(here: &Path, usual: &[PathBuf]) -> String {
    let name = here.file_name().unwrap_or_default();
    let first = usual.iter().map(|dir| dir.join(name)).find(|there| there.exists());
    let is_usual = first.is_some_and(|there| there.canonicalize().ok() == here.canonicalize().ok());
    let text = if is_usual { name.to_string_lossy() } else { here.to_string_lossy() };
    shlex::try_quote(&text).map_or_else(|_| text.to_string(), |quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_means_another_program_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = ["a b", "usual", "later"].map(|name| dir.path().join(name));
        dirs.iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
        let here = dirs[0].join("es-guard");
        std::fs::write(&here, "").unwrap();
        let quoted = format!("'{}'", here.display());
        let usual = [dirs[1].clone(), dirs[2].clone()];
        assert_eq!(called_from(&here, &usual), quoted);
        std::os::unix::fs::symlink(&here, dirs[2].join("es-guard")).unwrap();
        assert_eq!(called_from(&here, &usual), "es-guard");
        std::fs::write(dirs[1].join("es-guard"), "another").unwrap();
        assert_eq!(called_from(&here, &usual), quoted);
    }
}
