//! The brain: which route, which origin, and why. Proxy, explain, check and drills ask the same functions.
//! Pure: facts, health and dice come in, values go out.

pub mod affinity;
pub mod explain;
pub mod facts;
pub mod origin_path;
pub mod path;
pub mod pick;
pub mod ports;
pub mod reason;
pub mod request;
pub mod shares;
pub mod trail;
pub mod turn;
