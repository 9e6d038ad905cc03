//! Policies as a client meets them: suites, their order, versions, certificates of every kind.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::cipher_suite as suite;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{HandshakeKind, ProtocolVersion, SupportedCipherSuite};

use crate::harness::secure::{ANY, SecureOrigin};
use crate::harness::{Origin, TestEdge};

/// What came of a handshake with these suites on offer, in the client's order.
fn shake(
    edge: &TestEdge,
    name: &str,
    ca: &Path,
    suites: &[SupportedCipherSuite],
) -> Option<(ProtocolVersion, rustls::CipherSuite)> {
    shake_with(edge, name, ca, suites, rustls::crypto::ring::ALL_KX_GROUPS.to_vec())
}

/// With the key-exchange groups that a client knows.
fn shake_with(
    edge: &TestEdge,
    name: &str,
    ca: &Path,
    suites: &[SupportedCipherSuite],
    kx_groups: Vec<&'static dyn rustls::crypto::SupportedKxGroup>,
) -> Option<(ProtocolVersion, rustls::CipherSuite)> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls::pki_types::CertificateDer::pem_file_iter(ca).ok()?.flatten());
    let provider = rustls::crypto::CryptoProvider {
        cipher_suites: suites.to_vec(),
        kx_groups,
        ..rustls::crypto::ring::default_provider()
    };
    let versions: Vec<_> = [&rustls::version::TLS12, &rustls::version::TLS13]
        .into_iter()
        .filter(|v| suites.iter().any(|s| *s.version() == **v))
        .collect();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&versions)
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = std::net::TcpStream::connect(edge.https).ok()?;
    let name = ServerName::try_from(name.to_owned()).ok()?;
    let mut tls = rustls::StreamOwned::new(rustls::ClientConnection::new(Arc::new(config), name).ok()?, tcp);
    tls.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = Vec::new();
    let _ = tls.read_to_end(&mut text);
    text.starts_with(b"HTTP/1.1 ").then_some(())?;
    Some((tls.conn.protocol_version()?, tls.conn.negotiated_cipher_suite()?.suite()))
}

fn table(port: u16, domains: &str) -> String {
    format!(
        "{domains}[certificates.c]\ndomains = [\"a.test\", \"b.test\", \"test\"]\nself_signed = true\n\
         [origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\nhttp_port = {port}\n\
         [routes.r]\ndomains = [\"a.test\", \"b.test\", \"test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n"
    )
}

const AES128_13: SupportedCipherSuite = suite::TLS13_AES_128_GCM_SHA256;
const AES256_13: SupportedCipherSuite = suite::TLS13_AES_256_GCM_SHA384;
const CHACHA_13: SupportedCipherSuite = suite::TLS13_CHACHA20_POLY1305_SHA256;
const AES128_12: SupportedCipherSuite = suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
const AES256_12: SupportedCipherSuite = suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
const CHACHA_12: SupportedCipherSuite = suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;

/// FD-H3: the standard policies offer their suites in the edge's own order, whatever the client prefers, and no
/// other. FD-H4: TLS12_2022 offers nothing beyond them.
#[test]
fn standard_policies() {
    let origin = Origin::fixed("here");
    for policy in ["", "[domains.\"a.test\"]\ntls_policy = \"tls12_2022\"\n"] {
        let edge = TestEdge::start(&table(origin.port(), policy));
        let ask = |suites: &[SupportedCipherSuite]| shake(&edge, "a.test", &edge.ca(), suites).map(|s| s.1);
        assert_eq!(ask(&[AES128_13, AES256_13]), Some(AES256_13.suite()), "{policy}");
        assert_eq!(ask(&[AES128_12, AES256_12]), Some(AES256_12.suite()), "{policy}");
        assert_eq!(ask(&[AES128_12]), Some(AES128_12.suite()), "{policy}");
        assert_eq!(ask(&[AES256_12, AES128_13]), Some(AES128_13.suite()), "1.3 is preferred");
        assert_eq!(ask(&[CHACHA_13]), None, "{policy}");
        assert_eq!(ask(&[CHACHA_12]), None, "{policy}");
    }
}

/// FD-H1: TLS 1.3 whatever the minimum. FD-H5: a customized policy offers the listed suites only, in the listed order.
/// FD-H8: and another domain keeps its own.
#[test]
fn customized_policies() {
    let origin = Origin::fixed("here");
    let only13 = "tls_policy = \"customized\"\nminimum_tls_version = \"1.3\"\ncipher_suites_tls13 = [\"TLS_AES_128_GCM_SHA256\", \"TLS_AES_256_GCM_SHA384\"]\n";
    let both = "tls_policy = \"customized\"\ncipher_suites_tls13 = [\"TLS_AES_256_GCM_SHA384\"]\n\
                cipher_suites_tls12 = [\"DHE_RSA_AES256_GCM_SHA384\", \"ECDHE_RSA_AES128_GCM_SHA256\"]\n";
    let edge = TestEdge::start(&table(
        origin.port(),
        &format!("[domains.\"a.test\"]\n{only13}[domains.\"b.test\"]\n{both}"),
    ));
    let ask = |name: &str, suites: &[SupportedCipherSuite]| shake(&edge, name, &edge.ca(), suites);
    assert_eq!(ask("a.test", &[AES256_13, AES128_13]).map(|s| s.1), Some(AES128_13.suite()));
    assert_eq!(ask("a.test", &[AES256_12, AES128_12]), None);
    assert_eq!(ask("b.test", &[AES128_13]), None);
    assert_eq!(ask("b.test", &[AES256_12, AES128_12]), Some((ProtocolVersion::TLSv1_2, AES128_12.suite())));
    assert_eq!(ask("b.test", &[AES256_12]), None);
    // FD-H18: an apex name is a name like any other.
    assert_eq!(ask("test", &[AES256_12]).map(|s| s.0), Some(ProtocolVersion::TLSv1_2));
}

/// FD-H6: a TLS 1.3 client that knows secp384r1 or secp256r1 alone gets through.
#[test]
fn key_exchange_groups() {
    use rustls::crypto::ring::kx_group::{SECP256R1, SECP384R1};
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for group in [SECP256R1, SECP384R1] {
        assert!(shake_with(&edge, "a.test", &edge.ca(), &[AES256_13], vec![group]).is_some(), "{group:?}");
    }
}

/// FD-H11's reading: own certificates with any chain, with elliptic-curve keys.
#[test]
fn own_chains() {
    let origin = Origin::fixed("here");
    let folder = tempfile::tempdir().expect("a folder");
    let ca_key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    let mut ca = rcgen::CertificateParams::new(Vec::new()).expect("no names");
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = ca.self_signed(&ca_key).expect("a root");
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let leaf = rcgen::CertificateParams::new(vec!["a.test".to_owned()])
        .expect("a name")
        .signed_by(&key, &issuer)
        .expect("a leaf");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let cert = file("chain.pem", leaf.pem() + &root.pem());
    let secret = file("key.pem", key.serialize_pem());
    let root = file("root.pem", root.pem());
    let text = table(origin.port(), "").replace(
        "self_signed = true",
        &format!(
            "cert_file = {:?}\nkey_file = {:?}",
            cert.display().to_string(),
            secret.display().to_string()
        ),
    );
    let edge = TestEdge::start(&text);
    assert!(shake(&edge, "a.test", &root, &[AES128_13]).is_some());
}

/// FD-H20, FD-H21, FD-H26: towards an origin: TLS 1.2 where it has no better, the origin's host as SNI and not the
/// host header, no SNI for an address, no client certificate unless one is set.
#[test]
fn what_an_origin_sees() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let origin = SecureOrigin::start(&[&rustls::version::TLS12], Some(Arc::new(AnyClient(provider))));
    let (port, ca_line) = (origin.port, format!("{}\nhost_header = \"other.test\"", origin.trusted()));
    for (host, client, sni, certificates) in [
        ("localhost", "", Some("localhost"), 0),
        ("127.0.0.1", "", None, 0),
        ("localhost", "client_certificate = \"mine\"", Some("localhost"), 2),
    ] {
        let edge = TestEdge::start(&format!(
            "[certificates.mine]\ndomains = [\"client.test\"]\nself_signed = true\n\
             [origin_groups.g.origins.o]\nhost = \"{host}\"\nhttps_port = {port}\n{ca_line}\n{client}\n\
             [routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"https_only\"\n"
        ));
        assert_eq!(crate::harness::get(edge.http, "a.test", "/").status, 200, "{host} {client}");
        let seen = origin.handshakes.recv().expect("a handshake");
        let told = (seen.sni.as_deref(), seen.client_certificates, seen.version);
        assert_eq!(told, (sni, certificates, Some(ProtocolVersion::TLSv1_2)), "{host} {client}");
    }
}

/// Sessions with an origin resume, also over a change of the table that leaves it alone.
#[test]
fn sessions_with_origins_resume() {
    let origin = SecureOrigin::start(&ANY, None);
    let text = |patterns: &str| {
        format!(
            "[origin_groups.g.origins.o]\nhost = \"localhost\"\nhttps_port = {}\n{}\n[routes.r]\ndomains = [\"a.test\"]\n\
             origin_group = \"g\"\nforwarding_protocol = \"https_only\"\npatterns = [{patterns}]\n",
            origin.port,
            origin.trusted(),
        )
    };
    let edge = TestEdge::start(&text("\"/*\""));
    let kind = || {
        assert_eq!(crate::harness::get(edge.http, "a.test", "/").status, 200);
        origin.handshakes.recv().expect("a handshake").kind
    };
    assert_eq!(kind(), Some(HandshakeKind::Full));
    assert_eq!(kind(), Some(HandshakeKind::Resumed));
    edge.apply(&text("\"/*\", \"/more/*\""));
    assert_eq!(edge.control.table().0.0, 2, "another table serves");
    assert_eq!(kind(), Some(HandshakeKind::Resumed));
}

/// Asks for a client certificate and takes any, or none.
#[derive(Debug)]
struct AnyClient(Arc<rustls::crypto::CryptoProvider>);

impl rustls::server::danger::ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }
    fn client_auth_mandatory(&self) -> bool {
        false
    }
    fn verify_client_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::server::danger::ClientCertVerified, rustls::Error> {
        Ok(rustls::server::danger::ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
