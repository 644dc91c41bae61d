use super::*;
use crate::policy::{EXEMPT_NAMES, Override};
use std::collections::HashMap;

/// Directories and files of a machine, by path.
#[derive(Default)]
struct Machine(HashMap<PathBuf, Looked>);

impl Machine {
    fn of(directories: &[&str], files: &[&str]) -> Self {
        let mut machine = Self::default();
        for path in directories {
            for above in Path::new(path).ancestors() {
                let id = machine.next();
                machine.0.entry(above.to_owned()).or_insert(Looked::Directory(id));
            }
        }
        for path in files {
            let id = machine.next();
            machine.0.insert(path.into(), Looked::Other(id));
        }
        machine
    }

    fn next(&self) -> FileId {
        FileId { device: 7, inode: self.0.len() as u64 + 1 }
    }

    fn id(&self, path: &str) -> FileId {
        match self.look(Path::new(path)) {
            Looked::Directory(id) | Looked::Other(id) => id,
            Looked::Alike | Looked::Nothing => panic!("{path} is not there"),
        }
    }

    fn directory(&self, path: &str) -> Spot {
        Spot::File(self.id(path))
    }

    fn name(&self, directory: &str, name: &str) -> Spot {
        Spot::Name(self.id(directory), name.into())
    }
}

impl Places for Machine {
    fn look(&self, path: &Path) -> Looked {
        self.0.get(path).copied().unwrap_or(Looked::Nothing)
    }

    fn mounts(&self) -> Vec<PathBuf> {
        self.0.keys().filter(|path| path.ends_with("mounted")).cloned().collect()
    }
}

fn internal(path: &str) -> Zone {
    Zone { internal: true, ..Zone::new(path) }
}

fn let_through(path: &str, expires_at: Option<u64>, op: Option<Op>) -> Override {
    Override { path: path.into(), expires_at, op, ..Override::default() }
}

fn lower(policy: &Policy, machine: &Machine) -> Table {
    Table::lower(policy, machine).unwrap()
}

fn says(table: &Table, spot: &Spot) -> Says {
    table.entries.get(spot).cloned().unwrap_or_default()
}

#[test]
fn a_directory_is_said_by_itself_and_its_name_and_anything_else_by_its_name() {
    let machine = Machine::of(&["/p/proj", "/etc"], &["/etc/conf"]);
    let zones = ["/p/proj", "/etc/conf", "/p/later", "/q/r/s"].map(Zone::new).into();
    let table = lower(&Policy { zones, ..Policy::default() }, &machine);
    let zone = |spot| says(&table, &spot).zones;
    assert_eq!((zone(machine.directory("/p/proj")), zone(machine.name("/p", "proj"))), (1, 1));
    assert_eq!(zone(machine.name("/etc", "conf")), 2);
    assert_eq!(zone(machine.name("/p", "later")), 4);
    assert_eq!(table.entries.values().filter(|says| says.zones != 0).count(), 4, "/q is not there");
    assert_eq!(table.zones.len(), 4);
}

#[test]
fn what_holds_a_zone_is_known_up_to_the_root() {
    let machine = Machine::of(&["/a/b/c", "/a/x"], &[]);
    let zones = vec![Zone::new("/a/b/c"), Zone::new("/a/x")];
    let table = lower(&Policy { zones, ..Policy::default() }, &machine);
    let carried = |path: &str| says(&table, &machine.directory(path)).carried;
    assert_eq!(["/a/b/c", "/a/b", "/a", "/", "/a/x"].map(carried), [1, 1, 3, 3, 2]);
}

#[test]
fn what_is_let_through_says_from_which_zones_and_until_when() {
    let machine = Machine::of(&["/a/b", "/a/c", "/d/e"], &[]);
    let zones = vec![Zone::new("/a/b"), Zone::new("/a/c"), Zone::new("/d/e")];
    let overrides = vec![
        let_through("/a/b", Some(200), Some(Op::Rename)),
        let_through("/a/b", Some(100), None),
        let_through("/d", None, None),
        let_through("/d", Some(50), None),
    ];
    let table = lower(&Policy { zones, overrides, ..Policy::default() }, &machine);
    assert_eq!(table.freed, [[100, 100, 200, 100], [0; 4], [FOREVER; 4]]);
    let opens = |path: &str| {
        let says = says(&table, &machine.directory(path));
        (says.opens, says.until)
    };
    assert_eq!(opens("/a/b"), (7, [100, 100, 200, 100]));
    assert_eq!(opens("/d"), (7, [FOREVER; 4]));
}

#[test]
fn what_is_es_guards_own_is_opened_from_below_only() {
    let machine = Machine::of(&["/h/state"], &["/h/policy.json"]);
    let zones = vec![internal("/h/state"), internal("/h/policy.json"), Zone::new("/h")];
    let overrides = vec![let_through("/h/state", None, None), let_through("/h/state/free", None, None)];
    let mut table = lower(&Policy { zones, overrides, ..Policy::default() }, &machine);
    let opens = |spot| says(&table, &spot).opens;
    assert_eq!(opens(machine.directory("/h/state")), 0b100);
    assert_eq!(opens(machine.name("/h/state", "free")), 0b101);
    assert_eq!((table.sealed, table.freed[0]), (0b011, [0; 4]));
    let file = Spot::File(machine.id("/h/policy.json"));
    assert_eq!((says(&table, &machine.name("/h", "policy.json")).zones, says(&table, &file).zones), (2, 2));
    let ledger = FileId { device: 7, inode: 4711 };
    table.seal([ledger]);
    assert_eq!(says(&table, &Spot::File(ledger)).zones, 1);
}

#[test]
fn a_prefix_is_exempt_only_from_zones_above_it_and_a_name_from_all_that_are_a_persons() {
    let machine = Machine::of(&["/tmp/p"], &[]);
    let zones = ["/tmp", "/", "/tmp/p"].map(Zone::new).into_iter().chain([internal("/")]).collect();
    let exempt_names = vec!["out".to_owned()];
    let table = lower(&Policy { zones, exempt_names, ..Policy::default() }, &machine);
    assert_eq!(says(&table, &machine.directory("/tmp")).exempts, 0b0010);
    let of = |name: &str| table.exempt_names.get(name.as_bytes());
    assert_eq!((of("out"), of("target")), (Some(&0b0111), Some(&0b0111)));
    assert_eq!(table.exempt_names.len(), EXEMPT_NAMES.len() + 1);
}

#[test]
fn each_layer_has_zones_exempt_names_and_overrides_of_its_own() {
    let machine = Machine::of(&["/p/x", "/q/y", "/q/x"], &[]);
    let outer = Policy {
        zones: vec![Zone::new("/p"), internal("/h")],
        overrides: vec![let_through("/p/x", Some(200), None), let_through("/q/y", Some(100), None)],
        ..Policy::default()
    };
    let mut inner = Policy {
        zones: vec![Zone::new("/q"), Zone::new("/p")],
        overrides: vec![let_through("/p/x", None, Some(Op::Rename)), let_through("/q/x", None, None)],
        exempt_names: vec!["out".into()],
        ..Policy::default()
    };
    inner.overrides.push(let_through("/q/y", Some(100), None));
    let table = lower(&Policy { layers: vec![outer.clone(), inner], ..outer }, &machine);
    assert_eq!((table.layers.as_slice(), table.sealed), (&[0b0011, 0b1100][..], 0b0010));
    let of = |name: &str| table.exempt_names[name.as_bytes()];
    assert_eq!((of("out"), of("target")), (0b1100, 0b1101));
    let zones = |path: &str| says(&table, &machine.directory(path)).zones;
    assert_eq!((zones("/p"), zones("/q")), (0b1001, 0b0100));
    let opens = |path: &str| {
        let says = says(&table, &machine.directory(path));
        (says.opens, says.until)
    };
    assert_eq!(opens("/p/x"), (0b1101, [0, 0, 200, 0]), "the earlier end, in each");
    assert_eq!(opens("/q/x"), (0b1100, [FOREVER; 4]));
    assert_eq!(opens("/q/y"), (0b1101, [100; 4]));
}

#[test]
fn what_is_mounted_in_a_zone_is_in_it_unless_something_exempt_lies_between() {
    let machine = Machine::of(&["/p/mounted", "/p/target/mounted", "/q/mounted"], &[]);
    let table = lower(&Policy { zones: vec![Zone::new("/p")], ..Policy::default() }, &machine);
    let zones = |path: &str| says(&table, &machine.directory(path)).zones;
    assert_eq!(["/p/mounted", "/p/target/mounted", "/q/mounted"].map(zones), [1, 0, 0]);
}

#[test]
fn a_zone_that_a_person_moved_away_is_one_still() {
    let machine = Machine::of(&["/p", "/q/moved"], &[]);
    let mut table = lower(&Policy { zones: vec![Zone::new("/p/z")], ..Policy::default() }, &machine);
    table.follow(Path::new("/p/z"), machine.id("/q/moved"), &[machine.id("/q")]);
    assert_eq!(says(&table, &machine.directory("/q/moved")).zones, 1);
    assert_eq!(says(&table, &machine.directory("/q")).carried, 1);
    assert_eq!(says(&table, &machine.name("/p", "z")).zones, 1);
}

#[test]
fn what_can_t_be_said_is_an_error_and_not_a_cut() {
    let mut machine = Machine::of(&["/p"], &[]);
    machine.0.insert("/b".into(), Looked::Alike);
    let lower = |policy| Table::lower(&policy, &machine).unwrap_err();
    let zones: Vec<_> = (0..=MAX_ZONES).map(|n| Zone::new(format!("/p/{n}"))).collect();
    assert_eq!(lower(Policy { zones, ..Policy::default() }), NotLowered::TooManyZones(MAX_ZONES + 1));
    let layers = vec![Policy::default(); MAX_LAYERS + 1];
    assert_eq!(lower(Policy { layers, ..Policy::default() }), NotLowered::TooManyLayers(MAX_LAYERS + 1));
    let half =
        |n| Policy { zones: vec![Zone::new(format!("/p/{n}")); MAX_ZONES / 2 + 1], ..Policy::default() };
    let layers = vec![half(1), half(2)];
    assert_eq!(lower(Policy { layers, ..half(1) }), NotLowered::TooManyZones(MAX_ZONES + 2));
    let layers = vec![Policy::default(), half(1)];
    assert_eq!(lower(Policy { layers, ..half(1) }), NotLowered::TooManyInnerZones(MAX_INNER_ZONES + 1));
    let long = Policy { exempt_names: vec!["x".repeat(MAX_NAME + 1)], ..Policy::default() };
    assert!(matches!(lower(long), NotLowered::LongName(_)));
    let zone = |zone| lower(Policy { zones: vec![zone], ..Policy::default() });
    assert_eq!(zone(Zone::new("/b")), NotLowered::Alike("/b".into()));
    let early = zone(internal("/q/policy.json"));
    assert!(early.to_string().contains("the directory /q is not there. Make it"), "{early}");
}
