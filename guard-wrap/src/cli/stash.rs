//! `es-guard stash` and `es-guard sessions restore`: what can be typed.

use super::examples::{STASH_LIST_EXAMPLES, STASH_PRUNE_EXAMPLES};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// A session, or the beginning of its name if that is unique, or `last`, the last one that kept something;
    /// and which paths: these, and what was below them. Without a path everything
    #[arg(value_name = "ID|PATH")]
    pub(crate) words: Vec<OsString>,
    /// These entries, by the numbers that --list shows; may be given more than once
    #[arg(long = "entry", value_name = "N")]
    pub(crate) entries: Vec<u64>,
    /// Put everything below this directory, as it was below its zone
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Replace what is there now; that goes into the stash
    #[arg(long)]
    pub(crate) force: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show what there is to put back, and do nothing
    #[arg(long, conflicts_with_all = ["to", "force", "dry_run"])]
    pub(crate) list: bool,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StashCommand {
    /// What each session keeps, the newest first
    #[command(after_help = STASH_LIST_EXAMPLES)]
    List(StashListArgs),
    /// Let go for good of what the oldest sessions keep
    #[command(after_help = STASH_PRUNE_EXAMPLES)]
    Prune(PruneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StashListArgs {
    /// One JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Of sessions whose stash nobody has used for so long: 12h, 30d, 8w
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = time)]
    pub(crate) older_than: Duration,
    /// As many of the oldest as it takes to keep no more than this: 500M, 5G
    #[arg(long, value_name = "SIZE", default_value = "5G", value_parser = size)]
    pub(crate) keep_size: u64,
    /// Say what would go, and let nothing go
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// One JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A number and a unit.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?.1;
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 7 * 86_400)];
    let seconds = measure(text, &UNITS).filter(|&seconds| seconds <= u64::from(u32::MAX));
    seconds.map(Duration::from_secs).ok_or_else(|| "expected a time such as 12h, 30d or 8w".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("", 1),
        ("B", 1),
        ("K", 1 << 10),
        ("KB", 1 << 10),
        ("M", 1 << 20),
        ("MB", 1 << 20),
        ("G", 1 << 30),
        ("GB", 1 << 30),
        ("T", 1 << 40),
    ];
    measure(text, &UNITS).ok_or_else(|| "expected a size such as 500M or 5G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(time("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!((time("0s").unwrap().as_secs(), time("2w").unwrap().as_secs()), (0, 1_209_600));
        assert_eq!((size("5G"), size("0"), size("500 mb")), (Ok(5 << 30), Ok(0), Ok(500 << 20)));
        for wrong in ["", "d", "30", "-1d", "1.5d", "99999999999999999999d", "9999w9"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "G", "5X", "-1", "99999999999999T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
