//! A worker's table as the maps of the kernel take it. What guards the programs themselves is added here.

use crate::policy::table::{FileId, Says, Spot, Table};
use endpoint_sec::linux::bpf::layout::{ES_HAS_NAMES, es_entry, es_freed, es_table};
use endpoint_sec::linux::bpf::{self, Name, Node};
use std::collections::BTreeMap;

/// The table in the kernel's form; `pinned` is where what is loaded is pinned, and the directories above that.
pub(in crate::daemon) fn lowered(mut table: Table, pinned: &[FileId]) -> bpf::Table {
    if table.sealed == 0 {
        table.sealed = 1 << 63;
    }
    // What is loaded is es-guard's own like anything else.
    let first = table.sealed & table.sealed.wrapping_neg();
    for (at, id) in pinned.iter().enumerate() {
        let says = table.entries.entry(Spot::File(*id)).or_default();
        says.carried |= first;
        if at == 0 {
            says.zones |= first;
            table.devices.insert(id.device);
        }
    }
    let (mut places, mut names) = (BTreeMap::new(), Vec::new());
    for (spot, says) in &table.entries {
        match spot {
            Spot::File(id) => {
                let place = places.entry(node(id)).or_insert_with(es_entry::default);
                *place = es_entry { flags: place.flags, ..entry(says) };
            }
            Spot::Name(id, name) => {
                places.entry(node(id)).or_insert_with(es_entry::default).flags |= ES_HAS_NAMES;
                names.push((Name { parent: node(id), name: name.clone() }, entry(says)));
            }
        }
    }
    let exempt: Vec<_> = table.exempt_names.into_iter().collect();
    let inner = table.layers.get(1..).unwrap_or_default();
    let mut facts = es_table {
        sealed: table.sealed,
        exempt_lengths: exempt.iter().fold(0, |lengths, (name, _)| lengths | 1 << name.len()),
        roots: Default::default(),
        layers: Default::default(),
        devices: Default::default(),
        freed: [es_freed::default(); 64],
    };
    // What is in no other layer is in the first, es-guard's own among it.
    facts.layers[0] = !inner.iter().fold(0, |all, zones| all | zones);
    for (slot, zones) in facts.layers[1..].iter_mut().zip(inner.iter().filter(|zones| **zones != 0)) {
        *slot = *zones;
    }
    for (slot, device) in facts.devices.iter_mut().zip(table.devices) {
        *slot = device;
    }
    for (slot, until) in facts.freed.iter_mut().zip(table.freed) {
        *slot = es_freed { until };
    }
    bpf::Table { facts, places: places.into_iter().collect(), names, exempt }
}

fn entry(says: &Says) -> es_entry {
    es_entry {
        zones: says.zones,
        carried: says.carried,
        exempts: says.exempts,
        opens: says.opens,
        until: says.until,
        ..es_entry::default()
    }
}

fn node(id: &FileId) -> Node {
    Node { dev: id.device, ino: id.inode }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(inode: u64) -> FileId {
        FileId { device: 9, inode }
    }

    #[test]
    fn a_directory_says_that_it_has_names_whatever_else_is_said_of_it() {
        let says = Says { zones: 1, carried: 1, ..Says::default() };
        for other in [1, 3] {
            let entries = [
                (Spot::File(id(2)), says.clone()),
                (Spot::Name(id(2), b"x".to_vec()), says.clone()),
                (Spot::Name(id(other), b"y".to_vec()), says.clone()),
            ];
            let table = Table { entries: entries.into(), sealed: 1, ..Table::default() };
            let lowered = lowered(table, &[]);
            let of = |inode| lowered.places.iter().find(|(node, _)| node.ino == inode).unwrap().1;
            assert_eq!((of(2).zones, of(2).flags), (1, ES_HAS_NAMES));
            assert_eq!((of(other).zones, of(other).flags), (0, ES_HAS_NAMES));
            assert_eq!((lowered.places.len(), lowered.names.len()), (2, 2));
        }
    }

    #[test]
    fn what_is_loaded_is_sealed_in_every_table() {
        let table = Table {
            sealed: 0b110,
            exempt_names: [(b"target".to_vec(), 1)].into(),
            layers: vec![0b110, 0b1000, 0, 0b10000],
            ..Table::default()
        };
        let lowered = lowered(table, &[id(5), id(6)]);
        let of = |inode| lowered.places.iter().find(|(node, _)| node.ino == inode).unwrap().1;
        assert_eq!((of(5).zones, of(5).carried, of(6).zones, of(6).carried), (2, 2, 0, 2));
        assert_eq!((lowered.facts.devices[..2].to_vec(), lowered.facts.exempt_lengths), (vec![9, 0], 1 << 6));
        assert_eq!(lowered.facts.layers[..4], [!0b11000, 0b1000, 0b10000, 0]);
        let nothing = super::lowered(Table::default(), &[id(5)]).facts;
        assert_eq!((nothing.sealed, nothing.layers[..2].to_vec()), (1 << 63, vec![!0, 0]));
    }
}
