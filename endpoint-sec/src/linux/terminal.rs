//! A caller's controlling terminal, by its own device.

use crate::linux::caller::{Caller, Unread};
use crate::linux::handle::{Handle, ProcLink, Stat};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::fs;
use std::path::PathBuf;

/// Majors of pseudo-terminals (`Documentation/admin-guide/devices.txt`): 256 on each.
const PTS: std::ops::RangeInclusive<u32> = 136..=143;
/// Virtual consoles below 64, serial ports from there on.
const TTY: u32 = 4;

impl Caller {
    /// The caller's controlling terminal; `None` where it has none. Looked for among the caller's own standard
    /// descriptors first: `/dev/pts` may be another one where the caller is.
    pub fn terminal(&self) -> Result<Option<Handle>, Unread> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.tid())).map_err(|_| Unread::Gone)?;
        let Some(device) = device(&stat) else { return Ok(None) };
        let is_it = |handle: &Handle| handle.stat().is_ok_and(|stat: Stat| stat.rdev == device);
        let standard = (0..3).filter_map(|fd| {
            let link = ProcLink::descriptor(self.tid(), fd);
            Handle::open_at(nix::fcntl::AT_FDCWD, link.as_c_str(), OFlag::empty()).ok()
        });
        let named = usual_name(device).and_then(|path| Handle::open(&path).ok());
        match standard.chain(named).find(is_it) {
            Some(handle) => Ok(Some(handle)),
            None => Err(Unread::Bare(Errno::EIO)),
        }
    }
}

/// The seventh field of `/proc/PID/stat`, decoded as `proc_pid_stat(5)` says.
fn device(stat: &str) -> Option<(u32, u32)> {
    let number: i32 = stat.rsplit_once(") ")?.1.split(' ').nth(4)?.parse().ok()?;
    let number = number as u32;
    (number != 0).then_some(((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00)))
}

fn usual_name((major, minor): (u32, u32)) -> Option<PathBuf> {
    match major {
        major if PTS.contains(&major) => Some(format!("/dev/pts/{}", (major - PTS.start()) * 256 + minor)),
        TTY if minor < 64 => Some(format!("/dev/tty{minor}")),
        TTY => Some(format!("/dev/ttyS{}", minor - 64)),
        _ => None,
    }
    .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_terminal_is_decoded() {
        assert_eq!(device("7 (a) b) S 1 7 7 34819 7 0"), Some((136, 3)));
        assert_eq!(device("7 (sh) S 1 7 7 0 -1 0"), None);
        assert_eq!(usual_name((136, 3)), Some("/dev/pts/3".into()));
        assert_eq!(usual_name((137, 3)), Some("/dev/pts/259".into()));
        assert_eq!(usual_name((4, 65)), Some("/dev/ttyS1".into()));
    }
}
