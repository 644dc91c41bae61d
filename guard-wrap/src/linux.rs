//! The commands that not every system has, on Linux: all of them.

pub(crate) use crate::approve::run as approve;
pub(crate) use crate::asking::{check, request, why};
pub(crate) use crate::doctor::linux::checks;
pub(crate) use crate::helper_cmd::run as helper;
pub(crate) use crate::hook::run as hook;
pub(crate) use crate::mcp::run as mcp;
pub(crate) use crate::overrides::run as overrides;
pub(crate) use crate::sessions::restore::run as restore;
pub(crate) use crate::stash::run as stash;
pub(crate) use crate::status::run as status;
pub(crate) use crate::wrap::run as wrap;
