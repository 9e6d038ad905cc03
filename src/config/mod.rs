//! Text in, a table or diagnostics out. Pure: the files a table names are read by `tls`, called by `control`.

pub mod diagnostic;
pub mod diff;
pub mod render;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::table::Table;
use diagnostic::Diagnostics;

/// `[edge]`: what needs a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeSettings {
    /// Default `edge-1`.
    pub name: String,
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    pub admin: SocketAddr,
    /// File that holds the admin API's bearer token; None: no token, loopback only.
    pub admin_token_file: Option<PathBuf>,
    /// Worker threads, one runtime each. None: one per core.
    pub workers: Option<usize>,
    /// HTTP/2 with prior knowledge on the plain listeners. Off by default.
    pub h2c: bool,
    /// How long SIGTERM waits for requests in flight. Default 30 s.
    pub drain: Duration,
    /// Folder of the development authority and its leaves. Default `certs`.
    pub certificates_folder: PathBuf,
    /// Where access lines go: `stdout` (default), `off`, or a file.
    pub access_log: AccessLog,
    /// Socket over which listeners pass to the next process. Default: `tidegate-upgrade.sock` in the temporary folder, with the admin port in its name.
    pub upgrade_socket: Option<PathBuf>,
    /// File that keeps history across restarts. None: memory only.
    pub history_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    Stdout,
    Off,
    File(PathBuf),
}

/// A file that passed.
#[derive(Debug, Clone)]
pub struct Checked {
    pub edge: EdgeSettings,
    pub table: Table,
    /// Warnings and lint; never errors.
    pub warnings: Diagnostics,
}

/// Reads a routes.toml. `file` is the name that diagnostics show.
///
/// # Errors
/// Every mistake of the file, in one go.
pub fn read(_file: &str, _text: &str) -> Result<Checked, Diagnostics> {
    todo!()
}
