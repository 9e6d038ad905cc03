//! A head becomes facts, or is refused: what a request is, before anybody decides anything about it.

use std::net::IpAddr;

use bytes::Bytes;

use super::fail::Failure;
use super::line::Line;
use crate::decide::path::normalise;
use crate::http1::fields::{Known, tokens};
use crate::http1::parse::{Framing, RequestHead, Version};
use crate::model::limits::{Limits, REQUEST_CHAIN_HOPS};
use crate::model::route::Scheme;
use crate::model::settings::Settings;

/// Text that was checked to be UTF-8, sharing the head's buffer.
#[derive(Debug, Clone, Default)]
pub struct Text(Bytes);

impl Text {
    pub fn new(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).ok()?;
        Some(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As the client wrote it, port included: what `X-Forwarded-Host` says, and `Host` without a host header.
    pub host_header: Text,
    /// Lower case, without port and trailing dot (FD-B4).
    pub host: Text,
    /// The path to match and forward: the client's bytes unless normalising changed them.
    pub path: Text,
    /// Without `?`.
    pub query: Option<Text>,
    /// FD-E17.
    pub client: IpAddr,
    /// Values of `ASLBSA` and `ASLBSACORS`.
    pub affinity: [Option<Text>; 2],
    /// The number behind `hops=`, 0 for a first pass.
    pub hops: u32,
    pub debug: bool,
    /// An upgrade to WebSocket is asked for.
    pub websocket: bool,
}

/// Reads a head.
///
/// # Errors
/// FD-L1, L3, L18, L19, and the loop check of FD-E15.
pub fn read(head: &RequestHead, line: &Line, settings: &Settings) -> Result<Asked, Failure> {
    if head.method == http::Method::CONNECT {
        return Err(Failure::Connect);
    }
    let limits = &settings.limits;
    let (host_header, target) = split_target(head)?;
    let host = bare_host(&host_header)?;
    let (raw_path, query) = match memchr::memchr(b'?', &target) {
        Some(at) => (target.slice(..at), Some(target.slice(at + 1..))),
        None => (target.clone(), None),
    };
    check_sizes(&target, query.as_ref(), &host_header, line, limits)?;
    let path = Text::new(raw_path).ok_or(Failure::Malformed("the target is not UTF-8"))?;
    let path = match normalise(path.as_str()) {
        Ok(std::borrow::Cow::Borrowed(_)) => path,
        Ok(std::borrow::Cow::Owned(changed)) => Text(Bytes::from(changed)),
        Err(_) => return Err(Failure::Malformed("the path climbs above the root")),
    };
    check_body(head, limits)?;
    let hops = hops(head)?;
    let host_header = Text::new(host_header).ok_or(Failure::Malformed("Host is not UTF-8"))?;
    Ok(Asked {
        host,
        host_header,
        path,
        query: query.map(|q| Text::new(q).ok_or(Failure::Malformed("the query is not UTF-8"))).transpose()?,
        client: client_ip(head, line.peer.ip(), settings),
        affinity: affinity(head),
        hops,
        debug: head.fields.first(Known::DebugInfo) == Some(b"1"),
        websocket: websocket(head),
    })
}

/// The host as written, and path with query. Absolute form and `:authority` have to agree with `Host`.
fn split_target(head: &RequestHead) -> Result<(Bytes, Bytes), Failure> {
    let mut hosts = head.fields.all(Known::Host);
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Failure::Malformed("more than one Host"));
    }
    let host = host.map(Bytes::copy_from_slice);
    let (authority, target) = match &head.authority {
        Some(authority) => (Some(authority.clone()), head.target.clone()),
        None if head.target.starts_with(b"/") => (None, head.target.clone()),
        None => {
            let (authority, path) = absolute(&head.target)?;
            (Some(authority), path)
        }
    };
    let chosen = match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(&host) => {
            return Err(Failure::Malformed("Host differs from the target's authority"));
        }
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        // FD-B18. HTTP/1.0 may leave it out, but nothing could be routed then.
        (None, None) => return Err(Failure::Malformed("there is no Host")),
    };
    if !target.starts_with(b"/") {
        return Err(Failure::Malformed("the target is no path"));
    }
    Ok((chosen, target))
}

fn absolute(target: &Bytes) -> Result<(Bytes, Bytes), Failure> {
    let rest = [b"http://".as_slice(), b"https://"]
        .iter()
        .find(|scheme| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme))
        .map(|scheme| target.slice(scheme.len()..))
        .ok_or(Failure::Malformed("the target is neither a path nor an http URL"))?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let path = rest.slice(end..);
    let path = match path.first() {
        Some(b'/') => path,
        None => Bytes::from_static(b"/"),
        Some(_) => return Err(Failure::Malformed("the target has no path")),
    };
    Ok((rest.slice(..end), path))
}

/// Lower case, without port and trailing dot; refuses what is no host at all (FD-B4, FD-B18).
fn bare_host(written: &Bytes) -> Result<Text, Failure> {
    let wrong = Failure::Malformed("Host is no host name");
    let (host, port) = if written.starts_with(b"[") {
        let end = memchr::memchr(b']', written).ok_or(wrong.clone())?;
        (written.slice(1..end), written.slice(end + 1..))
    } else {
        let end = memchr::memchr(b':', written).unwrap_or(written.len());
        (written.slice(..end), written.slice(end..))
    };
    if !port.is_empty() && (port[0] != b':' || port.len() > 6 || !port[1..].iter().all(u8::is_ascii_digit)) {
        return Err(wrong);
    }
    let host = if host.ends_with(b".") { host.slice(..host.len() - 1) } else { host };
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    if host.is_empty() || host.len() > 253 || !host.iter().all(allowed) {
        return Err(wrong);
    }
    if host.iter().any(u8::is_ascii_uppercase) {
        return Ok(Text(Bytes::from(host.to_ascii_lowercase())));
    }
    Ok(Text(host))
}

/// Section E.5: 8,192 bytes of URL, 4,096 of query.
fn check_sizes(
    target: &Bytes,
    query: Option<&Bytes>,
    host: &Bytes,
    line: &Line,
    limits: &Limits,
) -> Result<(), Failure> {
    let url = line.scheme.as_str().len() + 3 + host.len() + target.len();
    if url > limits.url_bytes || query.is_some_and(|q| q.len() > limits.query_bytes) {
        return Err(Failure::TargetTooLong);
    }
    Ok(())
}

fn check_body(head: &RequestHead, limits: &Limits) -> Result<(), Failure> {
    // FD-E8, HTTP/1.x only.
    let needs_length =
        matches!(head.method.as_str(), "POST" | "PUT" | "PATCH") && head.version != Version::Http2;
    if needs_length && head.framing == Framing::Empty && head.fields.first(Known::ContentLength).is_none() {
        return Err(Failure::LengthRequired);
    }
    match head.framing {
        Framing::Length(length) if length > limits.body_bytes => Err(Failure::BodyTooLarge),
        _ => Ok(()),
    }
}

/// FD-E15.
fn hops(head: &RequestHead) -> Result<u32, Failure> {
    let hops = head
        .fields
        .text(Known::RequestChain)
        .and_then(|v| v.trim().strip_prefix("hops=")?.parse::<u32>().ok())
        .unwrap_or(0);
    if hops >= REQUEST_CHAIN_HOPS { Err(Failure::Loop) } else { Ok(hops) }
}

/// FD-E17: the left-most valid address of `X-Forwarded-For`, where its sender is trusted.
fn client_ip(head: &RequestHead, socket: IpAddr, settings: &Settings) -> IpAddr {
    if !settings.trusted_proxies.trusts(socket) {
        return socket;
    }
    let listed = head.fields.all(Known::XForwardedFor).flat_map(tokens);
    let mut valid = listed.filter_map(|t| std::str::from_utf8(t).ok()?.parse::<IpAddr>().ok());
    valid.next().unwrap_or(socket)
}

/// The values of the two affinity cookies (FD-D15, FD-D19).
fn affinity(head: &RequestHead) -> [Option<Text>; 2] {
    let mut found = [None, None];
    for cookie in head.fields.all(Known::Cookie).flat_map(|v| v.split(|b| *b == b';')).map(<[u8]>::trim_ascii)
    {
        for (slot, name) in found.iter_mut().zip([b"ASLBSA=".as_slice(), b"ASLBSACORS="]) {
            if slot.is_none() && cookie.starts_with(name) {
                *slot = Text::new(Bytes::copy_from_slice(&cookie[name.len()..]));
            }
        }
    }
    found
}

/// FD-E45: an HTTP/1.1 upgrade to `websocket`. Any other upgrade is ignored, as RFC 9110 7.8 allows.
fn websocket(head: &RequestHead) -> bool {
    head.version == Version::Http11
        && head.method == http::Method::GET
        && head.framing == Framing::Empty
        && head.fields.lists(Known::Connection, "upgrade")
        && head.fields.all(Known::Upgrade).any(|v| v.eq_ignore_ascii_case(b"websocket"))
}

/// FD-H16: whether a TLS connection for `sni` may carry a request for `host`: both names belong to this table,
/// which is one tenant, and are used in routes.
pub fn sni_fits(line: &Line, host: &str, table: &crate::model::table::Table) -> bool {
    let Some(sni) = line.sni.as_deref() else { return true };
    if line.scheme != Scheme::Https || sni.eq_ignore_ascii_case(host) {
        return true;
    }
    table.domain_of(sni).is_some() && table.domain_of(host).is_some()
}
