//! Who has a pid, and which processes there are.

use super::*;
use std::collections::HashMap;

#[test]
fn a_live_process_has_a_token_and_another_after_each_exec() {
    let (simulation, shell) = machine(System::MACOS_26);
    let framework = simulation.framework();
    let before = shell.token();
    assert_eq!(framework.token_of(shell.pid()), Some(before));
    let _ = shell.exec("/bin/ls", &["ls"]);
    assert_ne!(shell.token(), before);
    assert_eq!(framework.token_of(shell.pid()), Some(shell.token()));
    let pid = shell.pid();
    shell.exit(0);
    assert_eq!(framework.token_of(pid), None);
    assert_eq!(framework.own_token(), Some(simulation.caller().token()));
}

#[test]
fn all_processes_are_listed_with_their_parents() {
    let (simulation, shell) = machine(System::MACOS_26);
    let children: Vec<_> = (0..300).map(|_| shell.fork()).collect();
    let grandchild = children[0].fork();
    let (child, orphan) = (children[0].clone(), children[1].fork());
    children[1].clone().exit(0);
    let processes: HashMap<_, _> = simulation.framework().processes().into_iter().collect();
    assert_eq!(processes.len(), 2 + 1 + 299 + 2);
    assert_eq!(processes[&grandchild.token()], Some(child.token()));
    assert_eq!(processes[&child.token()], Some(shell.token()));
    assert_eq!(processes[&orphan.token()].unwrap().pid(), 1);
}

#[test]
fn a_process_has_ancestors_and_an_executable_as_long_as_it_is_itself() {
    let (simulation, shell) = machine(System::MACOS_26);
    let framework = simulation.framework();
    let child = shell.fork();
    let grandchild = child.fork();
    let launchd = framework.token_of(1).unwrap();
    assert_eq!(framework.ancestors(grandchild.token()), [child.token(), shell.token(), launchd]);
    child.exit(0);
    assert_eq!(framework.ancestors(grandchild.token()), [launchd]);
    let before = grandchild.token();
    let _ = grandchild.exec("/bin/ls", &["ls"]);
    assert_eq!(framework.executable(grandchild.token()), Some("/bin/ls".into()));
    assert_eq!(framework.executable(before), None);
}
