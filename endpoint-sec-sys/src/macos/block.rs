//! A block, as clang lays it out (the "Block Implementation Specification"): what a handler is.
//!
//! A block with captured state begins on the stack. Whoever keeps it copies it (`_Block_copy`), which moves its
//! bytes to the heap and calls `copy`; when the last copy is let go, `dispose` is called. So the framework itself
//! says how long the captured state is needed. On arm64 (not arm64e) its pointers are not signed.

use crate::macos::api::Client;
use crate::macos::message::Message;
use core::ffi::c_void;

/// `BLOCK_NEEDS_FREE`: set by `_Block_copy` in a copy on the heap.
pub const NEEDS_FREE: i32 = 1 << 24;
/// `BLOCK_HAS_COPY_DISPOSE`: the descriptor has `copy` and `dispose`.
pub const HAS_COPY_DISPOSE: i32 = 1 << 25;

/// `es_handler_block_t`'s code.
pub type Invoke = unsafe extern "C" fn(*mut Block, *mut Client, *const Message);

/// `es_handler_block_t`: a block that captured one pointer.
#[doc(alias = "es_handler_block_t")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// `_NSConcreteStackBlock`, and in a copy what `_Block_copy` puts here.
    pub isa: *const c_void,
    /// `BLOCK_*`, and in a copy its reference count.
    pub flags: i32,
    /// 0.
    pub reserved: i32,
    /// Its code.
    pub invoke: Invoke,
    /// What is the same for all blocks of this shape.
    pub descriptor: *const Descriptor,
    /// What it captured.
    pub captured: *const c_void,
}

// From the specification: a pointer, two ints, two pointers, then the captured variables.
layout!(Block, size 40, isa at 0, flags at 8, reserved at 12, invoke at 16, descriptor at 24, captured at 32);

/// `struct Block_descriptor_1`, with the functions of `Block_descriptor_2`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// 0.
    pub reserved: usize,
    /// Bytes of the block.
    pub size: usize,
    /// Called once the bytes are in the copy: the new block, the old one.
    pub copy: unsafe extern "C" fn(*mut Block, *const Block),
    /// Called before the bytes of a copy are freed.
    pub dispose: unsafe extern "C" fn(*mut Block),
}

layout!(Descriptor, size 32, reserved at 0, size at 8, copy at 16, dispose at 24);
