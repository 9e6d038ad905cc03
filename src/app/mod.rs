//! Assembly: builds every part of an edge in order, wires them, runs them, drains them.

pub mod edge;
pub mod hand_over;
pub mod signals;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::diagnostic::Diagnostics;

/// Why an edge does not run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("{path}: {cause}")]
    Unreadable { path: PathBuf, cause: io::Error },
    /// The text is what the diagnostics are about.
    #[error("the table was refused")]
    Refused { diagnostics: Diagnostics, text: String },
    #[error("[edge] {key}: {address} cannot be bound: {cause}; {help}")]
    Bind { key: &'static str, address: SocketAddr, cause: io::Error, help: &'static str },
    #[error("the listeners of the running edge were not handed over: {0}")]
    HandOver(io::Error),
    #[error("{what}: {cause}")]
    Start { what: &'static str, cause: io::Error },
}

/// What to do about an address that cannot be bound.
pub fn bind_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: stop it, or choose another port",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges: choose another port, or grant CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
        _ => "choose another address",
    }
}
