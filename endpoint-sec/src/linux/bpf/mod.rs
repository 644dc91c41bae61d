//! BPF: the kernel decides by itself, from tables, and tells what it has denied.
//!
//! | room | what |
//! |---|---|
//! | [`floor`] | the programs, attached and pinned, and the maps: the only room that loads anything |
//! | [`table`] | what the programs look up, written for one session and version |
//! | [`tree`] | who belongs to a session, and who may not be reached from inside one |
//! | [`record`] | what the programs tell, read out of its bytes; pure |
//! | [`records`] | the ring buffer that it comes through |
//! | [`mod@probe`] | whether this kernel can do all that, and if not, why |
//! | [`layout`] | keys, values and records as in C |
//!
//! A session is a number here, a zone a bit: whose they are and what they are for, the caller knows.

mod error;
mod floor;
mod maps;
mod pins;
mod probe;
mod record;
mod records;
mod table;
mod tree;

pub use endpoint_sec_sys::linux::bpf::layout;
pub use error::Error;
pub use floor::Floor;
pub use pins::uninstall;
pub use probe::{Missing, probe};
pub use record::{Kind, Malformed, Op, Path, Reason, Record};
pub use records::Records;
pub use table::{Name, Node, Table};
