//! macOS: Endpoint Security. Messages, numbers, functions, and the block that a handler is.
//!
//! Written from the framework's headers (`ESMessage.h`, `ESTypes.h`, `ESClient.h`), for the messages that
//! es-guard asks for and no others. Nothing here is bound to macOS when it is compiled: layouts are plain
//! `repr(C)` and the functions are looked up when a program runs. So every layout is asserted on every machine
//! that compiles this crate, one binary runs on every macOS from 13, and a simulated framework can stand in.
//!
//! Pointers in messages stay raw, and a structure that grew with the message's version
//! ([`Message::version`](message::Message::version)) is read field by field, never through a reference: an
//! older system may have allocated less of it than is declared here.

/// Asserts the size of a structure and the offset of each of its fields that is read. A wrong one does not compile:
///
/// ```compile_fail,E0080
/// #[repr(C)]
/// struct Two {
///     first: u8,
///     second: u32,
/// }
/// endpoint_sec_sys::layout!(Two, size 8, first at 0, second at 5);
/// ```
/// ```compile_fail,E0080
/// #[repr(C)]
/// struct Two {
///     first: u8,
///     second: u32,
/// }
/// endpoint_sec_sys::layout!(Two, size 5, first at 0, second at 4);
/// ```
/// ```
/// #[repr(C)]
/// struct Two {
///     first: u8,
///     second: u32,
/// }
/// endpoint_sec_sys::layout!(Two, size 8, first at 0, second at 4);
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! layout {
    ($structure:ty, size $size:literal $(, $field:ident at $offset:literal)* $(,)?) => {
        const _: () = assert!(
            core::mem::size_of::<$structure>() == $size,
            concat!("size of ", stringify!($structure))
        );
        $(const _: () = assert!(
            core::mem::offset_of!($structure, $field) == $offset,
            concat!("offset of ", stringify!($structure), ".", stringify!($field))
        );)*
    };
}

pub mod api;
pub mod block;
pub mod event;
pub mod event_type;
pub mod file;
pub mod load;
pub mod message;
pub mod process;
pub mod result;
pub mod task;
pub mod token;
