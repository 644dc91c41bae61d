//! A table on its way from a worker to the one who writes it into the kernel's maps: a fixed form, which whoever reads it
//! as root need not believe in anything. Times become the kernel's here.

use crate::policy::table::{
    Ends, FOREVER, FileId, MAX_DEVICES, MAX_LAYERS, MAX_NAME, MAX_ZONES, Says, Spot, Table,
};
use std::collections::BTreeMap;

/// What the kernel's clock since boot says when Unix time begins, in nanoseconds: mostly far below 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock(pub i128);

impl Clock {
    /// As both clocks stand now.
    pub fn now() -> Self {
        let of = |clock| {
            nix::time::clock_gettime(clock)
                .map(|time| i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec()))
        };
        let [boot, unix] = [nix::time::ClockId::CLOCK_BOOTTIME, nix::time::ClockId::CLOCK_REALTIME].map(of);
        Self(boot.unwrap_or_default() - unix.unwrap_or_default())
    }

    /// Whether it has been set since, by more than clocks drift.
    pub fn differs(self, other: Self) -> bool {
        (self.0 - other.0).abs() > 200_000_000
    }

    /// From Unix seconds to the kernel's nanoseconds since boot. What is over before the boot is 0: never.
    fn boot(self, unix: u64) -> u64 {
        if unix == FOREVER {
            return FOREVER;
        }
        (i128::from(unix) * 1_000_000_000 + self.0).clamp(0, i128::from(u64::MAX - 1)) as u64
    }
}

/// A table as bytes, its times by this clock.
pub fn encode(table: &Table, clock: Clock) -> Vec<u8> {
    let mut out = Vec::new();
    let ends = |out: &mut Vec<u8>, ends: &Ends| ends.iter().for_each(|end| put(out, clock.boot(*end)));
    put(&mut out, table.sealed);
    put(&mut out, table.layers.len() as u64);
    table.layers.iter().for_each(|zones| put(&mut out, *zones));
    put(&mut out, table.freed.len() as u64);
    table.freed.iter().for_each(|freed| ends(&mut out, freed));
    put(&mut out, table.devices.len() as u64);
    table.devices.iter().for_each(|device| put(&mut out, u64::from(*device)));
    put(&mut out, table.exempt_names.len() as u64);
    for (name, zones) in &table.exempt_names {
        text(&mut out, name);
        put(&mut out, *zones);
    }
    put(&mut out, table.entries.len() as u64);
    for (spot, says) in &table.entries {
        let (id, name) = match spot {
            Spot::File(id) => (id, &[][..]),
            Spot::Name(id, name) => (id, name.as_slice()),
        };
        put(&mut out, u64::from(id.device));
        put(&mut out, id.inode);
        text(&mut out, name);
        [says.zones, says.carried, says.exempts, says.opens]
            .into_iter()
            .for_each(|zones| put(&mut out, zones));
        ends(&mut out, &says.until);
    }
    out
}

/// A table back from bytes, its times the kernel's; without the paths of its zones. `None` where it is none.
pub fn decode(mut bytes: &[u8]) -> Option<Table> {
    let from = &mut bytes;
    let sealed = take(from)?;
    let layers = (0..limited(from, MAX_LAYERS)?).map(|_| take(from)).collect::<Option<_>>()?;
    let freed = (0..limited(from, MAX_ZONES)?).map(|_| ends(from)).collect::<Option<_>>()?;
    let device = |from: &mut &[u8]| u32::try_from(take(from)?).ok();
    let devices = (0..limited(from, MAX_DEVICES)?).map(|_| device(from)).collect::<Option<_>>()?;
    let mut exempt_names = BTreeMap::new();
    for _ in 0..limited(from, usize::MAX)? {
        let name = word(from).filter(|name| !name.is_empty() && name.len() <= MAX_NAME)?;
        exempt_names.insert(name, take(from)?);
    }
    let mut entries = BTreeMap::new();
    for _ in 0..limited(from, usize::MAX)? {
        let id = FileId { device: device(from)?, inode: take(from)? };
        let name = word(from)?;
        let spot = if name.is_empty() { Spot::File(id) } else { Spot::Name(id, name) };
        let (zones, carried, exempts, opens) = (take(from)?, take(from)?, take(from)?, take(from)?);
        entries.insert(spot, Says { zones, carried, exempts, opens, until: ends(from)? });
    }
    let table = Table { sealed, layers, freed, devices, exempt_names, entries, zones: Vec::new() };
    from.is_empty().then_some(table)
}

fn put(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_ne_bytes());
}

/// At most 255 bytes, as names have.
fn text(out: &mut Vec<u8>, text: &[u8]) {
    let text = &text[..text.len().min(255)];
    out.push(text.len() as u8);
    out.extend(text);
}

fn take(from: &mut &[u8]) -> Option<u64> {
    let (number, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u64::from_ne_bytes(*number))
}

/// How many follow: no more than `most`, nor than there are bytes.
fn limited(from: &mut &[u8], most: usize) -> Option<u64> {
    take(from).filter(|count| *count <= most as u64 && *count <= from.len() as u64)
}

fn ends(from: &mut &[u8]) -> Option<Ends> {
    let mut ends = Ends::default();
    for end in &mut ends {
        *end = take(from)?;
    }
    Some(ends)
}

fn word(from: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = from.split_first()?;
    let (word, rest) = rest.split_at_checked(usize::from(*length))?;
    *from = rest;
    Some(word.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let id = |inode| FileId { device: 9, inode };
        let says = Says { zones: 1, carried: 2, exempts: 4, opens: 8, until: [0, 20, 30, FOREVER] };
        Table {
            sealed: 2,
            layers: vec![1, 2],
            freed: vec![[0, 1, 2, FOREVER], [0; 4]],
            devices: [9].into(),
            exempt_names: [(b"target".to_vec(), 1)].into(),
            entries: [(Spot::File(id(2)), says.clone()), (Spot::Name(id(2), b"x".to_vec()), says)].into(),
            zones: Vec::new(),
        }
    }

    #[test]
    fn a_table_comes_back_with_the_kernels_times() {
        let back = decode(&encode(&table(), Clock(-10_000_000_000))).unwrap();
        assert_eq!(back.freed[0], [0, 0, 0, FOREVER]);
        let until = [0, 10_000_000_000, 20_000_000_000, FOREVER];
        assert!(back.entries.values().all(|says| says.until == until));
        let timeless = |mut table: Table| {
            table.freed.clear();
            table.entries.values_mut().for_each(|says| says.until = Ends::default());
            table
        };
        assert_eq!(timeless(back), timeless(table()));
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_none() {
        let bytes = encode(&table(), Clock(0));
        assert!((0..bytes.len()).all(|length| decode(&bytes[..length]).is_none()));
        assert!(decode(&[&bytes[..], &[0]].concat()).is_none());
        let endless = [&[0; 16][..], &u64::MAX.to_ne_bytes()].concat();
        assert!(decode(&endless).is_none());
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_drifts_is_not() {
        assert!(!Clock::now().differs(Clock::now()));
        assert!(Clock(0).differs(Clock(1_000_000_000)) && !Clock(0).differs(Clock(1_000_000)));
    }
}
