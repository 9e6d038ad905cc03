//! The path of a change: check, diff, prepare, commit, publish. The one owner of the swap.

pub mod change;
pub mod event;
pub mod files;
mod gate;
pub mod history;
pub mod live;
mod room;
