//! The identity of a process that cannot be reused.

use endpoint_sec_sys::macos::token as sys;
use std::fmt;
use std::hash::{Hash, Hasher};

/// pid and generation of the pid: what a bare pid is not, an identity (until the next boot).
///
/// Executing a program makes a new generation, so before and after are two tokens of one pid. Two tokens are
/// equal when both agree, whatever else the kernel wrote into them: a process may change its user.
#[doc(alias("audit_token_t", "audit_token_to_pid", "audit_token_to_pidversion"))]
#[derive(Clone, Copy)]
pub struct AuditToken(sys::AuditToken);

impl AuditToken {
    /// As the kernel wrote it.
    pub fn new(raw: sys::AuditToken) -> Self {
        Self(raw)
    }

    /// Of the values that another process tells. That there is such a process is for the kernel to say.
    pub fn of_values(val: [u32; 8]) -> Self {
        Self(sys::AuditToken { val })
    }

    /// The kernel's values, for its own functions.
    pub fn raw(&self) -> &sys::AuditToken {
        &self.0
    }

    /// Process id.
    pub fn pid(&self) -> i32 {
        self.0.val[sys::AuditToken::PID] as i32
    }

    /// Generation of the process id.
    pub fn version(&self) -> u32 {
        self.0.val[sys::AuditToken::PIDVERSION]
    }

    /// Effective user, when the token was made.
    pub fn effective_user(&self) -> u32 {
        self.0.val[sys::AuditToken::EUID]
    }

    /// Real user, when the token was made.
    pub fn real_user(&self) -> u32 {
        self.0.val[sys::AuditToken::RUID]
    }

    fn identity(&self) -> (i32, u32) {
        (self.pid(), self.version())
    }
}

impl PartialEq for AuditToken {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for AuditToken {}

impl Hash for AuditToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl PartialOrd for AuditToken {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AuditToken {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl fmt::Debug for AuditToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.pid(), self.version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_token_is_its_pid_and_generation_and_nothing_else() {
        let token = |euid, pid, version| {
            AuditToken::new(sys::AuditToken { val: [1, euid, 3, 4, 5, pid, 7, version] })
        };
        assert_eq!((token(0, 77, 9).pid(), token(0, 77, 9).version()), (77, 9));
        assert_eq!((token(501, 77, 9).effective_user(), token(501, 77, 9).real_user()), (501, 4));
        assert_eq!(token(0, 77, 9), token(501, 77, 9));
        assert_ne!(token(0, 77, 9), token(0, 77, 10));
        assert_ne!(token(0, 77, 9), token(0, 78, 9));
        let set = HashSet::from([token(0, 77, 9), token(501, 77, 9), token(0, 77, 10)]);
        assert_eq!(set.len(), 2);
        assert_eq!(format!("{:?}", token(0, 77, 9)), "77.9");
    }
}
