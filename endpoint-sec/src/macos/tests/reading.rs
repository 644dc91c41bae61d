//! What is in a message is read out as it is, of every version.

use super::*;
use crate::macos::simulated::{Action, Facts, Outcome, To};
use crate::macos::{Destination, FileId};
use endpoint_sec_sys::macos::result::{FREAD, FWRITE, O_TRUNC};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the handler was told of an action.
fn told_of(action: &Action) -> Event {
    let (simulation, shell) = machine(System::MACOS_26);
    let (client, told) = client_that_answers(&simulation, Verdict::Allow);
    assert_eq!(shell.does(action), Outcome::Allowed);
    assert_clean(&simulation, client);
    told.events().remove(0)
}

fn at(path: &str) -> Option<&Path> {
    Some(Path::new(path))
}

#[test]
fn the_process_of_a_message_of_every_version() {
    for version in 7..=11 {
        let simulation = Simulation::new(System { version, ..System::MACOS_26 });
        let shell = simulation.process("/bin/zsh");
        let (client, told) = client_that_answers(&simulation, Verdict::Allow);
        let child = shell.fork();
        assert_eq!(child.exec("/usr/bin/env", &["env", "-i", ""]), Outcome::Allowed);
        let grandchild = child.fork();
        child.exit(9);
        let _ = grandchild.does(&Action::unlink(Facts::file("/zone/a")));
        let heard = told.all();
        let [
            Heard::Event(_, Event::Fork { child: made }),
            Heard::Event(before, Event::Exec { target: asked, .. }),
            Heard::Event(_, Event::Exec { target, script, directory, told_as, arguments }),
            Heard::Event(after, Event::Fork { .. }),
            Heard::Event(ended, Event::Exit { status: 9 }),
            Heard::Event(orphan, Event::Unlink { .. }),
        ] = &heard[..]
        else {
            panic!("{heard:?}");
        };
        assert_eq!((made.token, made.parent), (before.token, Some(shell.token())));
        assert_eq!(
            (made.original_parent, made.started),
            (shell.pid(), Some((1_700_000_000, before.token.pid())))
        );
        assert_eq!(before.executable.path(), at("/bin/zsh"));
        assert_eq!((asked.token, target.token), (after.token, after.token));
        assert_eq!(
            (target.token.pid(), target.token.version() > before.token.version()),
            (before.token.pid(), true)
        );
        assert_eq!(
            (target.executable.path(), target.signing_id.as_os_str()),
            (at("/usr/bin/env"), OsStr::new("env"))
        );
        assert_eq!((script, directory.as_ref().unwrap().path()), (&None, at("/")));
        assert_eq!(told_as.as_deref(), at("/usr/bin/env"));
        assert_eq!(arguments, &["env", "-i", ""]);
        assert_eq!(ended.token, after.token);
        assert_eq!((orphan.original_parent, orphan.parent.unwrap().pid()), (before.token.pid(), 1));
        assert_eq!(target.validation_category, (version >= 10).then_some(6));
        assert_clean(&simulation, client);
    }
}

#[test]
fn a_script_is_told_with_its_interpreter() {
    let (simulation, shell) = machine(System::MACOS_13);
    let (client, told) = client_that_answers(&simulation, Verdict::Allow);
    let script = Facts::file("/usr/local/bin/deploy");
    assert_eq!(shell.exec_for(Facts::file("/bin/bash"), Some(&script), &["deploy"]), Outcome::Allowed);
    let Event::Exec { script, target, .. } = told.events().remove(0) else { panic!() };
    assert_eq!(script.unwrap().path(), at("/usr/local/bin/deploy"));
    assert_eq!(target.executable.path(), at("/bin/bash"));
    assert_clean(&simulation, client);
}

#[test]
fn an_open_says_what_it_is_for() {
    let file = Facts::file("/zone/a");
    for (fflag, writes, truncates) in [
        (FREAD, false, false),
        (FWRITE, true, false),
        (FREAD | FWRITE, true, false),
        (FREAD | O_TRUNC, true, true),
    ] {
        let Event::Open { file, purpose } = told_of(&Action::Open { file: file.clone(), fflag }) else {
            panic!()
        };
        assert_eq!(file.path(), at("/zone/a"));
        assert_eq!((purpose.writes(), purpose.truncates()), (writes, truncates), "{fflag}");
    }
}

#[test]
fn a_rename_says_both_names_and_what_will_be_gone() {
    let source = Facts::file("/zone/a");
    let Event::Rename { source: read, destination } =
        told_of(&Action::rename(source.clone(), To::new("/out/b")))
    else {
        panic!()
    };
    assert_eq!(read.path(), at("/zone/a"));
    assert_eq!(destination.path().as_deref(), at("/out/b"));
    assert!(matches!(destination, Destination::New { .. }));
    let over = To::Existing(Facts::directory("/zone/d"));
    let Event::Rename { destination: Destination::Existing(gone), .. } =
        told_of(&Action::rename(source, over))
    else {
        panic!()
    };
    assert_eq!((gone.path(), gone.is_directory(), gone.is_regular()), (at("/zone/d"), true, false));
}

#[test]
fn the_other_events_say_what_and_where() {
    let (a, b) = (Facts::file("/zone/a"), Facts::file("/zone/b"));
    let (directory, name) = (Facts::directory("/zone"), OsStr::new("c").to_owned());
    match told_of(&Action::unlink(a.clone())) {
        Event::Unlink { target, directory } => {
            assert_eq!((target.path(), directory.path(), target.links), (at("/zone/a"), at("/zone"), 1));
        }
        other => panic!("{other:?}"),
    }
    match told_of(&Action::Truncate { target: a.clone() }) {
        Event::Truncate { target } => assert_eq!(target.path(), at("/zone/a")),
        other => panic!("{other:?}"),
    }
    match told_of(&Action::Link { source: a.clone(), directory: directory.clone(), name: name.clone() }) {
        Event::Link { source, directory, name } => {
            assert_eq!(
                (source.path(), directory.path(), name.as_os_str()),
                (at("/zone/a"), at("/zone"), OsStr::new("c"))
            );
        }
        other => panic!("{other:?}"),
    }
    match told_of(&Action::Create { to: To::new("/zone/c"), mode: 0o100_600 }) {
        Event::Create { destination, mode } => {
            assert_eq!((destination.path().as_deref(), mode), (at("/zone/c"), Some(0o100_600)));
        }
        other => panic!("{other:?}"),
    }
    match told_of(&Action::Create { to: To::Existing(b.clone()), mode: 0 }) {
        Event::Create { destination, mode } => {
            assert_eq!((destination.path().as_deref(), mode), (at("/zone/b"), None))
        }
        other => panic!("{other:?}"),
    }
    match told_of(&Action::Clone { source: a.clone(), directory: directory.clone(), name: name.clone() }) {
        Event::Clone { source, directory, name } => {
            assert_eq!(
                (source.path(), directory.path(), name.as_os_str()),
                (at("/zone/a"), at("/zone"), OsStr::new("c"))
            );
        }
        other => panic!("{other:?}"),
    }
    for existing in [None, Some(b.clone())] {
        let action = Action::CopyFile {
            source: a.clone(),
            existing,
            directory: directory.clone(),
            name: name.clone(),
        };
        match (told_of(&action), &action) {
            (
                Event::CopyFile { source, existing, directory, name },
                Action::CopyFile { existing: given, .. },
            ) => {
                assert_eq!(
                    (source.path(), directory.path(), name.as_os_str()),
                    (at("/zone/a"), at("/zone"), OsStr::new("c"))
                );
                assert_eq!(existing.as_ref().and_then(|file| file.path()), given.as_ref().map(Facts::path));
            }
            (other, _) => panic!("{other:?}"),
        }
    }
    match told_of(&Action::ExchangeData { first: a, second: b }) {
        Event::ExchangeData { first, second } => {
            assert_eq!((first.path(), second.path()), (at("/zone/a"), at("/zone/b")))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signal_says_which_and_to_whom() {
    for system in [System::MACOS_13, System::MACOS_27] {
        let (simulation, shell) = machine(system);
        let (client, told) = client_that_answers(&simulation, Verdict::Deny);
        let other = simulation.process("/bin/sleep");
        assert_eq!(shell.signals(&other, 9), Outcome::Denied);
        let Event::Signal { number, target } = told.events().remove(0) else { panic!() };
        assert_eq!((number, target.token, target.executable.path()), (9, other.token(), at("/bin/sleep")));
        assert_clean(&simulation, client);
    }
}

#[test]
fn a_path_that_was_cut_is_none() {
    let long = Facts::file(format!("/zone/{}", "x".repeat(20_000))).cut_after(16_384);
    let Event::Unlink { target, .. } = told_of(&Action::unlink(long)) else { panic!() };
    assert_eq!(target.path(), None);
    assert_eq!(target.path_as_told().as_os_str().len(), 16_384);
    let directory = Facts::directory("/zone/deep").cut_after(8);
    let to = To::New { directory, name: "a".into() };
    let Event::Rename { destination, .. } = told_of(&Action::rename(Facts::file("/zone/a"), to)) else {
        panic!()
    };
    assert_eq!(destination.path(), None);
}

#[test]
fn a_path_is_bytes() {
    let strange = OsStr::from_bytes(b"/zone/\xff\n\xe4");
    let Event::Unlink { target, .. } = told_of(&Action::unlink(Facts::file(strange))) else { panic!() };
    assert_eq!(target.path(), Some(Path::new(strange)));
}

#[test]
fn two_names_of_one_file_are_one_file() {
    let a = Facts::file("/zone/a");
    let id = |facts: &Facts| match told_of(&Action::unlink(facts.clone())) {
        Event::Unlink { target, .. } => (target.id, target.links),
        other => panic!("{other:?}"),
    };
    let (FileId { device, inode }, links) = id(&a);
    assert_eq!(id(&a.clone().also_at("/out/b")), (FileId { device, inode }, 2));
    assert_eq!(links, 1);
    assert_ne!(id(&Facts::file("/out/b")).0, FileId { device, inode });
}

#[test]
fn a_real_file_is_told_as_it_is() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    std::fs::write(&path, "content").unwrap();
    std::fs::hard_link(&path, directory.path().join("b")).unwrap();
    let Event::Unlink { target, .. } = told_of(&Action::unlink(Facts::of(&path).unwrap())) else { panic!() };
    let real = path.metadata().unwrap();
    assert_eq!((target.id.inode, target.links, target.user), (real.ino(), 2, real.uid()));
    assert!(target.is_regular());
    assert!(matches!(To::of(&path).unwrap(), To::Existing(_)));
    assert!(matches!(To::of(directory.path().join("c")).unwrap(), To::New { .. }));
}
