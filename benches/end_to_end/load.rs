//! The loads: wrk, h2load, and new TLS connections by a client of our own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use crate::proxies::Proxy;

/// What a load counted.
#[derive(Debug, Default)]
pub struct Counted {
    pub requests: u64,
    pub failed: u64,
    pub per_second: f64,
}

pub struct Case {
    pub name: &'static str,
    load: fn(&Proxy) -> Counted,
}

impl Case {
    pub fn run(&self, proxy: &Proxy) -> Counted {
        (self.load)(proxy)
    }
}

pub fn cases() -> Vec<Case> {
    let case = |name, load| Case { name, load };
    vec![
        case("HTTP/1.1, 1 KiB", |p| wrk(&format!("http://127.0.0.1:{}/1k", p.http))),
        case("HTTP/1.1, 64 KiB", |p| wrk(&format!("http://127.0.0.1:{}/64k", p.http))),
        case("TLS HTTP/1.1, 1 KiB", |p| wrk(&format!("https://localhost:{}/1k", p.https))),
        case("TLS HTTP/1.1, 64 KiB", |p| wrk(&format!("https://localhost:{}/64k", p.https))),
        case("HTTP/2, 1 KiB", |p| h2load(&format!("https://localhost:{}/1k", p.https), 60_000)),
        case("HTTP/2, 64 KiB", |p| h2load(&format!("https://localhost:{}/64k", p.https), 10_000)),
        case("new TLS 1.3 connections", |p| handshakes(p, false)),
        case("resumed TLS 1.3 connections", |p| handshakes(p, true)),
    ]
}

fn output(program: &str, arguments: &[&str]) -> String {
    let out = Command::new("taskset").args(["-c", "1", program]).args(arguments).output().expect(program);
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn number(text: &str) -> f64 {
    text.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0.0)
}

fn wrk(url: &str) -> Counted {
    let text = output("wrk", &["-t1", "-c64", "-d3", url]);
    let line = |word: &str| text.lines().find(|l| l.contains(word)).unwrap_or("").to_owned();
    let requests = number(line("requests in").split_whitespace().next().unwrap_or("")) as u64;
    let per_second = line("Requests/sec").split_whitespace().last().map_or(0.0, number);
    let failed = u64::from(text.contains("Non-2xx") || text.contains("Socket errors"));
    Counted { requests, failed, per_second }
}

fn h2load(url: &str, requests: u64) -> Counted {
    let text = output("h2load", &["-c16", "-m16", &format!("-n{requests}"), url]);
    let line = |word: &str| text.lines().find(|l| l.starts_with(word)).unwrap_or("").to_owned();
    let done = line("requests:")
        .split(", ")
        .find(|p| p.ends_with("succeeded"))
        .map_or(0.0, |p| number(p.split(' ').next().unwrap_or("")));
    let per_second =
        line("finished in").split(", ").nth(1).map_or(0.0, |p| number(p.split(' ').next().unwrap_or("")));
    let failed = requests - (done as u64).min(requests);
    Counted { requests: done as u64, failed, per_second }
}

/// Takes whatever certificate it is shown: the proxies share one, and this is about their cost.
#[derive(Debug)]
struct Trusting(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn config(resume: bool) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("a version")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
        .with_no_client_auth();
    if !resume {
        config.resumption = rustls::client::Resumption::disabled();
    }
    Arc::new(config)
}

type Tls = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

fn open(proxy: &Proxy, config: &Arc<rustls::ClientConfig>, connection: &str) -> Option<Tls> {
    let tcp = TcpStream::connect(("127.0.0.1", proxy.https)).ok()?;
    tcp.set_nodelay(true).ok()?;
    let name = ServerName::try_from("localhost").ok()?;
    let mut tls = rustls::StreamOwned::new(rustls::ClientConnection::new(config.clone(), name).ok()?, tcp);
    tls.write_all(
        format!("GET /1k HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n").as_bytes(),
    )
    .ok()?;
    let mut bytes = vec![0; 4096];
    let mut read = tls.read(&mut bytes).ok()?;
    let good = bytes.starts_with(b"HTTP/1.1 200");
    while read < 1024 {
        read += tls.read(&mut bytes).ok().filter(|n| *n > 0)?;
    }
    good.then_some(tls)
}

/// A new connection and one request each, eight clients with a ticket jar each.
fn handshakes(proxy: &Proxy, resume: bool) -> Counted {
    const EACH: usize = 250;
    let started = Instant::now();
    let made = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(move || {
                    let config = config(resume);
                    (0..EACH).filter(|_| open(proxy, &config, "close").is_some()).count() as u64
                })
            })
            .collect();
        clients.into_iter().map(|c| c.join().unwrap_or(0)).sum::<u64>()
    });
    let failed = 8 * EACH as u64 - made;
    Counted { requests: made, failed, per_second: made as f64 / started.elapsed().as_secs_f64() }
}

/// Connections that have carried one request and stay.
pub fn idle(proxy: &Proxy, count: usize) -> Vec<Tls> {
    let config = config(false);
    (0..count).filter_map(|_| open(proxy, &config, "keep-alive")).collect()
}
