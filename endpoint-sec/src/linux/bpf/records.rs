//! The ring buffer that records come through.

use super::error::Error;
use aya::maps::{Map, MapData, RingBuf};
use std::os::fd::{AsFd, BorrowedFd};

/// What the programs tell, in the order in which they told it. Its descriptor is readable while there is something.
pub struct Records(RingBuf<MapData>);

impl Records {
    pub(super) fn open(map: MapData) -> Result<Self, Error> {
        RingBuf::try_from(Map::RingBuf(map)).map(Self).map_err(Error::map("records"))
    }

    /// The next one's bytes, for [`Record::decode`](super::Record::decode); `None` when there is none now.
    #[allow(clippy::should_implement_trait, reason = "there may be a next one later")]
    pub fn next(&mut self) -> Option<Vec<u8>> {
        self.0.next().map(|bytes| bytes.to_vec())
    }
}

impl AsFd for Records {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Records").finish()
    }
}
