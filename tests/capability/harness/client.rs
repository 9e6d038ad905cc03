//! A client that sends the bytes it is told and reads what comes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};

/// A response as it came.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|l| l.split_once(':'));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn reference(&self) -> &str {
        self.header("x-azure-ref").expect("X-Azure-Ref on every response")
    }
}

trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

pub struct Client {
    stream: Box<dyn Duplex>,
    pub tcp: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn plain(address: SocketAddr) -> Self {
        let tcp = connect(address);
        Self { stream: Box::new(tcp.try_clone().expect("a copy")), tcp, buffer: Vec::new() }
    }

    /// HTTP/1.1 over TLS for `name`, trusting the certificates of `ca`.
    pub fn tls(address: SocketAddr, name: &str, ca: &Path) -> Self {
        let tcp = connect(address);
        let config = tls_config(ca, &[b"http/1.1"]);
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let connection = rustls::ClientConnection::new(config, name).expect("a connection");
        let stream = rustls::StreamOwned::new(connection, tcp.try_clone().expect("a copy"));
        Self { stream: Box::new(stream), tcp, buffer: Vec::new() }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // An edge that has refused may have closed: what it said is still read.
        let _ = self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush());
    }

    fn more(&mut self) -> bool {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(read @ 1..) => {
                self.buffer.extend_from_slice(&bytes[..read]);
                true
            }
            _ => false,
        }
    }

    /// The next head, interim ones included.
    pub fn head(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more() {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        self.buffer.drain(..end);
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Some(Answer { status, head, body: Vec::new() })
    }

    /// The next whole response to `method`.
    pub fn answer_to(&mut self, method: &str) -> Option<Answer> {
        let mut answer = self.head()?;
        if method == "HEAD" || answer.status < 200 || matches!(answer.status, 204 | 304) {
            return Some(answer);
        }
        if let Some(length) = answer.header("content-length").and_then(|v| v.parse::<usize>().ok()) {
            answer.body = self.bytes(length)?;
        } else if answer.header("transfer-encoding").is_some() {
            answer.body = self.chunked()?;
        } else {
            while self.more() {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        Some(answer)
    }

    pub fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET")
    }

    pub fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more() {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }

    /// One chunk; empty at the end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = loop {
            if let Some(at) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                break at;
            }
            if !self.more() {
                return None;
            }
        };
        let size = usize::from_str_radix(std::str::from_utf8(&self.buffer[..end]).ok()?, 16).ok()?;
        self.buffer.drain(..end + 2);
        let data = self.bytes(size)?;
        self.bytes(2)?;
        Some(data)
    }

    fn chunked(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Some(body);
            }
            body.extend(chunk);
        }
    }

    /// Whether the edge closes without another byte.
    pub fn closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more()
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let tcp = TcpStream::connect(address).expect("a connection");
    tcp.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    tcp.set_nodelay(true).expect("no delay");
    tcp
}

pub fn tls_config(ca: &Path, alpn: &[&[u8]]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_file_iter(ca).expect("a file").flatten());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
    Arc::new(config)
}

/// Sends bytes on a fresh connection and reads one response.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    let mut client = Client::plain(address);
    let method = String::from_utf8_lossy(request.as_ref()).split(' ').next().unwrap_or("GET").to_owned();
    client.send(request);
    client.answer_to(&method).expect("a response")
}

pub fn get(address: SocketAddr, host: &str, path: &str) -> Answer {
    exchange(address, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}
