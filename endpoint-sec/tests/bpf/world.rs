//! A floor of the tests' own, sessions on it, and shells that belong to them.

use endpoint_sec::linux::bpf::layout::{ES_HAS_NAMES, es_entry, es_freed, es_session, es_table};
use endpoint_sec::linux::bpf::{Floor, Kind, Name, Node, Record, Records, Table, probe, uninstall};
use endpoint_sec::linux::token::AuditToken;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

static WORLD: LazyLock<Option<World>> = LazyLock::new(|| has_floor().then(World::new));

/// Whether this kernel has one; where it is required it is an error that it has none.
pub(crate) fn has_floor() -> bool {
    let required = std::env::var("ES_GUARD_TEST_REQUIRE").unwrap_or_default();
    match probe() {
        Ok(()) => true,
        Err(missing) if required.split(',').any(|word| word == "bpf-lsm") => panic!("required: {missing}"),
        Err(missing) => {
            eprintln!("skipped: {missing}");
            false
        }
    }
}

pub(crate) struct World {
    inner: Mutex<Inner>,
    /// Held to write by a test that others would disturb.
    alone: RwLock<()>,
}

pub(crate) struct Inner {
    pub(crate) floor: Floor,
    pub(crate) records: Records,
    denials: BTreeMap<u32, Vec<Record>>,
    /// How many denials were told of a session.
    told: BTreeMap<u32, u64>,
    /// Sessions of which nobody is left.
    pub(crate) ended: BTreeSet<u32>,
    next: u32,
}

/// A test's hold of the one floor.
pub(crate) struct Here {
    world: &'static World,
    _others: Result<RwLockReadGuard<'static, ()>, RwLockWriteGuard<'static, ()>>,
}

/// The one floor, with other tests; `None` where this kernel has none.
pub(crate) fn world() -> Option<Here> {
    let world = WORLD.as_ref()?;
    Some(Here { world, _others: Ok(world.alone.read().unwrap_or_else(PoisonError::into_inner)) })
}

/// The same without other tests.
pub(crate) fn world_alone() -> Option<Here> {
    let world = WORLD.as_ref()?;
    Some(Here { world, _others: Err(world.alone.write().unwrap_or_else(PoisonError::into_inner)) })
}

pub(crate) fn pins() -> PathBuf {
    "/sys/fs/bpf/es-guard-test".into()
}

impl World {
    fn new() -> Self {
        uninstall(&pins()).unwrap();
        let began = Instant::now();
        let floor = Floor::open(&pins()).unwrap_or_else(|error| panic!("{error}"));
        eprintln!("loaded in {:?}", began.elapsed());
        let records = floor.records().unwrap();
        let inner = Inner {
            floor,
            records,
            denials: BTreeMap::new(),
            told: BTreeMap::new(),
            ended: BTreeSet::new(),
            next: 1,
        };
        Self { inner: Mutex::new(inner), alone: RwLock::new(()) }
    }
}

impl Here {
    pub(crate) fn lock(&self) -> MutexGuard<'static, Inner> {
        self.world.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session with these zones, of which `sealed` are es-guard's own.
    pub(crate) fn session(&self, zones: &[&Path], sealed: u64) -> u32 {
        let mut inner = self.lock();
        // What a flood has left would take the room of what is told of this one.
        inner.read();
        inner.next += 1;
        let session = inner.next;
        inner.floor.begin(session, 0).unwrap();
        inner.floor.write(session, 1, &table(zones, sealed)).unwrap();
        inner.floor.swap(session, 1).unwrap();
        session
    }

    pub(crate) fn end(&self, session: u32) {
        self.lock().floor.end(session).unwrap();
    }

    pub(crate) fn counted(&self, session: u32) -> es_session {
        self.lock().floor.session(session).unwrap().unwrap()
    }

    /// A shell that belongs to the session and waits for a line.
    pub(crate) fn shell(&self, session: u32, dir: &Path, script: &str) -> Child {
        let child = waiting(dir, script);
        let token = AuditToken::of(child.id() as i32).unwrap();
        self.lock().floor.enrol(session, token).unwrap();
        child
    }

    /// Runs a script in a session, and gives how it ended with what was denied of it.
    pub(crate) fn run(&self, session: u32, dir: &Path, script: &str) -> (Output, Vec<Record>) {
        let child = self.shell(session, dir, script);
        let output = go_on(child);
        (output, self.denials(session))
    }

    /// What has been told of a session since it was asked last: all that it was denied until now. A record comes
    /// after those that were begun before it, so it may take a moment.
    pub(crate) fn denials(&self, session: u32) -> Vec<Record> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let mut inner = self.lock();
            inner.read();
            let counted = inner.floor.session(session).unwrap().unwrap();
            let told = inner.told.get(&session).copied().unwrap_or(0);
            if told + counted.lost >= counted.denied {
                return inner.denials.remove(&session).unwrap_or_default();
            }
            assert!(Instant::now() < until, "{told} records of {counted:?}");
            drop(inner);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Inner {
    pub(crate) fn read(&mut self) {
        while let Some(bytes) = self.records.next() {
            match Record::head(&bytes).unwrap() {
                (Kind::Denial, of) => {
                    *self.told.entry(of).or_default() += 1;
                    self.denials.entry(of).or_default().push(Record::decode(&bytes).unwrap());
                }
                (Kind::TreeEnded, of) => drop(self.ended.insert(of)),
            }
        }
    }
}

/// A shell that waits for a line, and belongs to no session yet.
pub(crate) fn waiting(dir: &Path, script: &str) -> Child {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("read -r go\n{script}")]).current_dir(dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn go_on(mut child: Child) -> Output {
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    child.wait_with_output().unwrap()
}

/// Runs a script that belongs to no session.
pub(crate) fn bare(dir: &Path, script: &str) -> Output {
    go_on(waiting(dir, script))
}

pub(crate) fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    format!("{}: {}", output.status, String::from_utf8_lossy(&text))
}

pub(crate) fn text(names: &[Vec<u8>]) -> String {
    names.iter().map(|name| format!("/{}", String::from_utf8_lossy(name))).collect()
}

pub(crate) fn node(path: &Path) -> Node {
    let found = fs::metadata(path).unwrap();
    let (major, minor) = (libc::major(found.dev()), libc::minor(found.dev()));
    Node { dev: major << 20 | minor, ino: found.ino() }
}

pub(crate) const EMPTY: es_entry =
    es_entry { zones: 0, carried: 0, exempts: 0, opens: 0, until: [0; 4], flags: 0, zero: 0 };

/// As the helper lowers a policy: the zones, their names, what is above them.
pub(crate) fn table(zones: &[&Path], sealed: u64) -> Table {
    let mut places: BTreeMap<Node, es_entry> = BTreeMap::new();
    let mut names = Vec::new();
    let mut devices = [0; 16];
    for (number, zone) in zones.iter().enumerate() {
        let bit = 1 << number;
        let parent = zone.parent().unwrap();
        places.entry(node(parent)).or_insert(EMPTY).flags |= ES_HAS_NAMES;
        let entry = es_entry { zones: bit, carried: bit, ..EMPTY };
        let name = zone.file_name().unwrap().as_bytes().to_vec();
        names.push((Name { parent: node(parent), name }, entry));
        if zone.is_dir() {
            places.entry(node(zone)).or_insert(EMPTY).zones |= bit;
            places.entry(node(zone)).or_insert(EMPTY).carried |= bit;
        }
        for above in zone.ancestors().skip(1) {
            places.entry(node(above)).or_insert(EMPTY).carried |= bit;
        }
        devices[number] = node(parent).dev;
    }
    let facts = es_table {
        sealed,
        exempt_lengths: 1 << "target".len(),
        roots: [0; 8],
        layers: std::array::from_fn(|layer| if layer == 0 { !0 } else { 0 }),
        devices,
        freed: [es_freed { until: [0; 4] }; 64],
    };
    Table { facts, places: places.into_iter().collect(), names, exempt: vec![(b"target".to_vec(), !sealed)] }
}
