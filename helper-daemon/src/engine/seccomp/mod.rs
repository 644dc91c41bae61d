//! The seccomp engine: resolve once, act on what was resolved.
//!
//! A trapped call waits while this engine reads its arguments once, resolves each path to a directory handle
//! as the caller would see it, has the operation judged, and performs it on that handle with the caller's
//! credentials. The kernel never reads the path again, so no other thread can change it in between.
//!
//! | room | what it does |
//! |---|---|
//! | [`settings`], [`serve`], [`answer`], [`outcome`] | what it is started with; the threads that receive; from a call to its answer and record |
//! | [`explain`] | telling a command in its own output why it was refused something |
//! | [`turns`] | the order in which denials are told of |
//! | [`view`] | where the zones are, and whether a handle lies in one |
//! | [`keeper`] | following the zones as they move |
//! | [`own`], [`below`] | which names the session itself made; looking through a directory |
//! | [`remove`], [`rename`], [`moves`], [`create`], [`link`], [`mount`] | one operation each |
//! | [`overlay`] | what overlays of the session write to |
//! | [`mod@write`], [`open`] | opening for writing: what is refused, and performing the rest |
//! | [`reach`] | signals to es-guard's own processes, and other ways to get at them |
//! | [`keep`], [`rename_kept`], [`dates`] | keeping what is taken in the session's stash |
//! | [`held`], [`hold`], [`settle`] | what replacers remove: held until it is made again, or put back |
//! | [`by_git`], [`sort`] | letting git take what it tracks, and looking at that afterwards |
//! | [`inner`] | repositories inside of the one that git works on |
//! | [`bare`] | what the kernel would have refused anyway |
//! | [`who`] | acting as the caller; telling git and replacers from others |
//! | [`known`] | what need not be asked again of a caller |
//! | [`single_use`] | overrides that the first operation uses up |
//!
//! One lock a session is held around judging and acting on everything that is not plainly outside all zones.
//! Every change of names by the tree goes through it, and nothing protected ever leaves its zone: so no
//! rename can overtake a verdict.

mod answer;
mod bare;
mod below;
mod by_git;
mod create;
mod dates;
mod explain;
mod held;
mod hold;
mod inner;
mod keep;
mod keeper;
mod known;
mod link;
mod mount;
mod moves;
mod open;
mod outcome;
mod overlay;
mod own;
mod reach;
mod remove;
mod rename;
mod rename_kept;
mod serve;
mod settings;
mod settle;
mod single_use;
mod sort;
mod turns;
mod view;
mod who;
mod write;

pub use reach::Ward;
pub use serve::Seccomp;
pub use settings::{OnConfined, Settings, Stance};

use crate::engine::Witness;
use crate::git::clerk::Clerk;
use crate::policy::has_git_component;
use crate::policy::judge::{Circumstances, Verdict, judge};
use crate::policy::operation::{Kind, Operation, Place};
use crate::stash::Store;
use dates::Dates;
use endpoint_sec::linux::caller::{Caller, Unread};
use endpoint_sec::linux::event::{At, Event, decode};
use endpoint_sec::linux::handle::{self, Stat};
use endpoint_sec::linux::in_person::on_behalf_of;
use endpoint_sec::linux::listener::{Answer, Listener, Trapped};
use endpoint_sec::linux::resolve::Entry;
use explain::Explaining;
use keeper::ViewKeeper;
use known::Known;
use nix::errno::Errno;
use outcome::{Outcome, Reply, Told, incident};
use overlay::AllWritten;
use own::Own;
use settle::Ends;
use single_use::SingleUses;
use sort::Heap;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use turns::Turns;
use view::{View, Where};
use who::Who;

/// Everything the threads of one session share.
struct Session {
    listener: Listener,
    view: Mutex<ViewKeeper>,
    /// The lock around judge and act; what it guards is what acting changes.
    own: Mutex<Own>,
    who: Who,
    known: Known,
    stance: Stance,
    /// es-guard's processes that the tree could reach.
    wards: RwLock<Vec<Ward>>,
    /// Where what is let through in a zone with a stash is kept.
    stash: Option<Store>,
    /// Directories that things were taken from.
    dates: Mutex<Dates>,
    explaining: Explaining,
    heap: Heap,
    /// Files that es-guard records this session in: device and inode.
    kept: HashSet<(u64, u64)>,
    /// Who reads repositories.
    clerk: Clerk,
    /// Set once a process of the tree has confined itself with Landlock: from then on nothing is performed
    /// for the tree, as that would bypass its confinement.
    confined: AtomicBool,
    on_confined: Option<OnConfined>,
    /// What overlays that the session mounted write to.
    written_to: AllWritten,
    ends: Ends,
    single_uses: SingleUses,
    turns: Turns,
    witness: Arc<dyn Witness>,
}

/// One trapped call that is being handled.
#[derive(Clone, Copy)]
struct Case {
    id: u64,
    caller: Caller,
}

/// A caller's name, resolved.
struct Seen {
    entry: Entry,
    /// The directory.
    dir: Stat,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked has answered its own call with a refusal; the sets it guards hold at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Handles one call: `Err` is a refusal.
    fn handle(&self, trapped: &Trapped) -> Outcome {
        let case = Case { id: trapped.id, caller: Caller::new(trapped.tid) };
        let done = on_behalf_of(case.caller, || {
            decode(trapped, &case.caller).and_then(|event| self.dispatch(case, event))
        });
        done.unwrap_or_else(|unread| match unread {
            Unread::Bare(errno) => Answer::Fail(errno).into(),
            // Nobody is left to get the answer.
            Unread::Gone => Answer::Fail(Errno::ESRCH).into(),
            Unread::Refused(_) => self.unreadable(case),
        })
    }

    fn dispatch(&self, case: Case, event: Event) -> Result<Outcome, Unread> {
        match event {
            Event::Remove { at, directory } => self.remove(case, &at, directory),
            Event::Rename { from, to, flags } => self.rename(case, &from, &to, flags),
            Event::Create { at, what } => self.create(case, &at, &what),
            Event::Write { at, how } => self.write(case, &at, how),
            Event::Mount { over, writes } => self.mount(case, over.as_ref(), &writes),
            Event::Unmount { at } => self.unmount(case, &at),
            Event::Reach { whom, purpose } => self.reach(case, whom, purpose),
            Event::DestroySubvolume { dirfd, name } => self.destroy_subvolume(case, dirfd, name),
            Event::Confine => {
                self.confine();
                Ok(Answer::Continue.into())
            }
            Event::BecomeUnreadable => Ok(Answer::Value(0).into()),
            Event::ChangeCredentials => {
                self.who.credentials_vary();
                Ok(Answer::Continue.into())
            }
            Event::ChangeUmask => {
                self.known.mask_changes(&case.caller);
                Ok(Answer::Continue.into())
            }
            Event::ChangeView => {
                self.known.unsettle();
                Ok(Answer::Continue.into())
            }
            // As on a kernel that lacks the call: then the flags are in a register.
            Event::HarmlessNow if self.stance == Stance::Withstands && !self.confined() => {
                Ok(Answer::Fail(Errno::ENOSYS).into())
            }
            Event::Harmless | Event::HarmlessNow => Ok(Answer::Continue.into()),
        }
    }

    fn see(&self, case: Case, at: &At) -> Result<Seen, Unread> {
        let home = at.path.starts_with(b"/") && self.known.is_at_home(&case.caller);
        let root = home.then(|| self.known.root());
        let entry = self.search(&case.caller, || Entry::resolve_from(&case.caller, at, root))?;
        let dir = entry.dir.stat().map_err(Unread::Bare)?;
        // Everything up to here was read through the caller's pid.
        if self.listener.still_valid(case.id) { Ok(Seen { entry, dir }) } else { Err(Unread::Gone) }
    }

    fn view(&self) -> Arc<View> {
        lock(&self.view).current()
    }

    /// The view as it was looked up last: what a rename of the tree has changed since is in it.
    fn same_view(&self) -> Arc<View> {
        lock(&self.view).last()
    }

    /// From here on nothing is performed for the tree.
    fn confine(&self) {
        if !self.confined.swap(true, Ordering::SeqCst)
            && let Some(told) = &self.on_confined
        {
            told();
        }
    }

    fn confined(&self) -> bool {
        self.confined.load(Ordering::SeqCst)
    }

    /// What is at a name, for the judge.
    fn place(&self, own: &Own, seen: &Seen, paths: Vec<PathBuf>, found: Option<&Stat>) -> Place {
        let key = (seen.dir.dev, seen.dir.ino);
        let own = found.is_some_and(|stat| own.has(key, seen.entry.bare_name(), stat));
        Place { paths, kind: found.map(kind), own }
    }

    fn circumstances(&self, view: &View, case: Case, operation: &Operation) -> Circumstances {
        let places = match operation {
            Operation::Unlink(place)
            | Operation::Rmdir(place)
            | Operation::Write(place)
            | Operation::Cover(place) => [Some(place), None],
            Operation::Rename { from, to } => [Some(from), Some(to)],
            Operation::Exchange { first, second } => [Some(first), Some(second)],
        };
        let git_matters =
            places.iter().flatten().flat_map(|place| &place.paths).any(|p| has_git_component(p));
        let git = git_matters && self.who.is_git(view, &case.caller);
        Circumstances { now: unix_now(), git, ..Circumstances::default() }
    }

    fn verdict(&self, view: &View, case: Case, operation: &Operation) -> (Verdict, Circumstances) {
        self.verdict_in(view, case, operation, self.circumstances(view, case, operation))
    }

    fn verdict_in(
        &self,
        view: &View,
        case: Case,
        operation: &Operation,
        when: Circumstances,
    ) -> (Verdict, Circumstances) {
        let policy = self.single_uses.left(&view.policy);
        let verdict = judge(&policy, operation, when);
        if !matches!(verdict, Verdict::Deny(_)) {
            return (verdict, when);
        }
        let as_replacer = Circumstances { replacer: true, ..when };
        let may_be = judge(&policy, operation, as_replacer);
        // Who asks is looked up only where it matters.
        if may_be == verdict || !self.who.is_replacer(view, &case.caller) {
            return (verdict, when);
        }
        (may_be, as_replacer)
    }
}

fn kind(stat: &Stat) -> Kind {
    match stat.kind {
        handle::Kind::Regular => Kind::Regular,
        handle::Kind::Directory => Kind::Directory,
        handle::Kind::Symlink | handle::Kind::Other => Kind::Other,
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What a name is, a missing one being nothing rather than an error; and what tells it from any other.
fn found(seen: &Seen) -> Result<Option<Stat>, Errno> {
    there(seen.entry.identify())
}

/// What was looked at, a missing name being nothing rather than an error.
fn there(looked: Result<Stat, Errno>) -> Result<Option<Stat>, Errno> {
    match looked {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}
