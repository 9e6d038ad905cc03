//! HTTP/2 streams as sides of an exchange. The engine is pingora-core's: its server handshake with bounded
//! options towards clients, its connection handles and client sessions towards origins.

pub mod outgoing;
pub mod to_client;
pub mod to_origin;
