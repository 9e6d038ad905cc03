//! HTTP/1.x as bytes: heads, bodies, connections. One reading of every message, or a refusal.
//!
//! pingora-core's own HTTP/1 session is not used here: one object borrowed for reading or writing at a time cannot
//! carry both directions of an exchange at once, and its header maps are what makes a small request expensive.

pub mod body;
pub mod conn;
pub mod fields;
pub mod parse;
#[cfg(test)]
mod tests;
