//! Real edges, scripted origins and plain clients on loopback. Everything binds port 0 and ends with its test.

pub mod client;
pub mod edge;
pub mod origin;
pub mod secure;

pub use client::{Answer, Client, exchange, get};
pub use edge::TestEdge;
pub use origin::{Origin, Reply};
