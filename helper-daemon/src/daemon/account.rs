//! The account that nobody uses, whose real and saved ids workers have.

use endpoint_sec::linux::station::Identity;
use nix::unistd::User;

/// Its name, unless `--account` says otherwise.
pub const ACCOUNT: &str = "es-guard";

/// Why an account can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The system knows none of this name.
    #[error(
        "find the account {0}: there is none. Make it: useradd --system --no-create-home --shell /usr/sbin/nologin {0}"
    )]
    None(String),
    /// It is root's.
    #[error("use the account {0}: it is root's, which protects nothing. Name another with --account")]
    Roots(String),
}

/// The ids of an account.
pub fn ids(name: &str) -> Result<Identity, AccountError> {
    let user = User::from_name(name).ok().flatten().ok_or_else(|| AccountError::None(name.to_owned()))?;
    if user.uid.is_root() {
        return Err(AccountError::Roots(name.to_owned()));
    }
    Ok(Identity { uid: user.uid.as_raw(), gid: user.gid.as_raw(), groups: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_protects_nothing_is_refused() {
        assert!(matches!(ids("root"), Err(AccountError::Roots(_))));
        assert!(matches!(ids("nobody-of-this-name"), Err(AccountError::None(_))));
        assert_ne!(ids("daemon").unwrap().uid, 0);
    }
}
