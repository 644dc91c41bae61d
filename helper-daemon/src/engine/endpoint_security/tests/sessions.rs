//! Policies come and go, overrides end and are used up, git and others are told apart.

use super::*;
use crate::engine::endpoint_security::EnrolError;
use crate::policy::OnDelete;

fn with_override(what: Override) -> Policy {
    Policy { overrides: vec![what], ..policy() }
}

#[test]
fn another_policy_holds_from_the_next_question_on() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        assert_eq!(mac.denies(&unlink("/other/a")), None);
        let zones = vec![Zone::new("/other")];
        mac.engine().replace_policy(&session("first"), Policy { zones, ..Policy::default() }).unwrap();
        assert_eq!(mac.denies(&unlink("/other/a")), Some(Reason::Removed));
        assert_eq!(mac.denies(&unlink("/zone/a")), None);
        let gone = mac.engine().replace_policy(&session("never"), policy()).unwrap_err();
        assert_eq!(gone.to_string(), "failed to find the session never: it has ended");
        mac.ends();
    }
}

#[test]
fn a_policy_that_asks_for_too_much_is_refused_and_the_last_one_stays() {
    let mut mac = Mac::new(System::MACOS_26);
    let stash = Policy {
        zones: vec![Zone { on_delete: OnDelete::Stash, ..Zone::new("/zone") }],
        ..Policy::default()
    };
    assert!(matches!(
        mac.engine().replace_policy(&session("first"), stash.clone()),
        Err(EnrolError::Unsupported(_))
    ));
    assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
    let other = mac.simulation.caller().fork();
    assert!(matches!(mac.enrol(&other, "second", stash, Vec::new()), Err(EnrolError::Unsupported(_))));
    mac.ends();
}

#[test]
fn a_session_in_a_session_is_the_outer_one_s() {
    let mut mac = Mac::new(System::MACOS_26);
    let inner = mac.root.fork();
    let error = mac.enrol(&inner, "second", policy(), Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "failed to begin a session: process {} is of the session first; add its zones to that one",
            inner.pid()
        )
    );
    mac.ends();
}

#[test]
fn two_sessions_have_a_policy_each_and_a_retired_one_has_none() {
    for system in SYSTEMS {
        let mut mac = Mac::new(system);
        let other = mac.simulation.caller().fork();
        let zones = vec![Zone::new("/zone"), Zone::new("/second")];
        mac.enrol(&other, "second", Policy { zones, ..Policy::default() }, Vec::new()).unwrap();
        assert_eq!(mac.denies(&unlink("/second/a")), None);
        assert_eq!(mac.denies_to(&other, &unlink("/second/a")), Some(Reason::Removed));
        mac.engine().retire(&session("second"));
        assert_eq!(does(&other, &unlink("/second/a")), Outcome::Allowed);
        assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed), "which both had selected");
        mac.ends();
    }
}

#[test]
fn an_override_lets_through_until_it_ends() {
    let mac = Mac::with(
        System::MACOS_26,
        with_override(Override { path: "/zone/tmp".into(), ..Override::default() }),
    );
    assert_eq!(mac.denies(&unlink("/zone/tmp/a")), None);
    assert_eq!(mac.denies(&unlink("/zone/a")), Some(Reason::Removed));
    let ended = Override { path: "/zone/tmp".into(), expires_at: Some(1), ..Override::default() };
    mac.engine().replace_policy(&session("first"), with_override(ended)).unwrap();
    assert_eq!(mac.denies(&unlink("/zone/tmp/a")), Some(Reason::Removed));
    mac.ends();
}

#[test]
fn an_override_for_a_single_use_is_used_once_however_often_the_kernel_asks() {
    let once = Override { path: "/zone/a".into(), once: Some(7), ..Override::default() };
    let mac = Mac::with(System::MACOS_26, with_override(once.clone()));
    assert_eq!(mac.denies(&unlink("/zone/a")), None);
    assert_eq!(mac.denies(&unlink("/zone/a")), None, "the same call may be asked about again");
    assert_eq!(mac.denies_to(&mac.root.fork(), &unlink("/zone/a")), Some(Reason::Removed));
    let another = file("/elsewhere/a").at("/zone/a");
    assert_eq!(mac.denies(&Action::unlink(another)), Some(Reason::Removed), "another file");
    mac.engine().settle();
    assert_eq!(*mac.told.used.lock().unwrap(), [once]);
    mac.ends();
}

#[test]
fn git_may_in_its_own_directory_and_nobody_who_is_only_called_so() {
    let mac = Mac::new(System::MACOS_26);
    let git = mac.root.fork();
    assert_eq!(git.exec_for(file("/usr/bin/git").changed_at(1), None, &["git", "gc"]), Outcome::Allowed);
    assert_eq!(mac.denies_to(&git, &unlink("/zone/.git/objects/aa/bb")), None);
    assert_eq!(mac.denies_to(&git, &unlink("/zone/a")), Some(Reason::Removed));
    let impostor = mac.root.fork();
    let since = file("/zone/git").changed_at(i64::MAX);
    assert_eq!(impostor.exec_for(since, None, &["git"]), Outcome::Allowed);
    assert_eq!(mac.denies_to(&impostor, &unlink("/zone/.git/HEAD")), Some(Reason::Removed));
    assert_eq!(mac.denies(&unlink("/zone/.git/HEAD")), Some(Reason::Removed));
    mac.ends();
}

#[test]
fn a_witness_that_hangs_holds_up_no_answer() {
    struct Hangs(Mutex<std::sync::mpsc::Receiver<()>>);
    impl Witness for Hangs {
        fn denied(&self, _: Denial) {
            let _ = self.0.lock().unwrap().recv();
        }
        fn stashed(&self, _: Denial, _: Vec<u64>) {}
        fn own(&self, _: Deed) {}
        fn used_up(&self, _: Override) {}
        fn rests(&self) {}
        fn own_went(&self, _: u64) {}
        fn lost(&self, _: u64) {}
    }
    let mac = Mac::new(System::MACOS_26);
    let (let_go, until) = std::sync::mpsc::channel();
    let other = mac.simulation.caller().fork();
    let enrolment = Enrolment {
        session: session("second"),
        root: other.token(),
        policy: policy(),
        kept: Vec::new(),
        witness: Arc::new(Hangs(Mutex::new(until))),
        ended: Box::new(|| ()),
    };
    mac.engine().enrol(enrolment).unwrap();
    for _ in 0..100 {
        assert_eq!(does(&other, &unlink("/zone/a")), Outcome::Denied);
    }
    drop(let_go);
    mac.ends();
}

#[test]
fn what_ends_refuses_what_is_asked_then_and_misses_nothing() {
    for system in SYSTEMS {
        let mac = Mac::new(system);
        let attempt = mac.root.attempts(&unlink("/zone/a"));
        mac.simulation.deliver();
        assert_eq!(attempt.outcome(), Outcome::Denied);
        mac.simulation.advance(Duration::from_secs(60));
        mac.ends();
    }
}
