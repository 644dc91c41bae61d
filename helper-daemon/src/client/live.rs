//! A live session: finding it, and asking it.

#[cfg_attr(target_os = "linux", path = "live/linux.rs")]
#[cfg_attr(target_os = "macos", path = "live/macos.rs")]
mod own;

use super::system;
use super::{ClientError, door};
use crate::policy::Policy;
use crate::policy::check::Checked;
use crate::policy::operation::Op;
use crate::protocol::{
    AccessRequest, Decision, Description, Event, LiveOverride, MAX_WAIT, NumberedDenial, Refusal,
    RefusalCode, Request, RequestState,
};
use crate::session::SessionId;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The variable by which a process of a tree knows its session.
pub const VARIABLE: &str = "ES_GUARD_SESSION";

/// A live session, and where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its name.
    pub session: SessionId,
    /// Where it is asked.
    pub address: Address,
}

/// Where a session is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// At the door of its own helper.
    Door(PathBuf),
    /// At the system's helper; `None`: where that listens by itself.
    System(Option<PathBuf>),
}

/// Where live sessions are looked for.
#[derive(Clone, Debug)]
pub struct Places {
    /// The state folder.
    pub state: PathBuf,
    /// Where the system's helper listens, if that was said; `none`: it is not asked.
    pub helper: Option<PathBuf>,
}

/// What was denied since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denials {
    /// In order.
    pub denials: Vec<NumberedDenial>,
    /// The number of the last one in the session.
    pub last: u64,
    /// How many more there were.
    pub dropped: u64,
}

impl Address {
    /// Asks; a refusal is an error.
    pub fn ask(&self, question: &Request) -> Result<Event, ClientError> {
        let event = match self {
            Address::Door(path) => door::ask(path, question)?,
            Address::System(path) => {
                let gone = || ClientError::Failed("the system's helper is gone".into());
                system::ask(path.as_deref(), question)?.ok_or_else(gone)?
            }
        };
        match event {
            Event::Refused(refusal) => Err(ClientError::Refused(refusal)),
            Event::Failed(failure) => Err(ClientError::Failed(failure.detail)),
            event => Ok(event),
        }
    }
}

/// The session that this process is inside, by the helper's word; the variables only say where to ask first.
pub fn inside(places: &Places) -> Option<Live> {
    let mut doors: Vec<PathBuf> = std::env::var_os(door::VARIABLE).map(PathBuf::from).into_iter().collect();
    let named = std::env::var(VARIABLE).ok().and_then(|name| SessionId::parse(&name));
    doors.extend(named.map(|name| door::path(&places.state, &name)));
    let told = doors.into_iter().find_map(inside_of);
    told.or_else(|| match system::ask(places.helper.as_deref(), &Request::Where) {
        Ok(Some(Event::Where { session: Some(session) })) => {
            Some(Live { session, address: Address::System(places.helper.clone()) })
        }
        _ => None,
    })
    .or_else(|| {
        // Who can tell that it is in no tree need not ask everywhere.
        let names = if own::may_be_inside() { door::names(&places.state) } else { Vec::new() };
        names.into_iter().find_map(|name| inside_of(door::path(&places.state, &name)))
    })
}

fn inside_of(door: PathBuf) -> Option<Live> {
    match door::ask(&door, &Request::Where) {
        Ok(Event::Where { session: Some(session) }) => Some(Live { session, address: Address::Door(door) }),
        _ => None,
    }
}

/// All live sessions that this process may see, the oldest first, each as its helper describes it.
pub fn all(places: &Places) -> Result<Vec<(Live, Description)>, ClientError> {
    let mut found = Vec::new();
    let of_system = system::sessions(places.helper.as_deref());
    let (sessions, error) = match of_system {
        Ok(sessions) => (sessions.unwrap_or_default(), None),
        // One that nobody named and nobody can ask is no reason to leave out the others.
        Err(error) if places.helper.is_none() => (Vec::new(), Some(error)),
        Err(error) => return Err(error.into()),
    };
    for session in sessions {
        let address = Address::System(places.helper.clone());
        found.push((Live { session: session.session.id.clone(), address }, session));
    }
    for name in door::names(&places.state) {
        let path = door::path(&places.state, &name);
        // One at which nobody answers is no live session's.
        let Ok(Event::Sessions { sessions, .. }) = door::ask(&path, &Request::List) else { continue };
        let own = sessions.into_iter().filter(|session| session.session.id == name);
        found.extend(
            own.map(|told| (Live { session: name.clone(), address: Address::Door(path.clone()) }, told)),
        );
    }
    if let (Some(error), true) = (error, found.is_empty()) {
        return Err(error.into());
    }
    found.sort_by(|(one, _), (other, _)| one.session.cmp(&other.session));
    Ok(found)
}

impl Live {
    fn ask<T>(&self, question: &Request, wanted: impl FnOnce(Event) -> Option<T>) -> Result<T, ClientError> {
        wanted(self.address.ask(question)?).ok_or(ClientError::OutOfTurn)
    }

    fn one(&self, question: &Request) -> Result<AccessRequest, ClientError> {
        self.ask(question, |event| match event {
            Event::Request { request } => Some(*request),
            _ => None,
        })
    }

    /// Has the session guard by this policy as well, until it ends.
    pub fn narrow(&self, policy: &Policy) -> Result<(), ClientError> {
        let (session, policy) = (self.session.clone(), policy.clone());
        self.ask(&Request::Narrow { session, policy }, |event| matches!(event, Event::Narrowed).then_some(()))
    }

    /// What was denied after that number; or, where none is given, after what this reader was told of last.
    pub fn denials(&self, since: Option<u64>, reader: Option<&str>) -> Result<Denials, ClientError> {
        let (session, reader) = (self.session.clone(), reader.map(str::to_owned));
        self.ask(&Request::Denials { session, since, reader }, |event| match event {
            Event::Denials { denials, last, dropped } => Some(Denials { denials, last, dropped }),
            _ => None,
        })
    }

    /// Asks for a path to be let through.
    pub fn request(
        &self,
        path: &Path,
        op: Option<Op>,
        reason: &str,
        seconds: Option<u64>,
    ) -> Result<AccessRequest, ClientError> {
        let (session, path, reason) = (self.session.clone(), path.to_owned(), reason.to_owned());
        self.one(&Request::Ask { session, path, op, reason, seconds })
    }

    /// What has become of a request, once it is answered, or after so long (`None`: however long that takes).
    /// `meanwhile` is called now and then while nothing has.
    pub fn wait(
        &self,
        number: u64,
        time: Option<Duration>,
        mut meanwhile: impl FnMut(),
    ) -> Result<AccessRequest, ClientError> {
        /// So that `meanwhile` is called often enough.
        const EACH: u64 = MAX_WAIT / 3;
        let until = time.map(|time| Instant::now() + time);
        loop {
            let left = until.map_or(EACH, |until| {
                let left = until.saturating_duration_since(Instant::now());
                EACH.min(left.as_secs() + u64::from(left.subsec_nanos() > 0))
            });
            let request = self.one(&Request::Await { session: self.session.clone(), number, wait: left })?;
            let over = until.is_some_and(|until| Instant::now() >= until);
            if request.state != RequestState::Pending || over {
                return Ok(request);
            }
            meanwhile();
        }
    }

    /// The requests that wait for an answer, and the version of that list; where `after` is that one, after so many
    /// seconds or when there is another.
    pub fn requests(&self, after: Option<u64>, wait: u64) -> Result<(Vec<AccessRequest>, u64), ClientError> {
        let question = Request::Requests { session: self.session.clone(), after, wait };
        self.ask(&question, |event| match event {
            Event::Requests { requests, version } => Some((requests, version)),
            _ => None,
        })
    }

    /// Answers a request.
    pub fn answer(
        &self,
        number: u64,
        decision: Decision,
        word: Option<String>,
    ) -> Result<AccessRequest, ClientError> {
        self.one(&Request::Answer { session: self.session.clone(), number, decision, word })
    }

    /// What would become of an operation, and the last request for it.
    pub fn check(
        &self,
        op: Op,
        path: &Path,
        dest: Option<&Path>,
    ) -> Result<(Checked, Option<AccessRequest>), ClientError> {
        let (session, path, dest) = (self.session.clone(), path.to_owned(), dest.map(Path::to_owned));
        self.ask(&Request::Check { session, op, path, dest }, |event| match event {
            Event::Checked { checked, request } => Some((checked, request.map(|request| *request))),
            _ => None,
        })
    }

    /// What is let through.
    pub fn overrides(&self) -> Result<(Vec<LiveOverride>, usize), ClientError> {
        self.ask(&Request::Overrides { session: self.session.clone() }, |event| match event {
            Event::Overrides { overrides, left_out } => Some((overrides, left_out)),
            _ => None,
        })
    }

    /// Lets a path through.
    pub fn grant(
        &self,
        path: &Path,
        op: Option<Op>,
        expires_at: Option<u64>,
        reason: Option<String>,
    ) -> Result<LiveOverride, ClientError> {
        let (session, path) = (self.session.clone(), path.to_owned());
        self.ask(&Request::Grant { session, path, expires_at, reason, op }, |event| match event {
            Event::Granted { granted } => Some(granted),
            _ => None,
        })
    }

    /// Takes that back.
    pub fn revoke(&self, path: &Path) -> Result<LiveOverride, ClientError> {
        let (session, path) = (self.session.clone(), path.to_owned());
        self.ask(&Request::Revoke { session, path }, |event| match event {
            Event::Revoked { revoked } => Some(revoked),
            _ => None,
        })
    }
}

impl ClientError {
    /// The code of a refusal.
    pub fn code(&self) -> Option<RefusalCode> {
        match self {
            ClientError::Refused(Refusal { code, .. }) => Some(*code),
            _ => None,
        }
    }
}
