//! On macOS nothing about a process says that it is in a guarded tree: whoever guards is asked.

/// Whether this process may be in a guarded tree.
pub(super) fn may_be_inside() -> bool {
    true
}
