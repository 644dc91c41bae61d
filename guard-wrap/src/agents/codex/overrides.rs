//! Settings on Codex's command line: `-c key.of.several=VALUE`, of which a later one replaces an earlier.
//!
//! Where es-guard adds to what a person has set there, both become one.

use std::ffi::OsString;
use toml::{Table, Value};

/// Settings, by their first key.
#[derive(Debug)]
pub(super) struct Overrides(Vec<(&'static str, Value)>);

impl Overrides {
    /// Takes those of these first keys out of a command line; answers what is left of it.
    pub(super) fn taken_from(args: &[OsString], keys: &[&'static str]) -> (Self, Vec<OsString>) {
        let mut taken = Self(keys.iter().map(|key| (*key, Table::new().into())).collect());
        let (mut left, mut at) = (Vec::new(), 0);
        while let Some(word) = args.get(at).filter(|word| *word != "--") {
            let text = word.to_str().unwrap_or_default();
            let (setting, length) = match text {
                "-c" | "--config" => (args.get(at + 1).and_then(|next| next.to_str()), 2),
                _ if text.starts_with("--") => (text.strip_prefix("--config="), 1),
                _ => (text.strip_prefix("-c").map(|setting| setting.trim_start_matches('=')), 1),
            };
            if setting.is_some_and(|setting| taken.take(setting).is_some()) {
                at += length;
            } else {
                left.push(word.clone());
                at += 1;
            }
        }
        left.extend_from_slice(&args[at.min(args.len())..]);
        (taken, left)
    }

    /// Takes one, if it is of these keys.
    fn take(&mut self, setting: &str) -> Option<()> {
        let (key, value) = setting.split_once('=')?;
        let mut keys = key.trim().split('.');
        let first = keys.next()?;
        let mut place = self.0.iter_mut().find(|(key, _)| *key == first).map(|(_, value)| value)?;
        for key in keys {
            if !place.is_table() {
                *place = Table::new().into();
            }
            place = place.as_table_mut()?.entry(key).or_insert_with(|| Table::new().into());
        }
        *place = parsed(value.trim());
        Some(())
    }

    /// What is set below a first key; `None` where that is no table.
    pub(super) fn table(&mut self, key: &str) -> Option<&mut Table> {
        self.0.iter_mut().find(|(there, _)| *there == key)?.1.as_table_mut()
    }

    /// As words of a command line.
    pub(super) fn words(&self) -> Vec<OsString> {
        self.0.iter().flat_map(|(key, value)| ["-c".into(), format!("{key}={value}").into()]).collect()
    }
}

/// A value as Codex reads it: what is no TOML is text.
fn parsed(value: &str) -> Value {
    let document = format!("value={value}").parse::<Table>();
    let parsed = document.ok().and_then(|mut document| document.remove("value"));
    parsed.unwrap_or_else(|| value.trim_matches(['"', '\'']).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_setting_of_a_key_is_in_force() {
        let args = ["-c", "a.b=1", "x", "-ca.b=2", "--config", "a.c=odd text", "--", "-c", "a.b=3"];
        let (taken, left) = Overrides::taken_from(&args.map(OsString::from), &["a"]);
        assert_eq!(left, ["x", "--", "-c", "a.b=3"]);
        let words = taken.words();
        let table: Table = words[1].to_str().unwrap().parse().unwrap();
        assert_eq!(table["a"]["b"].as_integer(), Some(2));
        assert_eq!(table["a"]["c"].as_str(), Some("odd text"));
    }

    #[test]
    fn other_settings_stay_where_they_are() {
        let args = ["-c", "model=x", "--config=y.z=1", "-c"].map(OsString::from);
        assert_eq!(Overrides::taken_from(&args, &["a"]).1, args);
    }
}
