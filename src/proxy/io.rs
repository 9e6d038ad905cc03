//! The one stream type of the corridor: TCP, with TLS or without. Tells pingora's HTTP/2 engine what it asks.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType, raw_connect::ProxyDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// A connection to a client or an origin.
#[derive(Debug)]
pub enum EdgeIo {
    Plain(TcpStream),
    /// As the server of a client.
    Served(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    /// As the client of an origin.
    Asked(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl EdgeIo {
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Served(tls) => tls.get_ref().0,
            Self::Asked(tls) => tls.get_ref().0,
        }
    }

    /// Protocol and suite of the TLS session, as FD-J.2 names them; None without TLS.
    pub fn tls_names(&self) -> Option<(&'static str, &'static str, &'static str)> {
        let state = match self {
            Self::Plain(_) => return None,
            Self::Served(tls) => (
                tls.get_ref().1.protocol_version(),
                tls.get_ref().1.negotiated_cipher_suite(),
                tls.get_ref().1.negotiated_key_exchange_group(),
            ),
            Self::Asked(tls) => (
                tls.get_ref().1.protocol_version(),
                tls.get_ref().1.negotiated_cipher_suite(),
                tls.get_ref().1.negotiated_key_exchange_group(),
            ),
        };
        let version = match state.0 {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let suite = state.1.map_or("", |s| openssl_name(s.suite()));
        let group = state.2.and_then(|g| g.name().as_str()).unwrap_or("");
        Some((version, suite, group))
    }
}

/// A suite by the name that OpenSSL gives it.
fn openssl_name(suite: rustls::CipherSuite) -> &'static str {
    use rustls::CipherSuite as S;
    match suite {
        S::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        S::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        S::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        S::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        S::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        S::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        S::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        S::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        S::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        other => other.as_str().unwrap_or(""),
    }
}

macro_rules! each {
    ($self:expr, $stream:ident => $body:expr) => {
        match $self {
            EdgeIo::Plain($stream) => $body,
            EdgeIo::Served($stream) => $body,
            EdgeIo::Asked($stream) => $body,
        }
    };
}

impl AsyncRead for EdgeIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for EdgeIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// A stream some of whose bytes were read already.
#[derive(Debug)]
pub struct Rewound {
    read: Bytes,
    io: EdgeIo,
}

impl Rewound {
    pub const fn new(read: Bytes, io: EdgeIo) -> Self {
        Self { read, io }
    }

    fn tcp(&self) -> &TcpStream {
        self.io.tcp()
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let take = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read.split_to(take));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What pingora's engine asks of a stream; it is told nothing but the socket's identity.
macro_rules! streams {
    ($($stream:ty),*) => {$(
#[async_trait::async_trait]
impl Shutdown for $stream {
    async fn shutdown(&mut self) {
        // The other side may be gone already; there is nobody to tell.
        let _ = AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for $stream {
    fn id(&self) -> UniqueIDType {
        std::os::fd::AsRawFd::as_raw_fd(self.tcp())
    }
}

impl Ssl for $stream {}

impl GetTimingDigest for $stream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for $stream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for $stream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Peek for $stream {}
    )*};
}

streams!(EdgeIo, Rewound);
