//! es-guard's own files: nobody in the tree changes them, by whatever call.

use super::*;

fn policy() -> Policy {
    let zone = |path: &str, internal| Zone { internal, ..Zone::new(path) };
    Policy {
        zones: vec![zone("/zone", false), zone("/state", true), zone("/etc/policy.json", true)],
        ..Policy::default()
    }
}

#[test]
fn the_state_folder_and_the_policy_are_read_and_not_written() {
    for system in SYSTEMS {
        let mac = Mac::with(system, policy());
        let sealed = Some(Reason::Sealed);
        for path in ["/state/sessions/a.jsonl", "/state/target/x", "/private/etc/policy.json"] {
            assert_eq!(mac.denies(&open_for_writing(path)), sealed, "{path}");
            assert_eq!(mac.denies(&Action::Open { file: file(path), fflag: 1 }), None, "{path}");
            assert_eq!(mac.denies(&Action::Truncate { target: file(path) }), sealed, "{path}");
            assert_eq!(mac.denies(&unlink(path)), sealed, "{path}");
            assert_eq!(mac.denies(&rename_over("/zone/a", path)), sealed, "{path}");
            assert_eq!(mac.denies(&rename_over("/out/a", path)), sealed, "{path}");
            assert_eq!(mac.denies(&copy("/out/a", Some(path), path)), sealed, "{path}");
            assert_eq!(mac.denies(&link(path, "/out/way")), sealed, "another name would be a way to it");
            assert_eq!(does(&mac.shell, &open_for_writing(path)), Outcome::Allowed, "the person may");
        }
        let new = "/state/new";
        assert_eq!(mac.denies(&Action::Create { to: To::new(new), mode: 0 }), sealed);
        assert_eq!(mac.denies(&link("/out/a", new)), sealed);
        assert_eq!(mac.denies(&clone("/out/a", new)), sealed);
        assert_eq!(mac.denies(&copy("/out/a", None, new)), sealed);
        assert_eq!(mac.denies(&rename("/out/a", new)), sealed);
        mac.ends();
    }
}

#[test]
fn files_of_the_session_are_known_by_any_name() {
    let ledger = file("/state/ledger");
    let mac = Mac::on(System::MACOS_27, policy(), |_| false, vec![ledger.id()]);
    let alias = Action::Truncate { target: ledger.clone().also_at("/state/alias") };
    assert_eq!(mac.denies(&alias), Some(Reason::Sealed));
    let linked = Action::Link {
        source: ledger.also_at("/out/x"),
        directory: Facts::directory("/out"),
        name: "y".into(),
    };
    assert_eq!(mac.denies(&linked), Some(Reason::Sealed));
    mac.ends();
}

#[test]
fn a_tree_sends_no_signal_to_the_helper_that_guards_it() {
    let mac = Mac::with(System::MACOS_27, policy());
    let helper = mac.simulation.caller();
    let child = mac.root.fork();
    for number in [9, 17] {
        assert_eq!(child.signals(&helper, number), Outcome::Denied);
    }
    assert_eq!(child.signals(&helper, 0), Outcome::Allowed, "it asks whether it is there");
    assert_eq!(child.signals(&mac.root, 15), Outcome::Allowed);
    assert_eq!(child.signals(&mac.shell, 15), Outcome::Allowed);
    mac.engine().protect(mac.shell.token());
    assert_eq!(child.signals(&mac.shell, 15), Outcome::Denied);
    let denials = mac.denials();
    assert_eq!(denials.len(), 3);
    assert_eq!((denials[0].op, denials[0].reason), (Op::Signal, Reason::Sealed));
    assert_eq!(denials[0].path, Path::new("/usr/local/bin/es-guard"));
    mac.ends();
}
