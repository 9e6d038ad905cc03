//! Domain policies as rustls server configurations (FD-H1 to FD-H8).
//!
//! rustls has no CBC and no DHE suites: those names of a policy are accepted in a table and never offered. A suite
//! with RSA in its name stands for the cipher, so its ECDSA sibling comes with it: development certificates have
//! elliptic-curve keys.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite as suite};
use rustls::server::{ProducesTickets, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedCipherSuite};

use crate::model::domain::{MinimumTls, Suite12, Suite13, TlsPolicy};

/// Sessions that TLS 1.2 clients resume by id; tickets need no memory.
const SESSIONS: usize = 1024;

/// The suites of a policy in the server's order (FD-H3, FD-H5).
pub fn suites(policy: &TlsPolicy) -> Vec<SupportedCipherSuite> {
    match policy {
        // Both sets offer the same once CBC and DHE are gone (FD-H4).
        TlsPolicy::Tls12_2023 | TlsPolicy::Tls12_2022 => vec![
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ],
        TlsPolicy::Customized { minimum, suites12, suites13 } => {
            let mut out: Vec<SupportedCipherSuite> = suites13.iter().map(|s| suite13(*s)).collect();
            if *minimum == MinimumTls::Tls12 {
                out.extend(suites12.iter().flat_map(|s| suite12(*s)));
            }
            out
        }
    }
}

const fn suite13(wanted: Suite13) -> SupportedCipherSuite {
    match wanted {
        Suite13::Aes128GcmSha256 => suite::TLS13_AES_128_GCM_SHA256,
        Suite13::Aes256GcmSha384 => suite::TLS13_AES_256_GCM_SHA384,
    }
}

fn suite12(wanted: Suite12) -> Vec<SupportedCipherSuite> {
    match wanted {
        Suite12::EcdheRsaAes128GcmSha256 => {
            vec![suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
        }
        Suite12::EcdheRsaAes256GcmSha384 => {
            vec![suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
        }
        Suite12::DheRsaAes256GcmSha384
        | Suite12::DheRsaAes128GcmSha256
        | Suite12::EcdheRsaAes128Sha256
        | Suite12::EcdheRsaAes256Sha384 => Vec::new(),
    }
}

/// One ticket key for the process, so that a ticket resumes on every worker, and again and again.
fn ticketer() -> Option<Arc<dyn ProducesTickets>> {
    static TICKETER: OnceLock<Option<Arc<dyn ProducesTickets>>> = OnceLock::new();
    TICKETER.get_or_init(|| ring::Ticketer::new().ok()).clone()
}

/// The configuration that serves `key` under `policy`.
///
/// # Errors
/// A policy without any suite that rustls has.
pub fn server(policy: &TlsPolicy, key: Arc<CertifiedKey>) -> Result<ServerConfig, rustls::Error> {
    let provider = CryptoProvider { cipher_suites: suites(policy), ..ring::default_provider() };
    // FD-H1: TLS 1.3 always, 1.2 where the policy has suites for it.
    let tls12 = provider.cipher_suites.iter().any(|s| s.version() == &rustls::version::TLS12);
    let both: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
    let versions = if tls12 { both } else { &both[..1] };
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Single(key)));
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    // One ticket is enough for a client that keeps one connection, and half the work of two.
    config.send_tls13_tickets = 1;
    if let Some(ticketer) = ticketer() {
        config.ticketer = ticketer;
    }
    Ok(config)
}

/// The SNI was looked at before: this configuration is for one certificate.
#[derive(Debug)]
struct Single(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Single {
    fn resolve(&self, _hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}
