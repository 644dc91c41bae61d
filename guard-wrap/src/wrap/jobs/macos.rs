//! On macOS there is one list of what waits.

pub(super) use endpoint_sec::macos::arrivals::pending as waiting;
