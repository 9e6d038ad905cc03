//! From a chosen origin to a connection: a pooled one, or a new one by name, TCP and TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pingora::protocols::http::v2::client::Http2Session;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::fail::Failure;
use super::http2::to_origin;
use super::io::EdgeIo;
use super::pool::{Peer, Slot};
use crate::http1::conn::Conn;
use crate::model::group::OriginHttp;
use crate::tls::origin::error_info;

/// A connection that is ready for a request.
#[derive(Debug)]
pub struct Connected {
    pub carrier: Carrier,
    pub peer: Peer,
    /// Another request went over it before.
    pub reused: bool,
}

/// What carries a request.
pub enum Carrier {
    H1(Box<Conn<EdgeIo>>),
    H2(Box<Http2Session>),
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::H1(_) => "H1",
            Self::H2(_) => "H2",
        })
    }
}

/// What a new connection needs to know.
#[derive(Debug)]
pub struct Wish<'w> {
    /// TCP, and TLS behind it, each at most this long (FD-E43).
    pub limit: Duration,
    pub tls: Option<(&'w std::sync::Arc<rustls::ClientConfig>, &'w rustls_pki_types::ServerName<'static>)>,
    /// An upgrade needs HTTP/1.1, whatever the origin is set to.
    pub http1_only: bool,
    /// Whether an idle connection will do.
    pub reuse: bool,
}

/// # Errors
/// [`Failure`] of kind refused, unreachable, DNS or TLS: nothing of the request was sent.
pub async fn connect(slot: &Slot, wish: &Wish<'_>) -> Result<Connected, Failure> {
    if slot.key.http == OriginHttp::Http2 && !wish.http1_only {
        return connect_h2(slot, wish).await;
    }
    if wish.reuse
        && let Some((conn, peer)) = slot.take()
    {
        return Ok(Connected { carrier: Carrier::H1(conn), peer, reused: true });
    }
    let io = open(slot, wish).await?;
    Ok(fresh_h1(io))
}

fn fresh_h1(io: EdgeIo) -> Connected {
    let peer = Peer::of(&io);
    Connected { carrier: Carrier::H1(Box::new(Conn::new(io))), peer, reused: false }
}

async fn connect_h2(slot: &Slot, wish: &Wish<'_>) -> Result<Connected, Failure> {
    if let Some((conn, peer)) = wish.reuse.then(|| slot.shared()).flatten()
        && let Ok(Some(session)) = conn.spawn_stream().await
    {
        return Ok(Connected { carrier: Carrier::H2(Box::new(session)), peer, reused: true });
    }
    let io = open(slot, wish).await?;
    if let EdgeIo::Asked(tls) = &io
        && tls.get_ref().1.alpn_protocol() != Some(b"h2")
    {
        // The origin was set to HTTP/2 and does not offer it over TLS: HTTP/1.1 is what both can.
        return Ok(fresh_h1(io));
    }
    let peer = Peer::of(&io);
    let conn = match timeout(wish.limit, to_origin::connect(Box::new(io))).await {
        Ok(Ok(conn)) => conn,
        Ok(Err(_)) => return Err(Failure::InvalidResponse),
        Err(_) => return Err(Failure::Unreachable),
    };
    slot.share(conn.clone(), peer);
    match conn.spawn_stream().await {
        Ok(Some(session)) => Ok(Connected { carrier: Carrier::H2(Box::new(session)), peer, reused: false }),
        _ => Err(Failure::Aborted),
    }
}

async fn open(slot: &Slot, wish: &Wish<'_>) -> Result<EdgeIo, Failure> {
    let tcp = open_tcp(slot, wish.limit).await?;
    // Small writes leave at once; a failure here is a connection that is gone already, and shows at the first write.
    let _ = tcp.set_nodelay(true);
    let Some((config, name)) = wish.tls else { return Ok(EdgeIo::Plain(tcp)) };
    let connector = tokio_rustls::TlsConnector::from(config.clone());
    match timeout(wish.limit, connector.connect(name.clone(), tcp)).await {
        Ok(Ok(tls)) => Ok(EdgeIo::Asked(Box::new(tls))),
        Ok(Err(error)) => Err(tls_failure(&error)),
        Err(_) => Err(Failure::OriginTls("SSLHandshakeError")),
    }
}

fn tls_failure(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Failure::OriginTls(error_info(tls)),
        None => Failure::OriginTls("SSLHandshakeError"),
    }
}

async fn open_tcp(slot: &Slot, limit: Duration) -> Result<TcpStream, Failure> {
    let deadline = Instant::now() + limit;
    let addresses = match slot.key.host.ip() {
        Some(ip) => vec![SocketAddr::new(ip, slot.key.port)],
        None => match timeout_at(deadline, tokio::net::lookup_host((slot.key.host.as_str(), slot.key.port)))
            .await
        {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => return Err(Failure::Dns(dns_word(&error))),
            Err(_) => return Err(Failure::Dns("DNSTimeout")),
        },
    };
    let mut last = Failure::Dns("DNSNameNotResolved");
    for address in addresses {
        last = match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Failure::Refused,
            Ok(Err(_)) => Failure::Unreachable,
            Err(_) => return Err(Failure::Unreachable),
        };
    }
    Err(last)
}

/// FD-L12. The resolver's own text is all there is to tell an unknown name from a broken server.
fn dns_word(error: &io::Error) -> &'static str {
    let text = error.to_string();
    if text.contains("not known") || text.contains("No address") {
        "DNSNameNotResolved"
    } else {
        "DNSFailure"
    }
}
