//! The one owner of "is it up": probe results in, verdicts and transitions out. Pure: `now` is an argument.

pub mod bounds;
pub mod monitor;
pub mod probe;
pub mod window;
