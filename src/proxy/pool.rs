//! Connections to origins: one slot per address, protocol and TLS setting; idle ones are reused, last in first out.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use pingora::connectors::http::v2::ConnectionRef;
use prometheus::IntGauge;
use tokio::time::Instant;

use super::io::EdgeIo;
use crate::http1::conn::Conn;
use crate::model::group::OriginHttp;
use crate::model::limits::ORIGIN_IDLE_S;
use crate::model::name::HostName;
use crate::model::route::Scheme;

/// What makes two connections interchangeable.
#[derive(Debug, Clone)]
pub struct SlotKey {
    pub host: HostName,
    pub port: u16,
    pub scheme: Scheme,
    pub http: OriginHttp,
    /// Identity of the TLS configuration: a connection verified under one is never used under another.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl PartialEq for SlotKey {
    fn eq(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        same_tls
            && self.port == other.port
            && self.scheme == other.scheme
            && self.http == other.http
            && self.host == other.host
    }
}

/// Who is at the other end of a connection to an origin. Asked once, when it is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peer {
    pub address: Option<SocketAddr>,
    /// Protocol, suite and group of the TLS session.
    pub tls: Option<(&'static str, &'static str, &'static str)>,
}

impl Peer {
    pub fn of(io: &EdgeIo) -> Self {
        Self { address: io.tcp().peer_addr().ok(), tls: io.tls_names() }
    }
}

/// One in the gauge while it lives.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Idle {
    conn: Box<Conn<EdgeIo>>,
    peer: Peer,
    since: Instant,
    _counted: Counted,
}

/// A connection that carries many requests at a time.
struct Multiplexed {
    conn: ConnectionRef,
    peer: Peer,
    /// When it was given a request last.
    used: Instant,
}

/// Connections to one address of one origin.
pub struct Slot {
    pub key: SlotKey,
    idle: RefCell<Vec<Idle>>,
    h2: RefCell<Vec<Multiplexed>>,
    gauge: IntGauge,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("key", &self.key)
            .field("idle", &self.idle.borrow().len())
            .finish_non_exhaustive()
    }
}

impl Slot {
    /// `gauge` counts idle HTTP/1 connections over all slots.
    pub fn new(key: SlotKey, gauge: IntGauge) -> Rc<Self> {
        Rc::new(Self { key, idle: RefCell::default(), h2: RefCell::default(), gauge })
    }

    /// An idle connection that is still open and silent.
    pub fn take(&self) -> Option<(Box<Conn<EdgeIo>>, Peer)> {
        let oldest = Instant::now().checked_sub(Duration::from_secs(ORIGIN_IDLE_S));
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            if oldest.is_none_or(|oldest| idle.since > oldest) && idle.conn.is_quiet() {
                return Some((idle.conn, idle.peer));
            }
        }
    }

    /// Keeps a connection for the next request, up to `most` of them.
    pub fn put(&self, conn: Box<Conn<EdgeIo>>, peer: Peer, most: usize) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < most {
            idle.push(Idle { conn, peer, since: Instant::now(), _counted: Counted::new(&self.gauge) });
        }
    }

    /// An HTTP/2 connection that takes another request. The oldest first, so that what a burst left over ages.
    pub fn shared(&self) -> Option<(ConnectionRef, Peer)> {
        let mut all = self.h2.borrow_mut();
        let one = all.iter_mut().find(|one| one.conn.free_stream_slots() > 0)?;
        one.used = Instant::now();
        Some((one.conn.clone(), one.peer))
    }

    /// Lets further requests use an HTTP/2 connection.
    pub fn share(&self, conn: ConnectionRef, peer: Peer) {
        self.h2.borrow_mut().push(Multiplexed { conn, peer, used: Instant::now() });
    }

    /// Whether anything is kept that may grow old.
    pub fn keeps_any(&self) -> bool {
        !(self.idle.borrow().is_empty() && self.h2.borrow().is_empty())
    }

    /// Closes what is idle: all of it, or what has been so for too long.
    pub fn close_idle(&self, all: bool) {
        let oldest = Instant::now().checked_sub(Duration::from_secs(ORIGIN_IDLE_S));
        let young = |since: Instant| !all && oldest.is_none_or(|oldest| since > oldest);
        self.idle.borrow_mut().retain(|idle| young(idle.since));
        self.h2.borrow_mut().retain(|one| !one.conn.is_closed() && (!one.conn.is_idle() || young(one.used)));
    }
}
