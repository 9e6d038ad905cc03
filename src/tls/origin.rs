//! TLS towards origins: chain and name checks (FD-H20 to FD-H27), client certificates, session resumption.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::model::group::NameCheck;

/// How one origin is spoken to over TLS.
#[derive(Debug, Clone)]
pub struct OriginTlsConfig {
    /// Kept across swaps while nothing of it changed, so that sessions resume.
    pub config: Arc<ClientConfig>,
    /// SNI: the origin's host (FD-H21).
    pub server_name: ServerName<'static>,
    by_host: Arc<ByHost>,
}

/// Configurations of an origin whose certificate names the client's host, one per host.
#[derive(Debug)]
struct ByHost {
    recipe: Recipe,
    made: Mutex<BTreeMap<String, Arc<ClientConfig>>>,
}

/// Hosts whose configuration is kept; a further one is made anew each time.
const BY_HOST_MAX: usize = 256;

/// What a client configuration is made of.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub roots: Arc<RootCertStore>,
    pub names: NameCheck,
    /// FD-H27: nothing is checked.
    pub insecure: bool,
    pub h2: bool,
    pub client: Option<Arc<rustls::sign::CertifiedKey>>,
}

impl Recipe {
    /// # Errors
    /// rustls': no usable roots, for one.
    pub fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let chain = WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let verifier = Arc::new(Verifier { chain, names: self.names.clone(), insecure: self.insecure });
        // FD-H20: the best version that the origin accepts.
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.client {
            Some(key) => builder.with_client_cert_resolver(Arc::new(Client(key.clone()))),
            // FD-H26.
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols =
            if self.h2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
        Ok(config)
    }
}

impl OriginTlsConfig {
    /// # Errors
    /// As [`Recipe::config`].
    pub fn new(
        recipe: Recipe,
        config: Option<Arc<ClientConfig>>,
        server_name: ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let config = match config {
            Some(config) => config,
            None => Arc::new(recipe.config()?),
        };
        Ok(Self { config, server_name, by_host: Arc::new(ByHost { recipe, made: Mutex::default() }) })
    }

    /// The configuration for a probe: there is no client host to compare with, so the origin's own name counts; the
    /// probe speaks HTTP/1.1 whatever traffic speaks; and its TLS session is always a new one (FD-C6).
    pub fn for_probe(&self) -> Arc<ClientConfig> {
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }

    /// The configuration for a client that asked for `host` (FD-H24 `incoming_host`).
    pub fn for_incoming_host(&self, host: &str) -> Arc<ClientConfig> {
        let mut made = self.by_host.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(config) = made.get(host) {
            return config.clone();
        }
        let Ok(name) = crate::model::name::HostName::parse(host) else { return self.config.clone() };
        let recipe = Recipe { names: NameCheck::Subjects(vec![name]), ..self.by_host.recipe.clone() };
        // The recipe made a configuration before; a name changes nothing about that.
        let Ok(config) = recipe.config().map(Arc::new) else { return self.config.clone() };
        if made.len() < BY_HOST_MAX {
            made.insert(host.to_owned(), config.clone());
        }
        config
    }
}

/// The chain by webpki, the name as the table says.
#[derive(Debug)]
struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    names: NameCheck,
    insecure: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        let against =
            |name: &ServerName<'_>| self.chain.verify_server_cert(leaf, intermediates, name, ocsp, now);
        match &self.names {
            NameCheck::OriginHost | NameCheck::IncomingHost => against(server_name),
            NameCheck::Subjects(names) => {
                let mut last = Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForName));
                for name in names {
                    let Ok(name) = ServerName::try_from(name.as_str()) else { continue };
                    last = against(&name);
                    if !matches!(&last, Err(error) if is_name_error(error)) {
                        break;
                    }
                }
                last
            }
            // webpki checks the chain before the name, so a wrong name says that the chain is right.
            NameCheck::Off => match against(server_name) {
                Err(error) if is_name_error(&error) => Ok(ServerCertVerified::assertion()),
                other => other,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

fn is_name_error(error: &rustls::Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(error, rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

#[derive(Debug)]
struct Client(Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Client {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(self.0.clone())
    }
    fn has_certs(&self) -> bool {
        true
    }
}

/// The word of section L.2 for a handshake with an origin that failed (FD-L8).
pub fn error_info(error: &rustls::Error) -> &'static str {
    use rustls::{AlertDescription as Alert, Error, PeerIncompatible};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => "SSLInvalidRootCA",
        error if is_name_error(error) => "CertificateNameCheckFailed",
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => "CertificateError",
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => "SSLInvalidCipher",
        Error::AlertReceived(Alert::InsufficientSecurity) => "SSLInvalidCipher",
        _ => "SSLHandshakeError",
    }
}
