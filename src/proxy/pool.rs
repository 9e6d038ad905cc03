//! Connections to origins: one slot per address, protocol and TLS setting; idle ones are reused, last in first out.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use pingora::connectors::http::v2::ConnectionRef;
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

struct Idle {
    conn: Box<Conn<EdgeIo>>,
    since: Instant,
}

/// Connections to one address of one origin.
pub struct Slot {
    pub key: SlotKey,
    idle: RefCell<Vec<Idle>>,
    pub h2: RefCell<Vec<ConnectionRef>>,
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
    pub fn new(key: SlotKey) -> Rc<Self> {
        Rc::new(Self { key, idle: RefCell::default(), h2: RefCell::default() })
    }

    /// An idle connection that is still open and silent.
    pub fn take(&self) -> Option<Box<Conn<EdgeIo>>> {
        let oldest = Instant::now().checked_sub(Duration::from_secs(ORIGIN_IDLE_S));
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            if oldest.is_none_or(|oldest| idle.since > oldest) && idle.conn.is_quiet() {
                return Some(idle.conn);
            }
        }
    }

    /// Keeps a connection for the next request, up to `most` of them.
    pub fn put(&self, conn: Box<Conn<EdgeIo>>, most: usize) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < most {
            idle.push(Idle { conn, since: Instant::now() });
        }
    }

    pub fn idle_count(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Closes what is idle: all of it, or what has been so for too long.
    pub fn close_idle(&self, all: bool) {
        let oldest = Instant::now().checked_sub(Duration::from_secs(ORIGIN_IDLE_S));
        self.idle.borrow_mut().retain(|idle| !all && oldest.is_none_or(|oldest| idle.since > oldest));
        self.h2.borrow_mut().retain(|conn| !(conn.is_closed() || all && conn.is_idle()));
    }
}
