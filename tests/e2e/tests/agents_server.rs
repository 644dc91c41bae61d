//! Codex on a terminal, while a server of its own runs in the background outside the session, where nothing is guarded:
//! a guarded Codex has nothing done there.
#![cfg(target_os = "linux")]

use e2e::guard::{denials, eventually};
use e2e::programs::Program;
use e2e::programs::scene::Scene;
use e2e::require;
use e2e::service::responses::Tools;
use e2e::service::{Act, Asked, Service};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::process::{Child, Command, Stdio};

/// A process that goes with the test, and all it has started.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // What has ended already is what is wanted.
        let _ = killpg(Pid::from_raw(self.0.id() as i32), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// Codex's server, as a person's other Codex has started it.
fn server(scene: &Scene<'_>, service: &Service) -> Ends {
    let mut command = scene.command(service, &scene.agent());
    command.args(["app-server", "--listen", "unix://"]).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Ends(command.spawn().expect("a server"));
    let socket = scene.sandbox.home().join("agent/app-server-control/app-server-control.sock");
    eventually("the server listens", || socket.exists());
    server
}

fn is_task(asked: &Asked) -> bool {
    asked.text().contains("Do the task.")
}

/// Has a line of shell run on a terminal, until the model has been told what came of its first act.
fn shows(scene: &Scene<'_>, service: &Service, line: &str) {
    let socket = scene.sandbox.beside("tmux");
    let tmux = || {
        let mut tmux = scene.command(service, "tmux".as_ref());
        tmux.args(["-f", "/dev/null", "-S"]).arg(&socket);
        tmux
    };
    let said = |mut command: Command| {
        let output = command.output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told = || service.asked().iter().filter(|asked| !is_task(asked)).count();
    let before = told();
    let mut start = tmux();
    start.args(["new-session", "-d", "-x", "110", "-y", "35", line]);
    said(start);
    eventually("the model is told of its act", || told() > before);
    let mut end = tmux();
    end.arg("kill-server");
    said(end);
}

#[test]
fn seccomp_codex_has_nothing_done_by_a_server_outside() {
    if Command::new("tmux").arg("-V").output().is_err() {
        return require::skip("tools", "tmux is not installed");
    }
    Scene::once(&[Program::Codex(Tools::Classic)], |scene| {
        let line = format!("rm {}", scene.name("a"));
        let model = move |asked: &Asked| {
            if is_task(asked) { Act::Run(line.clone()) } else { Act::done() }
        };
        let service = scene.program.service(model);
        let _server = server(scene, &service);
        let codex =
            format!("{} --dangerously-bypass-approvals-and-sandbox 'Do the task.'", scene.agent().display());
        for (options, refused) in [("", 1), ("--no-integrate", 2)] {
            shows(scene, &service, &format!("cd project && {} {codex}", scene.guard_words(options)));
            assert!(scene.path("a").exists(), "{options}: {:#?}", service.asked());
            assert_eq!(denials(&scene.sandbox).len(), refused, "{options}: {:#?}", service.asked());
        }
        // It would have been done there: of a Codex that `wrap` does not see, it is.
        let hidden = codex.replace('\'', "\\\"");
        shows(scene, &service, &format!("cd project && {} sh -c \"{hidden}\"", scene.guard_words("")));
        assert!(!scene.path("a").exists(), "{:#?}", service.asked());
    });
}
