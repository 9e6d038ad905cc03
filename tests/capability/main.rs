//! What a user can do with an edge, on real sockets. A module per capability; the harness is beside them.

mod admin;
mod affinity;
mod bodies;
mod errors;
mod failover;
mod families;
mod framing;
mod h2;
mod handshakes;
mod harness;
mod headers;
mod logs;
mod probes;
mod regions;
mod routing;
mod swap;
mod timeouts;
mod tls;
mod torture;
mod websocket;
