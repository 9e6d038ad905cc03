//! Everything TLS of one table: server configurations by SNI, client configurations by origin. Immutable; files are
//! read while one is prepared, never during a handshake.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::origin::{OriginTlsConfig, Recipe};
use super::{authority, policy};
use crate::config::diagnostic::Diagnostics;
use crate::model::domain::{Certificate, CertificateSource, DEFAULT_CERTIFICATE, DomainName, TlsPolicy};
use crate::model::group::{OriginHttp, OriginId, OriginTls};
use crate::model::name::HostName;
use crate::model::table::Table;

/// What makes two server configurations one: the policy, the certificate's name, and its bytes.
type ServerKey = (TlsPolicy, Option<String>, Vec<u8>);

/// What makes two client configurations one.
type ClientKey = (OriginTls, bool, bool, Vec<Vec<u8>>, Option<Vec<u8>>);

#[derive(Debug)]
pub struct Material {
    exact: HashMap<Box<str>, Arc<ServerConfig>>,
    wildcard: HashMap<Box<str>, Arc<ServerConfig>>,
    default: Arc<ServerConfig>,
    servers: BTreeMap<ServerKey, Arc<ServerConfig>>,
    clients: BTreeMap<ClientKey, Arc<ClientConfig>>,
    origins: Vec<OriginTlsConfig>,
    watched: Vec<PathBuf>,
}

/// Where files are.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'f> {
    /// Relative paths of a table start here: where routes.toml is.
    pub table: &'f Path,
    /// The development authority's.
    pub certificates: &'f Path,
}

/// A file that cannot be used.
struct Trouble {
    code: &'static str,
    message: String,
    help: String,
}

impl Trouble {
    fn new(code: &'static str, message: String, help: &str) -> Self {
        Self { code, message, help: help.to_owned() }
    }
}

impl Material {
    /// Loads what `table` names. What did not change is taken over from `previous`, sessions included.
    ///
    /// # Errors
    /// A diagnostic per file that cannot be used; nothing is changed then.
    pub fn prepare(
        file: &str,
        table: &Table,
        folders: Folders<'_>,
        previous: Option<&Self>,
    ) -> Result<Self, Diagnostics> {
        let mut making = Making { table, folders, previous, troubles: Vec::new(), watched: Vec::new() };
        let keys: Vec<Option<Arc<CertifiedKey>>> =
            table.certificates.iter().map(|c| making.certificate(c)).collect();
        let default = making.default_key();
        let material = making.material(&keys, default);
        let mut diagnostics = Diagnostics::default();
        for Trouble { code, message, help } in making.troubles {
            diagnostics.0.extend(Diagnostics::whole_file(file, code, message, Some(help)).0);
        }
        material.filter(|_| diagnostics.is_empty()).ok_or(diagnostics)
    }

    /// The configuration for a ClientHello: exact name, then one-level wildcard, then the default (FD-H15).
    pub fn server(&self, sni: Option<&str>) -> &Arc<ServerConfig> {
        let found = sni.and_then(|name| {
            let lower = name.to_ascii_lowercase();
            let wildcard = || self.wildcard.get(lower.split_once('.')?.1);
            self.exact.get(lower.as_str()).or_else(wildcard)
        });
        found.unwrap_or(&self.default)
    }

    pub fn origin(&self, id: OriginId) -> Option<&OriginTlsConfig> {
        self.origins.get(id.0 as usize)
    }

    /// Files whose change asks for a new `prepare`.
    pub fn watched(&self) -> &[PathBuf] {
        &self.watched
    }
}

/// A material in the making, with everything that is wrong about it.
struct Making<'m> {
    table: &'m Table,
    folders: Folders<'m>,
    previous: Option<&'m Material>,
    troubles: Vec<Trouble>,
    watched: Vec<PathBuf>,
}

impl Making<'_> {
    fn certificate(&mut self, certificate: &Certificate) -> Option<Arc<CertifiedKey>> {
        let loaded = match &certificate.source {
            CertificateSource::SelfSigned => self.own(certificate.name.as_str(), &certificate.domains),
            CertificateSource::Files { cert, key } => {
                let (cert, key) = (self.folders.table.join(cert), self.folders.table.join(key));
                self.watched.extend([cert.clone(), key.clone()]);
                read_pair(&cert, &key)
            }
        };
        self.took(loaded)
    }

    fn took<T>(&mut self, result: Result<T, Trouble>) -> Option<T> {
        result.map_err(|trouble| self.troubles.push(trouble)).ok()
    }

    fn own(&self, name: &str, domains: &[DomainName]) -> Result<Arc<CertifiedKey>, Trouble> {
        let folder = self.folders.certificates;
        let help = "make the folder writable, or remove the broken file: it is made anew";
        let leaf = authority::leaf(folder, name, domains)
            .map_err(|e| Trouble::new("development-certificate", e.to_string(), help))?;
        parse_pair(
            &leaf.chain,
            &leaf.key,
            &folder.join(format!("{name}.pem")),
            &folder.join(format!("{name}.key")),
        )
    }

    fn default_key(&mut self) -> Option<Arc<CertifiedKey>> {
        let names = ["localhost", "127.0.0.1", "::1"];
        let domains: Vec<DomainName> =
            names.iter().filter_map(|n| HostName::parse(n).ok()).map(DomainName::Exact).collect();
        let made = self.own(DEFAULT_CERTIFICATE, &domains);
        self.took(made)
    }

    fn material(
        &mut self,
        keys: &[Option<Arc<CertifiedKey>>],
        default: Option<Arc<CertifiedKey>>,
    ) -> Option<Material> {
        let default = default?;
        let mut servers: BTreeMap<ServerKey, Arc<ServerConfig>> = BTreeMap::new();
        let mut exact = HashMap::new();
        let mut wildcard = HashMap::new();
        for domain in &self.table.domains {
            let id = domain.certificate.map(|id| id.0 as usize);
            let Some(key) = id.map_or(Some(&default), |at| keys.get(at).and_then(Option::as_ref)) else {
                continue;
            };
            let name = domain.certificate.map(|id| self.table.certificate(id).name.to_string());
            let Some(config) = self.server(&domain.tls, name, key, &mut servers) else { continue };
            match &domain.name {
                DomainName::Exact(host) => exact.insert(host.as_str().into(), config),
                DomainName::Wildcard(rest) => wildcard.insert(rest.as_str().into(), config),
            };
        }
        let default = self.server(&TlsPolicy::default(), None, &default, &mut servers)?;
        let mut clients = BTreeMap::new();
        let origins = self.origins(keys, &mut clients)?;
        let watched = std::mem::take(&mut self.watched);
        Some(Material { exact, wildcard, default, servers, clients, origins, watched })
    }

    fn server(
        &mut self,
        policy: &TlsPolicy,
        name: Option<String>,
        key: &Arc<CertifiedKey>,
        servers: &mut BTreeMap<ServerKey, Arc<ServerConfig>>,
    ) -> Option<Arc<ServerConfig>> {
        let bytes = key.cert.iter().flat_map(|c| c.iter().copied()).collect();
        let identity = (policy.clone(), name, bytes);
        let known = servers.get(&identity).or_else(|| self.previous?.servers.get(&identity)).cloned();
        let config = match known {
            Some(config) => config,
            None => {
                let help = "list a suite that is offered: see docs/fidelity.md, FD-H4";
                let made = policy::server(policy, key.clone()).map(Arc::new);
                let made =
                    made.map_err(|e| Trouble::new("tls-policy", format!("policy {policy:?}: {e}"), help));
                self.took(made)?
            }
        };
        servers.insert(identity, config.clone());
        Some(config)
    }

    fn origins(
        &mut self,
        keys: &[Option<Arc<CertifiedKey>>],
        clients: &mut BTreeMap<ClientKey, Arc<ClientConfig>>,
    ) -> Option<Vec<OriginTlsConfig>> {
        let settings = &self.table.settings;
        let mut extra = Vec::new();
        for path in &settings.extra_roots {
            let read = self.roots_file(path);
            extra.extend(self.took(read).unwrap_or_default());
        }
        let mut out = Vec::with_capacity(self.table.origins.len());
        for origin in &self.table.origins {
            let mut added = extra.clone();
            if let Some(path) = &origin.tls.ca_file {
                let read = self.roots_file(path);
                added.extend(self.took(read).unwrap_or_default());
            }
            let client = origin.tls.client_certificate.and_then(|id| keys.get(id.0 as usize)?.clone());
            let h2 = origin.http == OriginHttp::Http2;
            let added: Vec<Vec<u8>> = added.iter().map(|c| c.to_vec()).collect();
            let client_bytes =
                client.as_ref().map(|key| key.cert.iter().flat_map(|c| c.iter().copied()).collect());
            let identity = (origin.tls.clone(), settings.insecure_origins, h2, added, client_bytes);
            let roots = roots(&identity.3);
            let recipe = Recipe {
                roots,
                names: origin.tls.name_check.clone(),
                insecure: settings.insecure_origins,
                h2,
                client,
            };
            let known = clients.get(&identity).or_else(|| self.previous?.clients.get(&identity)).cloned();
            let name = server_name(&origin.host);
            let help = "trust at least one root: install the system's, or set `tls.extra_roots`";
            let made = OriginTlsConfig::new(recipe, known, name);
            let made =
                made.map_err(|e| Trouble::new("origin-tls", format!("origin {}: {e}", origin.name), help));
            let config = self.took(made)?;
            clients.insert(identity, config.config.clone());
            out.push(config);
        }
        Some(out)
    }

    fn roots_file(&mut self, path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
        let path = self.folders.table.join(path);
        self.watched.push(path.clone());
        read_chain(&path)
    }
}

fn server_name(host: &HostName) -> ServerName<'static> {
    // A host name of a table is a DNS name or an address; underscores are the one thing that TLS knows no name for.
    let fallback = || ServerName::IpAddress(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED).into());
    ServerName::try_from(host.as_str().to_owned()).unwrap_or_else(|_| fallback())
}

/// The system's roots, read once, and further ones.
fn roots(added: &[Vec<u8>]) -> Arc<RootCertStore> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let system = SYSTEM.get_or_init(|| {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(store)
    });
    if added.is_empty() && !system.is_empty() {
        return system.clone();
    }
    let mut store = (**system).clone();
    store.add_parsable_certificates(added.iter().map(|der| CertificateDer::from(der.clone())));
    if store.is_empty() {
        // A machine without any roots: every chain is unknown, which is what the handshake has to say.
        store.roots.extend(nobody());
    }
    Arc::new(store)
}

/// A trust anchor that nothing chains to.
fn nobody() -> Option<rustls::pki_types::TrustAnchor<'static>> {
    let key = rcgen::KeyPair::generate().ok()?;
    let cert =
        rcgen::CertificateParams::new(vec![String::from("nobody.invalid")]).ok()?.self_signed(&key).ok()?;
    webpki::anchor_from_trusted_cert(cert.der()).ok().map(|anchor| anchor.to_owned())
}

fn read(path: &Path) -> Result<String, Trouble> {
    let help = "check the path (relative ones start at the folder of routes.toml) and the file's permissions";
    fs::read_to_string(path)
        .map_err(|e| Trouble::new("certificate-file", format!("{}: {e}", path.display()), help))
}

fn parse_chain(text: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let help = "write PEM: the leaf first, then its intermediates";
    let wrong = |what: String| Trouble::new("certificate-file", format!("{}: {what}", path.display()), help);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let chain = chain.map_err(|e| wrong(format!("not PEM: {e}")))?;
    if chain.is_empty() {
        return Err(wrong(String::from("there is no certificate in it")));
    }
    Ok(chain)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    parse_chain(&read(path)?, path)
}

fn read_pair(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, Trouble> {
    parse_pair(&read(cert)?, &read(key)?, cert, key)
}

fn parse_pair(
    cert_text: &str,
    key_text: &str,
    cert: &Path,
    key: &Path,
) -> Result<Arc<CertifiedKey>, Trouble> {
    let chain = parse_chain(cert_text, cert)?;
    let wrong = |what: String| {
        let help = "write the private key of the certificate as PEM (PKCS#8, PKCS#1 or SEC1)";
        Trouble::new("certificate-key", format!("{}: {what}", key.display()), help)
    };
    let parsed = PrivateKeyDer::from_pem_slice(key_text.as_bytes())
        .map_err(|e| wrong(format!("no private key: {e}")))?;
    let signer = any_supported_type(&parsed).map_err(|e| wrong(e.to_string()))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(pair))
        }
        Err(_) => Err(wrong(format!("the key does not belong to {}", cert.display()))),
    }
}
