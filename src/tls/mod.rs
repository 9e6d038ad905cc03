//! Certificates and TLS: what a handshake serves, and how origins are verified. One immutable [`Material`] per
//! generation and certificate change; files are read while it is prepared, never during a handshake.

pub mod authority;
pub mod material;
pub mod origin;
pub mod policy;
