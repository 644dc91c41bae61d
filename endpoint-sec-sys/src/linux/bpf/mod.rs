//! The programs that run in the kernel, and what they share with the helper.
//!
//! Their source is in `bpf/` of this crate: C, compiled by Debian's clang-14 and committed beside its source, so that
//! no compiler but Rust's is needed. [`layout`] is generated from `bpf/layout.h`. `.ci/bpf` proves both.

#[allow(non_camel_case_types, missing_docs, reason = "the names of the C header, which has the words")]
#[rustfmt::skip]
pub mod layout;

/// An object file wants to be read as words.
#[repr(C, align(16))]
struct Aligned<Bytes: ?Sized>(Bytes);

static ALIGNED_GUARD: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../bpf/guard.bpf.o"));
static ALIGNED_PROBE: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../bpf/probe.bpf.o"));

/// `bpf/guard.bpf.c`: the guard.
pub static GUARD: &[u8] = &ALIGNED_GUARD.0;

/// `bpf/probe.bpf.c`: one program, to tell whether the kernel asks programs at all.
pub static PROBE: &[u8] = &ALIGNED_PROBE.0;
