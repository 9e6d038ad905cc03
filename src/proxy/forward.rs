//! What an origin is sent: the client's head without what ends here, with what the service adds (FD-E.3).

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::arrive::Asked;
use super::line::Line;
use super::worker::Reference;
use crate::http1::conn::put_field;
use crate::http1::fields::{Field, Known, tokens};
use crate::http1::parse::{Framing, RequestHead, Version};
use crate::model::group::Origin;
use crate::model::route::Scheme;
use crate::model::settings::Settings;

/// Everything that goes into a forwarded head.
#[derive(Debug)]
pub struct Outbound<'o> {
    pub head: &'o RequestHead,
    pub asked: &'o Asked,
    pub line: &'o Line,
    pub settings: &'o Settings,
    pub origin: &'o Origin,
    /// Of the connection to the origin.
    pub scheme: Scheme,
    /// Path as the origin gets it, without the query.
    pub path: &'o str,
    pub reference: &'o Reference,
    pub framing: Framing,
}

impl Outbound<'_> {
    /// FD-E11.
    fn host(&self) -> &str {
        self.origin.host_header.as_deref().unwrap_or(self.asked.host_header.as_str())
    }

    /// Whether a client's line passes unchanged: not hop-by-hop, not nominated by `Connection`, and not one of
    /// those that the service writes itself (FD-E9, FD-E14).
    fn passes(&self, field: &Field<'_>, nominations: bool) -> bool {
        let written_here = matches!(
            field.known,
            Known::Host
                | Known::ContentLength
                | Known::Via
                | Known::XForwardedFor
                | Known::XForwardedHost
                | Known::XForwardedProto
                | Known::RequestChain
                | Known::Reserved
        );
        let rewritten = field.known == Known::Cookie && (self.crumbs() || self.strips_cookie(field.value));
        !(field.known.hop_by_hop()
            || written_here
            || rewritten
            || nominations && self.head.fields.nominated(field.name))
    }

    /// HTTP/2 clients may send one `Cookie` in pieces; an origin gets it as one (RFC 9113 8.2.3).
    fn crumbs(&self) -> bool {
        self.head.version == Version::Http2
    }

    fn strips_cookie(&self, value: &[u8]) -> bool {
        !self.settings.forward_affinity_cookies && memchr::memmem::find(value, b"ASLBSA").is_some()
    }

    /// Whether `Connection` names more than the usual.
    fn nominations(&self) -> bool {
        let usual = |t: &[u8]| {
            [b"close".as_slice(), b"keep-alive", b"upgrade", b"te"].iter().any(|u| t.eq_ignore_ascii_case(u))
        };
        self.head.fields.all(Known::Connection).flat_map(tokens).any(|t| !usual(t))
    }

    /// Calls `put` for every line that the service writes, `Host` and framing aside.
    fn own(&self, mut put: impl FnMut(&str, &[u8])) {
        self.cookies(&mut put);
        let fields = &self.head.fields;
        // FD-E12: appended to what is there.
        put("Via", &joined(fields.all(Known::Via), format_args!("{} Azure", self.head.version.as_str())));
        // FD-E13: the socket's address at the end.
        let socket = self.line.peer.ip();
        put("X-Forwarded-For", &joined(fields.all(Known::XForwardedFor), format_args!("{socket}")));
        put("X-Forwarded-Host", self.asked.host_header.as_str().as_bytes());
        put("X-Forwarded-Proto", self.line.scheme.as_str().as_bytes());
        put("X-Azure-ClientIP", &joined(std::iter::empty(), format_args!("{}", self.asked.client)));
        put("X-Azure-SocketIP", &joined(std::iter::empty(), format_args!("{socket}")));
        put("X-Azure-Ref", self.reference.as_bytes());
        put(
            "X-Azure-RequestChain",
            &joined(std::iter::empty(), format_args!("hops={}", self.asked.hops + 1)),
        );
        put("X-Azure-FDID", self.settings.front_door_id.as_bytes());
    }

    /// The cookies that did not pass as they were: without ours, and in one piece.
    fn cookies(&self, put: &mut impl FnMut(&str, &[u8])) {
        let rewritten = |v: &&[u8]| self.crumbs() || self.strips_cookie(v);
        let values: Vec<Vec<u8>> = self
            .head
            .fields
            .all(Known::Cookie)
            .filter(rewritten)
            .map(|v| if self.settings.forward_affinity_cookies { v.to_vec() } else { without_affinity(v) })
            .filter(|v| !v.is_empty())
            .collect();
        if self.crumbs() && !values.is_empty() {
            return put("Cookie", &values.join(b"; ".as_slice()));
        }
        values.iter().for_each(|value| put("Cookie", value));
    }

    /// The head as HTTP/1.1.
    pub fn write(&self, out: &mut BytesMut) {
        out.reserve(self.head.bytes + 512);
        out.put_slice(self.head.method.as_str().as_bytes());
        out.put_slice(b" ");
        out.put_slice(self.path.as_bytes());
        if let Some(query) = &self.asked.query {
            out.put_slice(b"?");
            out.put_slice(query.as_str().as_bytes());
        }
        out.put_slice(b" HTTP/1.1\r\n");
        put_field(out, b"Host", self.host().as_bytes());
        let nominations = self.nominations();
        for field in self.head.fields.iter().filter(|f| self.passes(f, nominations)) {
            put_field(out, field.name, field.value);
        }
        if self.asked.websocket {
            out.put_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        }
        match self.framing {
            Framing::Length(length) => {
                put_field(out, b"Content-Length", itoa::Buffer::new().format(length).as_bytes())
            }
            Framing::Chunked => out.put_slice(b"Transfer-Encoding: chunked\r\n"),
            // A body that is empty on purpose says so, as the client did.
            _ if self.head.fields.first(Known::ContentLength).is_some() => {
                out.put_slice(b"Content-Length: 0\r\n")
            }
            _ => {}
        }
        self.own(|name, value| put_field(out, name.as_bytes(), value));
        out.put_slice(b"\r\n");
    }

    /// The head as HTTP/2.
    ///
    /// # Errors
    /// The parts make no valid URI.
    pub fn parts(&self) -> Result<http::request::Parts, http::Error> {
        let query = self.asked.query.as_ref().map_or(String::new(), |q| format!("?{}", q.as_str()));
        let uri = http::Uri::builder()
            .scheme(self.scheme.as_str())
            .authority(self.host())
            .path_and_query(format!("{}{query}", self.path))
            .build()?;
        let nominations = self.nominations();
        let mut headers: HeaderMap =
            self.head.fields.to_map(|f| f.known != Known::Expect && self.passes(f, nominations));
        if self.head.fields.lists(Known::Te, "trailers") {
            headers.insert(http::header::TE, HeaderValue::from_static("trailers"));
        }
        if let Framing::Length(length) = self.framing {
            headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        self.own(|name, value| {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
            {
                headers.append(name, value);
            }
        });
        let mut request = http::Request::builder()
            .method(self.head.method.clone())
            .uri(uri)
            .version(http::Version::HTTP_2)
            .body(())?;
        *request.headers_mut() = headers;
        Ok(request.into_parts().0)
    }
}

/// The elements of a list header and one more, as one value. Short lists stay on the stack.
fn joined<'v>(values: impl Iterator<Item = &'v [u8]>, last: std::fmt::Arguments<'_>) -> Short {
    let mut text = Short::default();
    for value in values {
        text.push(value);
        text.push(b", ");
    }
    // Writing to memory does not fail.
    let _ = std::fmt::Write::write_fmt(&mut text, last);
    text
}

/// A value of up to 64 bytes without an allocation.
#[derive(Debug)]
struct Short {
    small: [u8; 64],
    length: usize,
    large: Vec<u8>,
}

impl Default for Short {
    fn default() -> Self {
        Self { small: [0; 64], length: 0, large: Vec::new() }
    }
}

impl Short {
    fn push(&mut self, bytes: &[u8]) {
        if self.large.is_empty() {
            if let Some(room) = self.small.get_mut(self.length..self.length + bytes.len()) {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
                return;
            }
            self.large.extend_from_slice(&self.small[..self.length]);
        }
        self.large.extend_from_slice(bytes);
    }
}

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

impl std::ops::Deref for Short {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        if self.large.is_empty() { &self.small[..self.length] } else { &self.large }
    }
}

/// A `Cookie` value without the two affinity cookies (FD-D25).
fn without_affinity(value: &[u8]) -> Vec<u8> {
    let ours = |c: &&[u8]| c.starts_with(b"ASLBSA=") || c.starts_with(b"ASLBSACORS=");
    let kept = value.split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(|c| !c.is_empty() && !ours(c));
    kept.collect::<Vec<_>>().join(b"; ".as_slice())
}
