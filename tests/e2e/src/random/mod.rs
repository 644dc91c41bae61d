//! Random scripts of what a tree and a person do to the same few names, against a plain model of what must
//! survive, and of what must not be refused.
//!
//! A [script](Script) is [made](make) from a number. It is [played](play) step by step by two processes in twin
//! directories, one guarded and one bare, and after each step the harness, outside, [looks](look) at what is
//! there. The [claims] follow which name is whose; what they find missing must be in the
//! [stash](keeping), or was lost. Nothing here knows how es-guard decides: the rules are written down again, from
//! what is promised. A script in which something is wrong is [made shorter](shorten).

pub mod claims;
pub mod keeping;
pub mod look;
pub mod make;
pub mod place;
pub mod play;
pub mod refusal;
pub mod script;
pub mod shorten;

pub use play::{Course, Trouble, run};
pub use script::{By, Script, Step};
