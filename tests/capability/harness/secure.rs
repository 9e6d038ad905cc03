//! An origin over TLS with a certificate of its own, and what each of its handshakes was like.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustls::pki_types::PrivateKeyDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::{
    HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};
use tempfile::TempDir;

/// One handshake, as the origin saw it.
#[derive(Debug, PartialEq)]
pub struct Seen {
    pub sni: Option<String>,
    pub client_certificates: usize,
    pub version: Option<ProtocolVersion>,
    pub kind: Option<HandshakeKind>,
}

pub struct SecureOrigin {
    pub port: u16,
    pub handshakes: Receiver<Seen>,
    folder: TempDir,
}

impl SecureOrigin {
    /// For `localhost` and 127.0.0.1, answering `secure` once per connection.
    pub fn start(
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let cert =
            rcgen::CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), cert.pem()).expect("a file");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).expect("versions");
        let builder = match clients {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = Arc::new(builder.with_single_cert(vec![cert.der().clone()], secret).expect("a pair"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (sent, handshakes) = channel();
        std::thread::spawn(move || {
            for tcp in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(config.clone()).expect("a connection");
                let (mut tls, sent) = (StreamOwned::new(connection, tcp), sent.clone());
                std::thread::spawn(move || {
                    if tls.read(&mut [0; 4096]).is_err() {
                        return;
                    }
                    let seen = Seen {
                        sni: tls.conn.server_name().map(str::to_owned),
                        client_certificates: tls.conn.peer_certificates().map_or(0, <[_]>::len),
                        version: tls.conn.protocol_version(),
                        kind: tls.conn.handshake_kind(),
                    };
                    let _ = tls.write_all(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecure",
                    );
                    tls.conn.send_close_notify();
                    let _ = tls.flush();
                    // A test that has seen enough listens no longer.
                    let _ = sent.send(seen);
                });
            }
        });
        Self { port, handshakes, folder }
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The key of routes.toml that makes an edge trust it.
    pub fn trusted(&self) -> String {
        format!("ca_file = {:?}", self.ca().display().to_string())
    }
}

/// Every version that rustls speaks.
pub const ANY: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
