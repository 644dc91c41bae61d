//! The programs, attached and pinned. The only room that loads anything.

use super::error::Error;
use super::layout::{ES_FOLLOWED, es_session};
use super::maps::{self, Maps, NAMES, Plain, find, pinned};
use super::pins::Pins;
use super::probe::is_fully_preemptible;
use super::records::Records;
use aya::maps::{Array, Map, MapData, MapInfo};
use aya::programs::links::FdLink;
use aya::programs::{Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use endpoint_sec_sys::linux::bpf::GUARD;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How a key of the map `guarded` says what an id is of.
const A_MAP: u64 = 1 << 32;
const A_PROGRAM: u64 = 2 << 32;

/// The guard in the kernel: on from [`Floor::open`] until [`uninstall`](super::uninstall), whoever lives.
///
/// Loading takes about a second, on a slow machine several: once, when a helper starts.
#[derive(Debug)]
pub struct Floor {
    pub(super) pins: Pins,
    pub(super) maps: Maps,
}

impl Floor {
    /// Takes over what is pinned below `pins`, or loads, attaches and pins it. Another build's programs are replaced
    /// without a moment in between; its maps stay, with all sessions, where the layout is the same.
    ///
    /// `pins`: an absolute path on a bpf file system, whose parent is there. Needs root.
    pub fn open(pins: &Path) -> Result<Self, Error> {
        let pins = Pins::make(pins)?;
        if !pins.programs().exists() {
            load(&pins)?;
        }
        pins.drop_others()?;
        let mut floor = Self { maps: Maps::open(&pins.maps())?, pins };
        floor.drop_older()?;
        floor.make_homes()?;
        Ok(floor)
    }

    /// What the programs tell. At one time one reader only.
    pub fn records(&self) -> Result<Records, Error> {
        Records::open(pinned(&self.pins.maps(), "records")?)
    }

    /// Begins a session of a user. Nobody belongs to it yet, and until a version of its table counts, whatever those
    /// who belong to it would remove is refused.
    pub fn begin(&mut self, session: u32, uid: u32) -> Result<(), Error> {
        let value = es_session { uid, ..es_session::default() };
        // There already is no begin.
        const NOT_THERE_YET: u64 = 1;
        self.maps.sessions.insert(session, Plain(value), NOT_THERE_YET).map_err(Error::map("sessions"))
    }

    /// What the kernel has counted of a session.
    pub fn session(&self, session: u32) -> Result<Option<es_session>, Error> {
        Ok(find(&self.maps.sessions, "sessions", &session)?.map(|Plain(value)| value))
    }

    /// All sessions.
    pub fn sessions(&self) -> Result<Vec<(u32, es_session)>, Error> {
        let each =
            |found: Result<(u32, Plain<es_session>), _>| found.map(|(number, Plain(value))| (number, value));
        self.maps.sessions.iter().map(each).collect::<Result<_, _>>().map_err(Error::map("sessions"))
    }

    /// Ends a session: nothing is left of it. All its threads must have ended.
    pub fn end(&mut self, session: u32) -> Result<(), Error> {
        let alive = self.session(session)?.map_or(0, |found| found.alive);
        if alive > 0 {
            return Err(Error::Alive { session, alive });
        }
        let maps = &mut self.maps;
        maps::take(&mut maps.versions, "versions", &session)?;
        self.forget_tables(|of, _| of == session)?;
        let maps = &mut self.maps;
        maps::sweep(&mut maps.own, "own", |_, own| own.0.session == session)?;
        maps::sweep(&mut maps.own_directories, "own_directories", |_, own| own.0.session == session)?;
        maps::sweep(&mut maps.saved_over, "saved_over", |_, of| *of == session)?;
        maps::take(&mut maps.sessions, "sessions", &session)
    }

    /// Programs and maps of another layout go once none of their sessions is left.
    fn drop_older(&mut self) -> Result<(), Error> {
        for layout in self.pins.older()? {
            let sessions = self.pins.maps_of(layout).join("sessions");
            let is_empty = MapData::from_pin(&sessions).map_or(true, |map| {
                let keys = aya::maps::HashMap::<_, u32, Plain<es_session>>::try_from(Map::HashMap(map));
                // Of another size it is another layout's, too: it is looked at by hand.
                keys.is_ok_and(|keys| keys.keys().next().is_none())
            });
            if is_empty {
                self.pins.drop_layout(layout)?;
            }
        }
        Ok(())
    }
}

/// Loads the object over the pinned maps, attaches every program, pins their links.
fn load(pins: &Pins) -> Result<(), Error> {
    let types = Btf::from_sys_fs().map_err(|error| Error::Types(Box::new(error)))?;
    let mut loader = EbpfLoader::new();
    loader.btf(Some(&types));
    for name in NAMES {
        loader.map_pin_path(name, pins.maps().join(name));
    }
    let mut object = loader.load(GUARD).map_err(|error| Error::Load(Box::new(error)))?;
    let mut maps = Maps::open(&pins.maps())?;
    make_secret(pins)?;
    let new = pins.begin()?;
    let mut followed = !is_fully_preemptible();
    for (name, program) in programs(&mut object) {
        let failed = |source| Error::Program { name: name.clone(), source: Box::new(source) };
        let is_needed = !matches!(program, Program::FExit(_));
        let (id, link) = match attach(&name, program, &types) {
            // Without it nothing is kept that holds until a rename.
            Err(_) if !is_needed => {
                followed = false;
                continue;
            }
            attached => attached.map_err(failed)?,
        };
        let path = new.join(&name);
        link.pin(&path).map_err(|error| Error::pin(&path)(std::io::Error::other(error)))?;
        maps.guarded.insert(A_PROGRAM | u64::from(id), 1, 0).map_err(Error::map("guarded"))?;
    }
    for id in map_ids(pins)? {
        maps.guarded.insert(A_MAP | u64::from(id), 1, 0).map_err(Error::map("guarded"))?;
    }
    maps.turns.set(ES_FOLLOWED, u64::from(followed), 0).map_err(Error::map("turns"))?;
    pins.finish(&new)
}

/// Who belongs to a session comes last: until then the rest has nothing to say.
fn programs(object: &mut Ebpf) -> Vec<(String, &mut Program)> {
    let mut all: Vec<_> = object.programs_mut().map(|(name, program)| (name.to_owned(), program)).collect();
    all.sort_by_key(|(name, _)| (name.starts_with("task_") || name == "enrol", name.clone()));
    all
}

fn attach(name: &str, program: &mut Program, types: &Btf) -> Result<(u32, FdLink), ProgramError> {
    match program {
        Program::Lsm(program) => {
            program.load(name, types)?;
            let link = program.attach()?;
            let link = program.take_link(link)?;
            Ok((program.info()?.id(), link.into()))
        }
        Program::BtfTracePoint(program) => {
            program.load(name, types)?;
            let link = program.attach()?;
            let link = program.take_link(link)?;
            Ok((program.info()?.id(), link.into()))
        }
        Program::FExit(program) => {
            program.load(name, types)?;
            let link = program.attach()?;
            let link = program.take_link(link)?;
            Ok((program.info()?.id(), link.into()))
        }
        Program::Iter(program) => {
            program.load("task", types)?;
            let link = program.attach()?;
            let link = program.take_link(link)?;
            let link = link.try_into().map_err(|_| ProgramError::NotAttached)?;
            Ok((program.info()?.id(), link))
        }
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// What names are hashed with: once for all that is kept in these maps.
fn make_secret(pins: &Pins) -> Result<(), Error> {
    let failed = Error::map("secret");
    let map = Map::Array(pinned(&pins.maps(), "secret")?);
    let mut secret = Array::<_, u64>::try_from(map).map_err(&failed)?;
    for index in 0..2 {
        if secret.get(&index, 0).map_err(&failed)? == 0 {
            let mut bytes = [0; 8];
            let path = Path::new("/dev/urandom");
            File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).map_err(Error::pin(path))?;
            secret.set(index, u64::from_ne_bytes(bytes) | 1, 0).map_err(&failed)?;
        }
    }
    Ok(())
}

fn map_ids(pins: &Pins) -> Result<Vec<u32>, Error> {
    NAMES
        .iter()
        .map(|name| MapInfo::from_pin(pins.maps().join(name)).map(|info| info.id()).map_err(Error::map(name)))
        .collect()
}
