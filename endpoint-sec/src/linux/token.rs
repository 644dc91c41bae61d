//! The identity of a process that cannot be reused.

use std::fs;

/// pid and start time: what a bare pid is not, an identity.
///
/// The start time is field 22 of `/proc/PID/stat` (`proc_pid_stat(5)`), in clock ticks since boot: two
/// processes with the same pid never share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuditToken {
    /// Process id, in the pid namespace of the reader.
    pub pid: i32,
    /// Start time in clock ticks since boot.
    pub start: u64,
}

impl AuditToken {
    /// Reads the token of a live process, or `None` when there is none of that pid.
    pub fn of(pid: i32) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some(Self { pid, start: start_time(&stat)? })
    }
}

/// Field 22. The second field is the command name in parentheses and may hold spaces and parentheses itself,
/// so fields are counted from the last `)`.
fn start_time(stat: &[u8]) -> Option<u64> {
    let after = stat.iter().rposition(|&b| b == b')')? + 1;
    let text = std::str::from_utf8(&stat[after..]).ok()?;
    text.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let stat = b"42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21";
        assert_eq!(start_time(stat), Some(777));
    }

    #[test]
    fn own_token_is_stable_and_a_free_pid_has_none() {
        let me = std::process::id() as i32;
        assert_eq!(AuditToken::of(me), AuditToken::of(me));
        assert!(AuditToken::of(me).is_some());
        assert_eq!(AuditToken::of(i32::MAX), None);
    }
}
