//! The helper as a service of systemd: installed, sandboxed as its unit says, reloaded, upgraded, killed, removed;
//! and the corpus through it. In a machine of its own.
#![cfg(target_os = "linux")]

use e2e::guard::Stage;
use e2e::row::{Who, corpus};
use e2e::{machine, parallel, runner, sandbox};

#[test]
fn seccomp_the_service_from_installing_to_removing() {
    if !machine::is_possible() {
        return;
    }
    let stage = Stage::new();
    if stage.has_engine() {
        let ran = machine::run(&stage, include_str!("../machine/service"));
        assert_eq!(ran.status, Some(0), "{}\nconsole:\n{}", ran.said, ran.console);
    }
}

#[test]
#[ignore = "the test above runs it in its machine"]
fn seccomp_inside_every_row_holds() {
    let stage = Stage::with_system_helper().expect("a helper");
    let rows = corpus();
    let runs: Vec<_> = rows
        .iter()
        .flat_map(|row| {
            sandbox::everyone().into_iter().filter(|who| row.runs_as(*who)).map(move |who| (row, who))
        })
        .collect::<Vec<(_, Who)>>();
    parallel::every(&runs, |(row, who)| runner::guarded(&stage, row, *who));
}
