//! What `wrap` depends on that only Linux has, beside the engines.

use super::Check;
use crate::cli::DoctorArgs;
use crate::system;
use helper_daemon::daemon::SOCKET;
use helper_daemon::embedded::Judge;
use helper_daemon::engine::probe::ptrace_scope;
use std::path::Path;

/// Looks at all of it.
pub(crate) fn checks(args: &DoctorArgs) -> Vec<Check> {
    vec![system_helper(args.helper.as_deref()), yama()]
}

/// It is not needed: where there is none, sessions have embedded ones.
fn system_helper(asked: Option<&Path>) -> Check {
    let socket = asked.unwrap_or(Path::new(SOCKET)).display();
    let (ok, detail) = match system::judge(asked) {
        Ok(Judge::System(_)) => (true, format!("one of root's listens at {socket}: sessions use it")),
        // `--helper none`.
        Ok(Judge::Here(_)) if asked.is_some() => {
            (true, "done without: sessions have embedded ones".to_owned())
        }
        Ok(Judge::Here(_)) => (
            true,
            format!(
                "none listens at {socket}, and none is needed. For one: sudo es-guard helper install (--dry-run shows what that does)"
            ),
        ),
        Err(error) => (false, format!("failed to {error}")),
    };
    Check { name: "system helper", ok, detail }
}

fn yama() -> Check {
    let (ok, detail) = match ptrace_scope() {
        None => (true, "there is none".to_owned()),
        Some(scope @ 0..=1) => (true, format!("ptrace_scope is {scope}: the helper may read what it guards")),
        Some(scope @ 2) => {
            (nix::unistd::geteuid().is_root(), format!("ptrace_scope is {scope}: only root may guard"))
        }
        Some(scope) => (false, format!("ptrace_scope is {scope}: nobody may read another process's memory")),
    };
    Check { name: "yama", ok, detail }
}
