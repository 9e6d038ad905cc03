//! TLS towards origins: chain and name checks (FD-H20 to FD-H27), client certificates, session resumption.

use std::sync::Arc;

/// How one origin is spoken to over TLS.
#[derive(Debug, Clone)]
pub struct OriginTlsConfig {
    /// Kept across swaps while nothing of it changed, so that sessions resume.
    pub config: Arc<rustls::ClientConfig>,
    /// Set where the certificate has to name the client's host (FD-H24 `incoming_host`): then the caller takes
    /// `for_incoming_host` instead of `config`.
    pub incoming_host: bool,
    /// SNI: the origin's host (FD-H21).
    pub server_name: rustls_pki_types::ServerName<'static>,
}

impl OriginTlsConfig {
    /// The configuration for a client that asked for `host`.
    pub fn for_incoming_host(&self, _host: &str) -> Arc<rustls::ClientConfig> {
        todo!()
    }
}
