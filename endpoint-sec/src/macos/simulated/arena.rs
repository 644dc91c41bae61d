//! The memory of one message: each part by itself and no larger than it must be, until the message goes.

use super::facts::Facts;
use endpoint_sec_sys::macos::file::File;
use endpoint_sec_sys::macos::token::StringToken;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::ptr::copy_nonoverlapping;

/// The parts.
#[derive(Default)]
pub(super) struct Arena {
    words: Vec<*mut [u64]>,
    texts: Vec<*mut [u8]>,
}

// SAFETY:
// - the parts are owned, and nobody writes to them once the message is built.
unsafe impl Send for Arena {}

impl Arena {
    /// Stores the first `size` bytes of a structure, as a system does that knows no more of it.
    pub(super) fn cut<T: Copy>(&mut self, value: &T, size: usize) -> *const T {
        assert!(size <= size_of::<T>() && size.is_multiple_of(8) && align_of::<T>() <= 8);
        let words = Box::into_raw(vec![0_u64; size / 8].into_boxed_slice());
        self.words.push(words);
        let place = words.cast::<T>();
        // SAFETY:
        // - both have `size` bytes, and are not the same.
        unsafe { copy_nonoverlapping((&raw const *value).cast::<u8>(), place.cast::<u8>(), size) };
        place
    }

    /// Stores a structure.
    pub(super) fn put<T: Copy>(&mut self, value: &T) -> *const T {
        self.cut(value, size_of::<T>())
    }

    /// Stores text, without the zero byte that the framework has behind it: the length is what counts.
    pub(super) fn text(&mut self, text: &OsStr) -> StringToken {
        let bytes: Box<[u8]> = text.as_bytes().into();
        let length = bytes.len();
        let place = Box::into_raw(bytes);
        self.texts.push(place);
        StringToken { length, data: place.cast() }
    }

    /// Stores a file.
    pub(super) fn file(&mut self, facts: &Facts) -> *const File {
        let path = self.text(facts.path.as_os_str());
        self.put(&File { path, path_truncated: facts.truncated, stat: facts.stat })
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for part in self.words.drain(..) {
            // SAFETY:
            // - it came from a box of this type, and is freed once.
            drop(unsafe { Box::from_raw(part) });
        }
        for part in self.texts.drain(..) {
            // SAFETY:
            // - it came from a box of this type, and is freed once.
            drop(unsafe { Box::from_raw(part) });
        }
    }
}
