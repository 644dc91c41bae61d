//! The guard in the kernel, met by real processes. Needs root, and a kernel that takes it: where it does not, what is
//! here is skipped, unless `ES_GUARD_TEST_REQUIRE` names `bpf-lsm`.
//!
//! Each script runs unguarded first, where it must succeed: else its failure under guard would prove nothing.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod own;
mod plain;
mod refused;
mod sealed;
mod tree;
mod world;
