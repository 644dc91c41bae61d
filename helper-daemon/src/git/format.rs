//! Object names: which hash a repository uses, and the name that content has under it.

use sha2::digest::DynDigest;
use std::fmt::Write;
use std::io::Read;

/// The hash of a repository (`extensions.objectFormat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Sha1,
    Sha256,
}

/// The name of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Oid {
    /// As long as the longest; zero beyond its own length.
    bytes: [u8; 32],
    length: usize,
}

impl Oid {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(super) fn hex(&self) -> String {
        self.bytes().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl Format {
    /// What the text of a repository's own `config` says; `None` for a hash that is not known.
    pub(super) fn of_config(text: &[u8]) -> Option<Self> {
        let mut within = false;
        let mut format = Self::Sha1;
        for line in text.split(|&byte| byte == b'\n') {
            let mut line = line.trim_ascii();
            if let Some(section) = line.strip_prefix(b"[") {
                let end = section.iter().position(|&byte| byte == b']').unwrap_or(section.len());
                within = section[..end].trim_ascii().eq_ignore_ascii_case(b"extensions");
                line = section[end..].strip_prefix(b"]").unwrap_or_default().trim_ascii();
            }
            let Some(equals) = line.iter().position(|&byte| byte == b'=') else { continue };
            if !within || !line[..equals].trim_ascii().eq_ignore_ascii_case(b"objectformat") {
                continue;
            }
            let value = &line[equals + 1..];
            let end = value.iter().position(|byte| b"#;".contains(byte)).unwrap_or(value.len());
            format = match value[..end].trim_ascii() {
                b"sha1" | b"\"sha1\"" => Self::Sha1,
                b"sha256" | b"\"sha256\"" => Self::Sha256,
                _ => return None,
            };
        }
        Some(format)
    }

    /// The length of a name, in bytes.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// A name, from the first bytes of these.
    pub(super) fn oid(self, from: &[u8]) -> Option<Oid> {
        let length = self.length();
        let mut bytes = [0; 32];
        bytes[..length].copy_from_slice(from.get(..length)?);
        Some(Oid { bytes, length })
    }

    /// The name of a blob of exactly `size` bytes; `None` where there are more or fewer.
    pub(super) fn blob(self, size: u64, content: &mut dyn Read) -> Option<Oid> {
        let mut hash: Box<dyn DynDigest> = match self {
            Self::Sha1 => Box::<sha1::Sha1>::default(),
            Self::Sha256 => Box::<sha2::Sha256>::default(),
        };
        hash.update(format!("blob {size}\0").as_bytes());
        let (mut buffer, mut left) = (vec![0; 64 << 10], size);
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    left = left.checked_sub(count as u64)?;
                    hash.update(&buffer[..count]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        if left == 0 { self.oid(&hash.finalize()) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_named_as_git_names_it() {
        // printf 'hello\n' | git hash-object --stdin, in a repository of either format
        let name = |format: Format| format.blob(6, &mut &b"hello\n"[..]).unwrap().hex();
        assert_eq!(name(Format::Sha1), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(name(Format::Sha256), "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4");
        assert_eq!(Format::Sha1.blob(5, &mut &b"hello\n"[..]), None);
        assert_eq!(Format::Sha1.blob(7, &mut &b"hello\n"[..]), None);
    }

    #[test]
    fn the_format_is_what_the_configuration_says() {
        let of = |text: &str| Format::of_config(text.as_bytes());
        assert_eq!(of(""), Some(Format::Sha1));
        assert_eq!(of("[core]\n\tobjectformat = sha256\n"), Some(Format::Sha1));
        assert_eq!(of("[extensions]\n\tobjectFormat = sha256\n"), Some(Format::Sha256));
        assert_eq!(of("[Extensions] objectformat=\"sha256\" ; why\n[core]\n"), Some(Format::Sha256));
        assert_eq!(of("[extensions]\nobjectformat = sha3"), None);
        assert_eq!(of("[\n[]\n[=\n="), Some(Format::Sha1));
    }
}
