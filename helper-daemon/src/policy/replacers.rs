//! Replacers: programs that remove a file to make it anew.
//!
//! They are told by the name of their executable's file. Whether that file may be believed is the engine's question.

use super::Policy;
use std::ffi::OsStr;

/// The programs that are known to replace a file by removing it first, or to rename it away as a backup.
pub const REPLACERS: [&str; 32] = [
    "tar",
    "bsdtar",
    "unzip",
    "install",
    "cp",
    "vim",
    "vim.basic",
    "vim.tiny",
    "vim.nox",
    "vim.gtk3",
    "vim.athena",
    "vim.motif",
    "nvim",
    "emacs",
    "emacs-gtk",
    "emacs-lucid",
    "emacs-nox",
    "emacs-pgtk",
    "as",
    "ld",
    "ld.bfd",
    "ld.gold",
    "ld.lld",
    "lld",
    "ld.mold",
    "mold",
    "objcopy",
    "strip",
    "sed",
    "perl",
    "gtar",
    "gsed",
];

impl Policy {
    /// Whether an executable of this file name is a replacer: one of [`REPLACERS`], if for another machine
    /// (`aarch64-linux-gnu-strip`) or with a version (`perl5.36.0`), or one that the policy names. Of several
    /// policies at once, each must.
    pub fn is_replacer(&self, file_name: &OsStr) -> bool {
        let Some(name) = file_name.to_str() else { return false };
        let names = |policy: &Policy| policy.replacers.iter().any(|further| further == name);
        let named = if self.layers.is_empty() { names(self) } else { self.layers.iter().all(names) };
        let plain = without_machine(without_version(name));
        named || REPLACERS.contains(&name) || REPLACERS.contains(&plain)
    }
}

/// `perl5.36.0`, `emacs-28.2` and `ld.lld-15` without the version.
fn without_version(name: &str) -> &str {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if bare.len() == name.len() { name } else { bare.strip_suffix('-').unwrap_or(bare) }
}

/// A name without the two to four words of a target in front of it (`x86_64-linux-gnu-as`).
fn without_machine(name: &str) -> &str {
    let Some((target, program)) = name.rsplit_once('-') else { return name };
    let words: Vec<&str> = target.split('-').collect();
    let is_word =
        |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if (2..=4).contains(&words.len()) && words.iter().all(is_word) { program } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_replacer(policy: &Policy, name: &str) -> bool {
        policy.is_replacer(OsStr::new(name))
    }

    #[test]
    fn replacers_by_any_of_their_names() {
        let policy = Policy::default();
        for name in [
            "tar",
            "vim.basic",
            "perl",
            "perl5.36.0",
            "emacs-28.2",
            "emacs-nox",
            "x86_64-linux-gnu-ld.bfd",
            "x86_64-linux-gnu-as",
            "arm-none-eabi-strip",
            "aarch64-elf-ld",
            "ld.lld-15",
            "vim9",
        ] {
            assert!(is_replacer(&policy, name), "{name}");
        }
        for name in [
            "rm",
            "mv",
            "busybox",
            "coreutils",
            "git",
            "tar.sh",
            "x-tar",
            "my-tar",
            "-tar",
            "--tar",
            "tar-",
            "",
            "5.36",
            "a-b-c-d-e-tar",
            "rm-tar/../as",
        ] {
            assert!(!is_replacer(&policy, name), "{name}");
        }
    }

    #[test]
    fn of_several_policies_each_must_name_a_further_one() {
        let naming = Policy { replacers: vec!["patch".into()], ..Policy::default() };
        assert!(is_replacer(&naming, "patch"));
        assert!(!is_replacer(&naming, "patch2"));
        let both = |other: Policy| Policy { layers: vec![naming.clone(), other], ..naming.clone() };
        assert!(is_replacer(&both(naming.clone()), "patch"));
        assert!(!is_replacer(&both(Policy::default()), "patch"));
        assert!(is_replacer(&both(Policy::default()), "tar"));
    }
}
