//! One probe: a new connection, one request, one answer read to its end (FD-C2 to FD-C8, FD-C12 to FD-C15).

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::control::live::Pinned;
use crate::health::monitor::{ProbeFailure, ProbeOrder, ProbeTarget};
use crate::http1::body::Frame;
use crate::http1::conn::{Conn, put_field};
use crate::http1::parse::{Framing, HeadError, HeadLimits};
use crate::model::group::ProbeMethod;
use crate::model::limits::PROBE_HEADERS_BYTES;
use crate::model::route::Scheme;

/// What a probe may answer: 4,096 bytes of header in total (FD-C13).
const HEAD: HeadLimits =
    HeadLimits { target: 0, line: PROBE_HEADERS_BYTES, total: PROBE_HEADERS_BYTES, count: 256 };

/// Body of a probe's answer that is read; a longer one is cut, the status has been seen.
const BODY_MAX: u64 = 64 << 10;

/// How a probe went.
#[derive(Debug)]
pub struct Told {
    pub outcome: Result<Duration, ProbeFailure>,
    pub address: Option<SocketAddr>,
    pub status: u16,
    pub took: Duration,
    /// TCP set-up.
    pub connect: Option<Duration>,
    /// Name resolution; None for an address.
    pub dns: Option<Duration>,
}

/// Sends one probe. Latency runs from just before the connection to the last byte (FD-C6, FD-C15).
pub async fn probe(order: &ProbeOrder, pinned: &Pinned) -> Told {
    let started = Instant::now();
    let mut told = Told {
        outcome: Err(ProbeFailure::Timeout),
        address: None,
        status: 0,
        took: Duration::ZERO,
        connect: None,
        dns: None,
    };
    if let Ok(outcome) = timeout(order.timeout, attempt(order, pinned, &mut told)).await {
        told.outcome = outcome.map(|()| started.elapsed());
    }
    told.took = started.elapsed();
    told
}

async fn attempt(order: &ProbeOrder, pinned: &Pinned, told: &mut Told) -> Result<(), ProbeFailure> {
    let target = &order.target;
    let address = resolve(target, told).await?;
    told.address = Some(address);
    let before = Instant::now();
    let tcp = TcpStream::connect(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => ProbeFailure::Refused,
        _ => ProbeFailure::Connect { detail: error.to_string() },
    })?;
    told.connect = Some(before.elapsed());
    // The whole request leaves in one write anyway.
    let _ = tcp.set_nodelay(true);
    let fdid = &pinned.snapshot.table.settings.front_door_id;
    if target.scheme == Scheme::Http {
        return ask(Conn::new(tcp), target, fdid, told).await;
    }
    let tls = pinned
        .tls
        .origin(order.origin)
        .ok_or_else(|| ProbeFailure::Tls { detail: String::from("no TLS settings") })?;
    let config = tls.for_probe();
    let connector = tokio_rustls::TlsConnector::from(config);
    let stream = connector.connect(tls.server_name.clone(), tcp).await;
    let stream = stream.map_err(|error| ProbeFailure::Tls { detail: error.to_string() })?;
    ask(Conn::new(stream), target, fdid, told).await
}

async fn resolve(target: &ProbeTarget, told: &mut Told) -> Result<SocketAddr, ProbeFailure> {
    if let Some(ip) = target.host.ip() {
        return Ok(SocketAddr::new(ip, target.port));
    }
    let before = Instant::now();
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    told.dns = Some(before.elapsed());
    let mut found = found.map_err(|error| ProbeFailure::Dns { detail: error.to_string() })?;
    found.next().ok_or_else(|| ProbeFailure::Dns { detail: String::from("the name has no address") })
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    mut conn: Conn<S>,
    target: &ProbeTarget,
    front_door_id: &str,
    told: &mut Told,
) -> Result<(), ProbeFailure> {
    conn.send_head(Framing::Empty, |out| {
        out.put_slice(target.method.as_str().as_bytes());
        out.put_slice(b" ");
        out.put_slice(target.path.as_bytes());
        out.put_slice(b" HTTP/1.1\r\n");
        put_field(out, b"Host", target.host_header.as_bytes());
        put_field(out, b"User-Agent", b"Edge Health Probe");
        put_field(out, b"X-FD-HealthProbe", b"1");
        put_field(out, b"X-Azure-FDID", front_door_id.as_bytes());
        put_field(out, b"Connection", b"close");
        out.put_slice(b"\r\n");
    });
    poll_fn(|cx| conn.poll_flush(cx)).await.map_err(|_| ProbeFailure::Closed)?;
    let method = match target.method {
        ProbeMethod::Head => http::Method::HEAD,
        ProbeMethod::Get => http::Method::GET,
    };
    let head = loop {
        let head =
            poll_fn(|cx| conn.poll_response(cx, &method, &HEAD)).await.map_err(|_| ProbeFailure::Closed)?;
        match head {
            Ok(head) if (100..200).contains(&head.status) && head.status != 101 => {}
            Ok(head) => break head,
            Err(Some(HeadError::HeadersTooLarge)) => return Err(ProbeFailure::HeadersTooBig),
            Err(Some(error)) => return Err(ProbeFailure::Malformed { detail: error.to_string() }),
            Err(None) => return Err(ProbeFailure::Closed),
        }
    };
    told.status = head.status;
    let mut read = 0;
    while read < BODY_MAX {
        match poll_fn(|cx| conn.poll_frame(cx)).await {
            Ok(Frame::Data(data)) => read += data.len() as u64,
            Ok(Frame::End(_)) => break,
            Err(_) => return Err(ProbeFailure::Closed),
        }
    }
    if head.status == 200 { Ok(()) } else { Err(ProbeFailure::Status { status: head.status }) }
}

/// FD-J6: one record per failed probe, under the names of section J.3.
pub fn log_failure(order: &ProbeOrder, told: &Told, failure: &ProbeFailure, pop: &str, pinned: &Pinned) {
    let target = &order.target;
    let url = format!("{}://{}:{}{}", target.scheme.as_str(), target.host_header, target.port, target.path);
    let origin = pinned.snapshot.table.origins.get(order.origin.0 as usize).map_or("", |o| o.name.as_str());
    let dns = told.dns.map_or_else(|| String::from("N/A"), |d| d.as_micros().to_string());
    tracing::info!(
        target: "tidegate::probe",
        healthProbeId = format!("{:016x}", crate::ambient::seed()),
        POP = pop,
        httpVerb = target.method.as_str(),
        result = "OriginError",
        httpStatusCode = told.status,
        probeURL = url,
        originName = origin,
        originIP = told.address.map_or_else(|| String::from("N/A"), |a| a.to_string()),
        totalLatencyMilliseconds = u64::try_from(told.took.as_millis()).unwrap_or(u64::MAX),
        connectionLatencyMilliseconds = told.connect.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(0)),
        DNSLatencyMicroseconds = dns,
        detail = %failure,
        "FrontDoorHealthProbeLog"
    );
}
