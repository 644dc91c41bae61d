use super::*;
use crate::desk::authority::Relation;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

fn this_process() -> Process {
    Process::of(UnixStream::pair().unwrap().0.as_fd()).unwrap()
}

fn held(pid: u32) -> OwnedFd {
    PidFd::open(Pid::from_raw(pid as i32)).unwrap().as_fd().try_clone_to_owned().unwrap()
}

fn tree(anchor: u32, filters: u32) -> Tree {
    Tree { filters, ..Tree::new(&this_process(), Some(held(anchor))) }
}

fn standing(trees: &[Tree]) -> Standing<usize> {
    Standing::of(&this_process(), trees.iter().enumerate(), this_process().filters)
}

#[test]
fn while_the_anchor_lives_the_line_of_ancestors_tells() {
    let above = nix::unistd::getppid().as_raw() as u32;
    let mut beside = Command::new("sleep").arg("600").spawn().unwrap();
    let standing = standing(&[tree(above, 0), tree(beside.id(), 0)]);
    assert_eq!((standing.to(&0, 4711), standing.to(&1, 4711)), (Relation::Tree, Relation::OtherTree));
    beside.kill().unwrap();
    beside.wait().unwrap();
}

#[test]
fn when_the_anchor_is_dead_the_filters_tell() {
    let mine = this_process().filters;
    let mut anchor = Command::new("sleep").arg("600").spawn().unwrap();
    let trees = [tree(anchor.id(), mine), tree(anchor.id(), mine + 1)];
    anchor.kill().unwrap();
    anchor.wait().unwrap();
    let standing = standing(&trees);
    assert_eq!((standing.to(&0, 4711), standing.to(&1, 4711)), (Relation::Tree, Relation::OtherTree));
}

#[test]
fn a_process_with_fewer_filters_than_any_agent_is_outside() {
    let above = nix::unistd::getppid().as_raw() as u32;
    let standing = standing(&[tree(above, this_process().filters + 1)]);
    assert!(!standing.is_inside());
    let me = nix::unistd::geteuid().as_raw();
    assert_eq!(standing.to(&0, me), Relation::Person);
    let other = if me == 0 { Relation::Root } else { Relation::Stranger };
    assert_eq!(standing.to(&0, me + 1), other);
}

#[test]
fn a_process_with_a_filter_that_not_everybody_has_is_confined() {
    let mut process = this_process();
    process.filters += 1;
    let common = this_process().filters;
    let none = || std::iter::empty::<(usize, &Tree)>();
    let me = process.uid;
    assert_eq!(Standing::of(&process, none(), common).to(&0, me), Relation::Confined);
    assert_eq!(Standing::of(&process, none(), common + 1).to(&0, me), Relation::Person);
}

#[test]
fn a_process_that_has_ended_is_inside() {
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let pidfd = PidFd::from_fd(held(child.id()));
    let pid = Pid::from_raw(child.id() as i32);
    let uid = nix::unistd::geteuid().as_raw();
    let process = Process { pid, pidfd, uid, filters: 0, kept: Kept::Outside };
    child.kill().unwrap();
    child.wait().unwrap();
    let trees = [tree(std::process::id(), 5)];
    assert!(Standing::of(&process, trees.iter().enumerate(), 0).is_inside());
}

#[test]
fn a_tree_that_only_filters_tell_of_covers_what_has_as_many() {
    let [wide, narrow] = [3, 4].map(|filters| Tree { filters, ..Tree::new(&this_process(), None) });
    assert!(wide.covers(&narrow) && wide.covers(&wide) && !narrow.covers(&wide));
    let lives = tree(std::process::id(), 1);
    assert!(!lives.covers(&narrow) && wide.covers(&tree(std::process::id(), 5)));
}

#[test]
fn of_a_tree_that_the_kernel_judges_the_kernel_tells_whoever_the_user_is() {
    let trees = [3, 4].map(|number| Tree { user: 4711, ..Tree::in_kernel(&this_process(), number) });
    let standing = |kept| {
        let process = this_process().known(kept);
        let common = process.filters;
        Standing::of(&process, trees.iter().enumerate(), common).inside().to_vec()
    };
    assert_eq!(standing(Kept::Inside(4)), [1]);
    assert_eq!((standing(Kept::Inside(9)), standing(Kept::Outside)), (vec![], vec![]));
    let none = || std::iter::empty::<(usize, &Tree)>();
    let anywhere = |kept| Standing::of(&this_process().known(kept), none(), u32::MAX).is_inside();
    assert_eq!([Kept::Outside, Kept::Inside(9), Kept::Untold].map(anywhere), [false, true, true]);
    assert_eq!(standing(Kept::Untold), [0, 1]);
    let wide = Tree { filters: 0, ..Tree::new(&this_process(), None) };
    assert!(!wide.covers(&trees[0]) && !trees[0].covers(&trees[0]));
}

#[test]
fn the_tree_of_another_user_is_no_matter() {
    let above = nix::unistd::getppid().as_raw() as u32;
    let other = Tree { user: 4711, ..tree(above, 0) };
    assert!(!standing(&[other]).is_inside());
}
