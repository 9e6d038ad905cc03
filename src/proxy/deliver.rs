//! What a client is sent: the origin's head without what ended here, with what the service adds (FD-E.4).

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::worker::Reference;
use crate::http1::conn::put_field;
use crate::http1::fields::{Field, Fields, Known};
use crate::http1::parse::{Framing, ResponseHead, Version};

/// The value of `X-Cache` while no route caches (section G.8).
pub const CACHE_STATUS: &str = "CONFIG_NOCACHE";

/// Everything that goes into a delivered head.
#[derive(Debug)]
pub struct Inbound<'i> {
    pub head: &'i ResponseHead,
    pub reference: &'i Reference,
    /// `Set-Cookie` values of the affinity cookies.
    pub cookies: &'i [String],
    /// `X-Azure-DebugInfo: 1` was asked for (FD-E10, FD-L22).
    pub debug: bool,
    /// The connection ends after this response (HTTP/1 only).
    pub close: bool,
    /// 101: `Connection` and `Upgrade` are the message itself.
    pub upgrade: bool,
    /// A HEAD or 304 keeps the length of the body that it does not have.
    pub keep_length: bool,
}

/// The framing that a client of `version` gets for an origin's body.
pub fn framing(head: &ResponseHead, version: Version) -> Framing {
    match (head.framing, version) {
        (Framing::Chunked | Framing::UntilClose, Version::Http10) => match length(&head.fields) {
            Some(length) if head.version == Version::Http2 => Framing::Length(length),
            _ => Framing::UntilClose,
        },
        (Framing::Chunked, Version::Http11) if head.version == Version::Http2 => {
            length(&head.fields).map_or(Framing::Chunked, Framing::Length)
        }
        (Framing::UntilClose, _) => Framing::Chunked,
        (framing, _) => framing,
    }
}

fn length(fields: &Fields) -> Option<u64> {
    fields.text(Known::ContentLength)?.parse().ok()
}

impl Inbound<'_> {
    fn passes(&self, field: &Field<'_>, nominations: bool) -> bool {
        let length = field.known == Known::ContentLength && !self.keep_length;
        let ours = field.known == Known::Reserved && field.name.eq_ignore_ascii_case(b"x-azure-ref");
        let cache = field.name.len() == 7 && field.name.eq_ignore_ascii_case(b"x-cache");
        let hop = field.known.hop_by_hop()
            && !(field.known == Known::Trailer || self.upgrade && field.known == Known::Upgrade);
        !(length || ours || cache || hop || nominations && self.head.fields.nominated(field.name))
    }

    /// Calls `put` for every line that the service writes, framing aside.
    fn own(&self, mut put: impl FnMut(&str, &[u8])) {
        for cookie in self.cookies {
            put("Set-Cookie", cookie.as_bytes());
        }
        put("X-Azure-Ref", self.reference.as_bytes());
        put("X-Cache", CACHE_STATUS.as_bytes());
        if self.debug {
            put("X-Azure-OriginStatusCode", itoa::Buffer::new().format(self.head.status).as_bytes());
        }
    }

    /// The head as HTTP/1.1.
    pub fn write(&self, framing: Framing, out: &mut BytesMut) {
        out.reserve(self.head.bytes + 256);
        put_status_line(out, self.head.status);
        let nominations = self.head.fields.first(Known::Connection).is_some();
        for field in
            self.head.fields.iter().filter(|f| self.passes(f, nominations && f.known == Known::Other))
        {
            put_field(out, field.name, field.value);
        }
        match framing {
            Framing::Length(length) => {
                put_field(out, b"Content-Length", itoa::Buffer::new().format(length).as_bytes())
            }
            Framing::Chunked => out.put_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::Empty
                if self.keep_length || self.upgrade || matches!(self.head.status, 100..=199 | 204 | 304) => {}
            Framing::Empty => out.put_slice(b"Content-Length: 0\r\n"),
            Framing::UntilClose => {}
        }
        if self.upgrade {
            out.put_slice(b"Connection: Upgrade\r\n");
        } else if self.close {
            out.put_slice(b"Connection: close\r\n");
        }
        self.own(|name, value| put_field(out, name.as_bytes(), value));
        out.put_slice(b"\r\n");
    }

    /// The head as HTTP/2.
    pub fn headers(&self) -> HeaderMap {
        let nominations = self.head.fields.first(Known::Connection).is_some();
        let keeps = |f: &Field<'_>| {
            // The length passes: HTTP/2 frames the body by itself, and clients want to know.
            f.known == Known::ContentLength || self.passes(f, nominations && f.known == Known::Other)
        };
        let mut headers = self.head.fields.to_map(keeps);
        self.own(|name, value| {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
            {
                headers.append(name, value);
            }
        });
        headers
    }
}

/// `HTTP/1.1 200 OK` and a line end.
pub fn put_status_line(out: &mut BytesMut, status: u16) {
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(itoa::Buffer::new().format(status).as_bytes());
    out.put_slice(b" ");
    let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("");
    out.put_slice(reason.as_bytes());
    out.put_slice(b"\r\n");
}
