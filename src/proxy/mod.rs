//! The HTTP corridor: a connection comes in, its requests are decided, forwarded and delivered, and recorded.

pub mod http2;
pub mod io;
pub mod side;
