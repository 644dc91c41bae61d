//! What the system's library does with blocks: `_Block_copy` and `_Block_release`.

use endpoint_sec_sys::macos::block::{Block, NEEDS_FREE};
use std::ffi::c_void;

/// Stands for `_NSConcreteStackBlock`.
pub(super) static STACK_BLOCK: u64 = 1;
/// Stands for `_NSConcreteMallocBlock`.
static MALLOC_BLOCK: u64 = 2;

/// The address of a class.
pub(super) fn address(class: &'static u64) -> *const c_void {
    (&raw const *class).cast()
}

/// A copy on the heap; `None` for what is no block on the stack.
///
/// # Safety
/// `block` is one.
pub(super) unsafe fn copy(block: *const Block) -> Option<*mut Block> {
    // SAFETY:
    // - the caller vouches for it, and for the descriptor that it names.
    unsafe {
        if block.is_null()
            || (*block).isa != address(&STACK_BLOCK)
            || (*(*block).descriptor).size != size_of::<Block>()
        {
            return None;
        }
        let copy = Box::into_raw(Box::new(*block));
        (*copy).flags |= NEEDS_FREE;
        ((*(*copy).descriptor).copy)(copy, block);
        (*copy).isa = address(&MALLOC_BLOCK);
        Some(copy)
    }
}

/// Lets a copy go.
///
/// # Safety
/// `block` came from [`copy`], nobody calls it, and nobody will.
pub(super) unsafe fn release(block: *mut Block) {
    // SAFETY:
    // - the caller vouches for it.
    unsafe {
        ((*(*block).descriptor).dispose)(block);
        drop(Box::from_raw(block));
    }
}
