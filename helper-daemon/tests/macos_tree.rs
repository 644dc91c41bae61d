//! A tree fed by a client of Endpoint Security: what an engine does with both, in small.
#![forbid(unsafe_code)]

use endpoint_sec::macos::simulated::{Action, Actor, Facts, Outcome, Simulation, System};
use endpoint_sec::macos::{
    AuditToken, Client, Control, Event, Framework, Incoming, Message, PathKind, Prepared, Scope,
    Subscription, Verdict,
};
use helper_daemon::tree::{Standing, Stranger, Tree};
use std::path::Path;
use std::sync::{Arc, Mutex};

type Shared = Arc<Mutex<Tree<AuditToken, u8>>>;

/// Who sent a message, and what it says of its parents.
fn sender(message: &Message<'_>) -> Stranger<AuditToken> {
    let process = message.process().unwrap();
    Stranger { who: process.token, parent: process.parent, first_parent: process.original_parent }
}

/// Members of a session may remove nothing, nor may whoever can't be told from one.
fn handle(tree: &Shared, framework: &Framework, incoming: Incoming<'_>) {
    let mut tree = tree.lock().unwrap();
    match incoming {
        Incoming::Lost(lost) if lost.of_the_tree => {
            tree.taint();
            tree.resynchronise(&framework.processes());
        }
        Incoming::Lost(_) => {}
        Incoming::Notice(notice) => match notice.message().event().unwrap() {
            Event::Fork { child } => tree.forked(sender(notice.message()), child.token),
            Event::Exec { target, .. } => tree.executed(sender(notice.message()), target.token),
            Event::Exit { .. } => tree.exited(sender(notice.message()).who),
            _ => {}
        },
        Incoming::Question(question) => {
            let verdict = match tree.meet(sender(question.message())) {
                Standing::Outside => Verdict::Allow,
                Standing::Member(_) | Standing::Uncertain => Verdict::Deny,
            };
            question.answer(verdict).unwrap();
        }
        Incoming::Open(_) => unreachable!("it was not asked for"),
    }
}

/// A machine, a shell, and a session of one process.
fn session(prepare: impl FnOnce(Prepared, &Actor) -> Prepared) -> (Simulation, Actor, Actor, Shared, Client) {
    let simulation = Simulation::new(System::MACOS_26);
    let (shell, root) = (simulation.process("/bin/zsh"), simulation.process("/usr/local/bin/codex"));
    let framework = simulation.framework();
    let launchd = framework.token_of(1).unwrap();
    let tree = Arc::new(Mutex::new(Tree::new(launchd)));
    tree.lock().unwrap().know_outside(framework.processes().into_iter().map(|(who, _)| who));
    tree.lock().unwrap().enrol(root.token(), 1);
    let (fed, its) = (Arc::clone(&tree), simulation.framework());
    let handler = move |_: &Control, incoming: Incoming<'_>| handle(&fed, &its, incoming);
    let prepared = Prepared::connect(&framework, Scope::System, handler).unwrap();
    let asked = [
        Subscription::AuthUnlink,
        Subscription::NotifyFork,
        Subscription::NotifyExec,
        Subscription::NotifyExit,
    ];
    let client = prepare(prepared, &root).subscribe(&asked).unwrap();
    (simulation, shell, root, tree, client)
}

fn only_the_zone(prepared: Prepared, _: &Actor) -> Prepared {
    prepared.only_targets(&[(PathKind::TargetPrefix, Path::new("/zone"))]).unwrap()
}

fn remove() -> Action {
    Action::unlink(Facts::file("/zone/a"))
}

#[test]
fn all_that_descends_from_a_session_is_denied_and_nobody_else() {
    let (simulation, shell, root, tree, client) = session(only_the_zone);
    assert_eq!(shell.does(&remove()), Outcome::Allowed);
    let child = root.fork();
    assert_eq!(child.exec("/bin/sh", &["sh", "-c", "rm a"]), Outcome::Allowed);
    let rm = child.fork_undelivered();
    assert_eq!(rm.does(&remove()), Outcome::Denied, "its fork and its removal come together");
    assert_eq!(rm.exec("/bin/rm", &["rm", "a"]), Outcome::Allowed);
    assert_eq!(rm.does(&remove()), Outcome::Denied);
    child.exit(0);
    assert_eq!(rm.does(&remove()), Outcome::Denied, "it is launchd's child now");
    assert_eq!(shell.fork().does(&remove()), Outcome::Allowed);
    root.exit(0);
    assert!(tree.lock().unwrap().is_alive(1));
    rm.exit(0);
    assert!(!tree.lock().unwrap().is_alive(1));
    drop(client);
    assert_eq!((simulation.faults(), simulation.messages()), (vec![], 0));
}

#[test]
fn lost_forks_and_execs_let_nobody_go() {
    let (simulation, shell, root, tree, client) = session(only_the_zone);
    assert_eq!(root.does(&remove()), Outcome::Denied);
    simulation.drop_next(4);
    let child = root.fork();
    assert_eq!(child.exec("/bin/sh", &["sh"]), Outcome::Allowed);
    assert_eq!(root.exec("/usr/local/bin/node", &["node"]), Outcome::Allowed);
    let another = shell.fork();
    for member in [&child, &root] {
        assert_eq!(member.does(&remove()), Outcome::Denied);
    }
    for stranger in [&shell, &another] {
        assert_eq!(stranger.does(&remove()), Outcome::Allowed);
    }
    assert!(!tree.lock().unwrap().is_tainted());
    drop(client);
    assert_eq!(simulation.faults(), []);
}

#[test]
fn a_fork_that_was_lost_with_its_parent_is_denied_as_nobody_can_tell() {
    let (simulation, _, root, tree, client) = session(only_the_zone);
    let child = root.fork();
    simulation.drop_next(2);
    let grandchild = child.fork();
    child.exit(0);
    assert_eq!(grandchild.does(&remove()), Outcome::Denied);
    assert_eq!(tree.lock().unwrap().session_of(grandchild.token()), Some(Standing::Uncertain));
    drop(client);
    assert_eq!(simulation.faults(), []);
}

#[test]
fn selected_processes_alone_are_not_enough_a_new_child_is_not_asked() {
    let (simulation, _, root, _, client) =
        session(|prepared, root| prepared.only_processes(&[root.token()]).unwrap());
    let child = root.fork_undelivered();
    assert_eq!(child.does(&remove()), Outcome::Allowed, "which is why the zones are selected instead");
    assert_eq!(root.does(&remove()), Outcome::Denied);
    drop(client);
    assert_eq!(simulation.faults(), []);
}
