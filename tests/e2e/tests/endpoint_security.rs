//! Endpoint Security itself, live: it refuses one removal because it is asked to, and only that one.
//!
//! The program needs the entitlement, root and Full Disk Access: `tests/e2e/mac/run` signs and starts it. The client
//! is told of one folder alone, so that nothing else on the Mac waits for its answers.
#![cfg(target_os = "macos")]

use e2e::require::skip;
use endpoint_sec::macos::{
    Client, ConnectError, Event, Framework, Incoming, PathKind, Prepared, Scope, Subscription, Verdict,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder with the file that may not be removed and the one that may.
struct Scene {
    _folder: tempfile::TempDir,
    kept: PathBuf,
    free: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // As the kernel names it: without the symlink that `/var` is.
        let path = folder.path().canonicalize().expect("its real path");
        let (kept, free) = (path.join("kept"), path.join("free"));
        for file in [&kept, &free] {
            std::fs::write(file, "content").expect("a file");
        }
        Self { _folder: folder, kept, free }
    }

    fn path(&self) -> &Path {
        self.kept.parent().expect("a folder")
    }

    /// What is true of every client that guards it.
    fn is_guarded(&self, asked: &AtomicU32, client: &Client) {
        let refused = remove(&self.kept);
        assert!(!refused.status.success(), "it was removed");
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(told.contains("Operation not permitted"), "{told}");
        assert!(self.kept.exists(), "it is gone");
        assert!(remove(&self.free).status.success() && !self.free.exists(), "the other was not removed");
        assert!(asked.load(Ordering::SeqCst) >= 2, "asked {} times", asked.load(Ordering::SeqCst));
        assert_eq!((client.control().late(), client.control().panics()), (0, 0));
    }
}

fn remove(file: &Path) -> Output {
    Command::new("/bin/rm").arg(file).output().expect("rm")
}

/// Refuses the removal of `kept`, and whatever can't be read; counts what it is asked.
fn connect(scope: Scope, kept: &Path, asked: &Arc<AtomicU32>) -> Result<Prepared, ConnectError> {
    let framework = Framework::load().expect("the framework");
    let (kept, asked) = (kept.to_owned(), Arc::clone(asked));
    Prepared::connect(&framework, scope, move |_, incoming| {
        let Incoming::Question(question) = incoming else { return };
        asked.fetch_add(1, Ordering::SeqCst);
        let free = match question.message().event() {
            Ok(Event::Unlink { target, .. }) => target.path().is_some_and(|path| path != kept),
            _ => false,
        };
        // Should it fail, the removal does, and the test says so.
        let _ = question.answer(if free { Verdict::Allow } else { Verdict::Deny });
    })
}

/// macOS 13 to 26: as root.
#[test]
fn endpoint_security_a_client_of_the_whole_system_refuses_one_removal() {
    let (scene, asked) = (Scene::new(), Arc::default());
    let prepared = match connect(Scope::System, &scene.kept, &asked) {
        Ok(prepared) => prepared,
        Err(error) => return skip("endpoint-security", &error.to_string()),
    };
    let prepared = prepared.only_targets(&[(PathKind::TargetPrefix, scene.path())]).expect("one folder");
    let client = prepared.subscribe(&[Subscription::AuthUnlink]).expect("removals");
    scene.is_guarded(&asked, &client);
    drop(client);
    assert!(remove(&scene.kept).status.success(), "it is still refused, though the client is gone");
}

/// macOS 27.
#[test]
fn endpoint_security_a_client_of_descendants_refuses_one_removal() {
    let (scene, asked) = (Scene::new(), Arc::default());
    let prepared = match connect(Scope::Descendants, &scene.kept, &asked) {
        Ok(prepared) => prepared,
        Err(error @ ConnectError::NoDescendantsClients) => return skip("macos-27", &error.to_string()),
        Err(error) => return skip("endpoint-security", &error.to_string()),
    };
    let client = prepared.subscribe(&[Subscription::AuthUnlink]).expect("removals");
    scene.is_guarded(&asked, &client);
}
