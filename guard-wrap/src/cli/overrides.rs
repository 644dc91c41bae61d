//! `es-guard override`: what can be typed.

use super::asking::OpChoice;
use super::examples::{OVERRIDE_GRANT_EXAMPLES, OVERRIDE_LIST_EXAMPLES, OVERRIDE_REVOKE_EXAMPLES};
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum OverrideCommand {
    /// What is let through: by the policy file, and by whom else
    #[command(after_help = OVERRIDE_LIST_EXAMPLES)]
    List(OverrideListArgs),
    /// Let a path through
    #[command(after_help = OVERRIDE_GRANT_EXAMPLES)]
    Grant(GrantArgs),
    /// Take that back
    #[command(after_help = OVERRIDE_REVOKE_EXAMPLES)]
    Revoke(RevokeArgs),
}

/// Which session is meant, and where it is asked for.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// A live session, or the beginning of its name if that is unique, or `last`. Without it: inside a session that
    /// one, else the one that guards the path, else the last
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Where the system's helper listens
    #[arg(long, value_name = "SOCKET")]
    pub(crate) helper: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OverrideListArgs {
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The path, and all below it
    pub(crate) path: PathBuf,
    /// For how long: 90s, 10m, 1h30m; or `session`, as long as that lasts
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = until)]
    pub(crate) until: Until,
    /// For this operation alone
    #[arg(long, value_enum, value_name = "OP")]
    pub(crate) op: Option<OpChoice>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The path, as it was granted
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// How long something is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// So long from now.
    After(SignedDuration),
    /// As long as the session lasts.
    SessionEnds,
}

pub(super) fn until(text: &str) -> Result<Until, String> {
    /// More is meant as "for the session", or is a mistake.
    const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);
    if text == "session" {
        return Ok(Until::SessionEnds);
    }
    let wanted = "expected a time such as 90s, 10m or 1h30m, or `session`";
    let time: SignedDuration = text.parse().map_err(|_| wanted.to_owned())?;
    if time < SignedDuration::from_secs(1) || time > LONGEST {
        return Err(format!("{wanted}, of at least a second and at most a year"));
    }
    Ok(Until::After(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h 30m", 5400), ("2 hours", 7200)]
        {
            assert_eq!(until(text), Ok(Until::After(SignedDuration::from_secs(seconds))), "{text}");
        }
        assert_eq!(until("session"), Ok(Until::SessionEnds));
        for text in ["", "10", "-10m", "0s", "1ms", "10 parsecs", "1 month", "9000h"] {
            assert!(until(text).is_err(), "{text}");
        }
    }
}
