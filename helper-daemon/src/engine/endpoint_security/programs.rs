//! What the processes of sessions were started as, for records.

use endpoint_sec::macos::AuditToken;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

/// Arguments that are kept of one program, and bytes of all of them.
const MOST_ARGUMENTS: usize = 64;
const MOST_BYTES: usize = 4096;

/// What a process was started as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) arguments: Vec<String>,
    /// The working directory at its start: macOS tells of no later one.
    pub(super) directory: PathBuf,
}

/// Those of the processes that matter.
#[derive(Debug, Default)]
pub(super) struct Programs(HashMap<AuditToken, Arc<Program>>);

impl Programs {
    pub(super) fn of(&self, who: AuditToken) -> Arc<Program> {
        self.0.get(&who).cloned().unwrap_or_default()
    }

    /// A child runs what its parent does.
    pub(super) fn forked(&mut self, parent: AuditToken, child: AuditToken) {
        if let Some(program) = self.0.get(&parent).cloned() {
            self.0.insert(child, program);
        }
    }

    pub(super) fn executed(
        &mut self,
        before: AuditToken,
        after: AuditToken,
        arguments: Vec<OsString>,
        directory: PathBuf,
    ) {
        self.0.remove(&before);
        let mut left = MOST_BYTES;
        let kept = arguments.into_iter().take(MOST_ARGUMENTS).map_while(|argument| {
            left = left.checked_sub(argument.len())?;
            Some(argument.to_string_lossy().into_owned())
        });
        self.0.insert(after, Arc::new(Program { arguments: kept.collect(), directory }));
    }

    pub(super) fn ended(&mut self, who: AuditToken) {
        self.0.remove(&who);
    }

    /// Forgets all but these.
    pub(super) fn keep_only(&mut self, kept: impl Fn(AuditToken) -> bool) {
        self.0.retain(|who, _| kept(*who));
    }
}
