//! Whose tree a process is in.

use super::*;
use crate::engine::endpoint_security::SetRight;

#[test]
fn all_that_descends_from_a_session_is_judged_and_nobody_else() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        assert_eq!(does(&mac.shell, &unlink("/zone/a")), Outcome::Allowed);
        assert_eq!(does(&mac.simulation.caller().fork(), &unlink("/zone/a")), Outcome::Allowed);
        let child = mac.root.fork();
        assert_eq!(child.exec("/bin/sh", &["sh", "-c", "rm a"]), Outcome::Allowed);
        let rm = child.fork_undelivered();
        assert_eq!(mac.denies_to(&rm, &unlink("/zone/a")), Some(Reason::Removed));
        child.exit(0);
        assert_eq!(
            mac.denies_to(&rm, &unlink("/zone/a")),
            Some(Reason::Removed),
            "it is launchd's child now"
        );
        let denial = mac.denials().pop().unwrap();
        assert_eq!(
            (denial.op, denial.path.as_path(), denial.zone.as_path()),
            (Op::Unlink, Path::new("/zone/a"), Path::new("/zone"))
        );
        assert_eq!((denial.pid, denial.exe.as_path()), (rm.pid(), Path::new("/bin/sh")));
        assert_eq!(
            (denial.argv, denial.cwd.as_path()),
            (["sh", "-c", "rm a"].map(String::from).to_vec(), Path::new("/"))
        );
        mac.ends();
    }
}

#[test]
fn a_session_ends_with_its_last_process_and_is_told_to_have() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        let child = mac.root.fork();
        mac.root.clone().exit(0);
        assert!(mac.engine().is_alive(&session("first")));
        assert_eq!(mac.engine().members(&session("first")), [child.token()]);
        let _ = does(&child, &unlink("/zone/a"));
        child.exit(0);
        mac.engine().settle();
        assert!(!mac.engine().is_alive(&session("first")));
        assert_eq!((mac.told.ended.load(Ordering::SeqCst), mac.denials().len()), (1, 1));
        mac.ends();
    }
}

#[test]
fn an_unknown_process_is_adopted_by_its_parent() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
        mac.simulation.drop_next(1);
        let child = mac.root.fork();
        assert_eq!(mac.denies_to(&child, &unlink("/zone/a")), Some(Reason::Removed));
        assert_eq!(mac.engine().session_of(child.token()), Ok(Some(session("first"))));
        mac.ends();
    }
}

#[test]
fn lost_messages_are_said_and_the_tree_is_set_right() {
    let mac = Mac::new(System::MACOS_26);
    assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
    mac.simulation.drop_next(3);
    let child = mac.root.fork();
    let gone = mac.root.fork();
    gone.exit(0);
    assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
    assert_eq!(mac.denies_to(&child, &unlink("/zone/a")), Some(Reason::Removed));
    let tree = Some(SetRight { adopted: 1, gone: 0, uncertain: 0 });
    let lost = Incident::Lost { messages: 3, tree, refused: false };
    assert_eq!(mac.incidents(), std::slice::from_ref(&lost));
    assert_eq!(mac.told.incidents.lock().unwrap()[0].0, [session("first")]);
    assert_eq!(
        lost.to_string(),
        "macOS dropped 3 messages or more: what they asked went through unasked; which processes are of the session was looked up \
         anew (1 added, 0 gone, 0 that nobody can tell and that are guarded, too)"
    );
    mac.ends();
}

#[test]
fn lost_questions_are_said_and_leave_the_tree_alone() {
    for (system, fate) in [(System::MACOS_26, Outcome::Allowed), (System::MACOS_27, Outcome::Denied)] {
        let mac = Mac::new(system);
        let _ = does(&mac.root, &unlink("/zone/a"));
        mac.simulation.drop_next(2);
        assert_eq!(does(&mac.root, &unlink("/zone/a")), fate);
        assert_eq!(does(&mac.root, &unlink("/zone/a")), fate);
        assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
        let refused = system.has_27;
        assert_eq!(mac.incidents(), [Incident::Lost { messages: 2, tree: None, refused }]);
        mac.ends();
    }
}

#[test]
fn a_session_whose_last_exit_was_lost_ends_all_the_same() {
    let mac = Mac::new(System::MACOS_26);
    let _ = does(&mac.root, &unlink("/zone/a"));
    mac.simulation.drop_next(1);
    mac.root.clone().exit(0);
    mac.shell.fork();
    mac.engine().settle();
    assert_eq!(mac.told.ended.load(Ordering::SeqCst), 1);
    mac.ends();
}

#[test]
fn who_can_t_be_told_is_judged_as_of_every_session() {
    let mac = Mac::new(System::MACOS_26);
    let child = mac.root.fork();
    mac.simulation.drop_next(2);
    let grandchild = child.fork();
    child.exit(0);
    assert_eq!(mac.denies_to(&grandchild, &unlink("/zone/a")), Some(Reason::Removed));
    assert!(mac.engine().session_of(grandchild.token()).is_err());
    assert_eq!(does(&grandchild, &unlink("/elsewhere/a")), Outcome::Allowed);
    mac.ends();
}

#[test]
fn whose_tree_a_process_is_in() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        let grandchild = mac.root.fork().fork_undelivered();
        assert_eq!(mac.engine().session_of(grandchild.token()), Ok(Some(session("first"))));
        assert_eq!(mac.engine().session_of(mac.shell.token()), Ok(None));
        mac.simulation.deliver();
        mac.ends();
    }
}

#[test]
fn a_session_is_enrolled_though_how_its_first_process_came_to_be_is_told_later() {
    for system in SYSTEMS {
        let mut mac = Mac::new(system);
        // Started suspended: the process is there, and is known, before its fork and exec are told.
        let second = mac.simulation.caller().fork_undelivered();
        second.exec_undelivered("/usr/local/bin/codex");
        mac.enrol(&second, "second", policy(), Vec::new()).unwrap();
        mac.simulation.deliver();
        assert_eq!(mac.engine().members(&session("second")), [second.token()]);
        assert_eq!(mac.denies_to(&second, &unlink("/zone/a")), Some(Reason::Removed));
        assert_eq!(second.exec("/bin/sh", &["sh"]), Outcome::Allowed);
        assert_eq!(mac.denies_to(&second.fork(), &unlink("/zone/a")), Some(Reason::Removed));
        second.exit(0);
        assert!(mac.engine().is_alive(&session("second")), "its child is there");
        mac.ends();
    }
}

#[test]
fn a_first_process_that_was_only_forked_is_enrolled_and_stays_so_when_it_executes() {
    for system in SYSTEMS {
        let mut mac = Mac::new(system);
        let second = mac.simulation.caller().fork_undelivered();
        mac.enrol(&second, "second", policy(), Vec::new()).unwrap();
        second.exec_undelivered("/usr/local/bin/codex");
        mac.simulation.deliver();
        assert_eq!(mac.denies_to(&second, &unlink("/zone/a")), Some(Reason::Removed));
        mac.ends();
    }
}
