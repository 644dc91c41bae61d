//! One descriptor that is held for the moment at which there is no other: to take up who connects, and say so.

use crate::daemon::turned_away::{self, Because};
use std::fs::File;
use std::io;
use std::time::Duration;
use tokio::net::UnixListener;

/// The descriptor, where there was one to hold.
#[derive(Debug)]
pub(super) struct Reserve(Option<File>);

impl Reserve {
    pub(super) fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// Turns away who waits, of whom `error` said that they can't be taken up.
    ///
    /// At the limit of descriptors they would wait without a word. Where not even that can be done (the limit
    /// is the whole machine's, and somebody else was faster) this rests a while, as they wait still.
    pub(super) async fn turn_away(&mut self, listener: &UnixListener, error: &io::Error) {
        drop(self.0.take());
        // Whoever has gone meanwhile is not waited for.
        match tokio::time::timeout(Duration::ZERO, listener.accept()).await {
            Ok(Ok((connection, _))) => turned_away::tell(connection, &Because::Kernel(error)),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        *self = Self::new();
    }
}
