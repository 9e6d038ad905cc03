//! What a user can do with an edge, on real sockets. A module per capability; the harness is beside them.

mod affinity;
mod bodies;
mod errors;
mod failover;
mod framing;
mod h2;
mod harness;
mod headers;
mod logs;
mod regions;
mod routing;
mod swap;
mod timeouts;
mod tls;
mod websocket;
