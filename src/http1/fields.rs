//! Header fields as they came: one buffer, one span per line, the names we care about recognised once.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names that the edge reads, writes or removes. Everything else passes unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Other,
    Host,
    Connection,
    ContentLength,
    TransferEncoding,
    Upgrade,
    Te,
    Trailer,
    KeepAlive,
    ProxyConnection,
    ProxyAuthenticate,
    ProxyAuthorization,
    Expect,
    Cookie,
    SetCookie,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedProto,
    /// `X-Azure-RequestChain`, read before it is replaced (FD-E15).
    RequestChain,
    /// `X-Azure-DebugInfo` (FD-E10).
    DebugInfo,
    /// Another reserved header: `X-Azure-*` of the service, `X-FD-*` (FD-E9).
    Reserved,
    CacheControl,
    Authorization,
    UserAgent,
    Referer,
    Http2Settings,
}

impl Known {
    /// Recognises a name in any letter case.
    pub fn of(name: &[u8]) -> Self {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let starts =
            |text: &str| name.len() > text.len() && name[..text.len()].eq_ignore_ascii_case(text.as_bytes());
        match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (2, Some(b't')) if is("te") => Self::Te,
            (3, Some(b'v')) if is("via") => Self::Via,
            (4, Some(b'h')) if is("host") => Self::Host,
            (6, Some(b'c')) if is("cookie") => Self::Cookie,
            (6, Some(b'e')) if is("expect") => Self::Expect,
            (7, Some(b'r')) if is("referer") => Self::Referer,
            (7, Some(b't')) if is("trailer") => Self::Trailer,
            (7, Some(b'u')) if is("upgrade") => Self::Upgrade,
            (10, Some(b'c')) if is("connection") => Self::Connection,
            (10, Some(b'k')) if is("keep-alive") => Self::KeepAlive,
            (10, Some(b's')) if is("set-cookie") => Self::SetCookie,
            (10, Some(b'u')) if is("user-agent") => Self::UserAgent,
            (13, Some(b'a')) if is("authorization") => Self::Authorization,
            (13, Some(b'c')) if is("cache-control") => Self::CacheControl,
            (14, Some(b'c')) if is("content-length") => Self::ContentLength,
            (14, Some(b'h')) if is("http2-settings") => Self::Http2Settings,
            (15, Some(b'x')) if is("x-forwarded-for") => Self::XForwardedFor,
            (16, Some(b'p')) if is("proxy-connection") => Self::ProxyConnection,
            (16, Some(b'x')) if is("x-forwarded-host") => Self::XForwardedHost,
            (17, Some(b't')) if is("transfer-encoding") => Self::TransferEncoding,
            (17, Some(b'x')) if is("x-forwarded-proto") => Self::XForwardedProto,
            (17, Some(b'x')) if is("x-azure-debuginfo") => Self::DebugInfo,
            (18, Some(b'p')) if is("proxy-authenticate") => Self::ProxyAuthenticate,
            (19, Some(b'p')) if is("proxy-authorization") => Self::ProxyAuthorization,
            (20, Some(b'x')) if is("x-azure-requestchain") => Self::RequestChain,
            (_, Some(b'x')) if starts("x-fd-") => Self::Reserved,
            (11, Some(b'x')) if is("x-azure-ref") => Self::Reserved,
            (12, Some(b'x')) if is("x-azure-fdid") => Self::Reserved,
            (16, Some(b'x')) if is("x-azure-clientip") || is("x-azure-socketip") => Self::Reserved,
            _ => Self::Other,
        }
    }

    /// Meant for one hop only (RFC 9110 7.6.1): never passed on.
    pub const fn hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::ProxyAuthenticate
                | Self::ProxyAuthorization
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
                | Self::Http2Settings
        )
    }
}

#[derive(Debug, Clone, Copy)]
struct Span {
    name: (u32, u32),
    value: (u32, u32),
    known: Known,
}

/// The field lines of one head. Names keep their letters, values are trimmed.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    bytes: Bytes,
    spans: Vec<Span>,
}

/// One field line.
#[derive(Debug, Clone, Copy)]
pub struct Field<'f> {
    pub name: &'f [u8],
    pub value: &'f [u8],
    pub known: Known,
}

fn offset(at: usize) -> u32 {
    // Heads are bounded far below 4 GiB by the limits.
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Fields {
    /// For a head that lies in `bytes`; lines are added by [`Self::push_range`].
    pub fn over(bytes: Bytes, capacity: usize) -> Self {
        Self { bytes, spans: Vec::with_capacity(capacity) }
    }

    /// Adds the line whose name and value lie at these places of the buffer.
    pub fn push_range(&mut self, name: (usize, usize), value: (usize, usize)) {
        let known = Known::of(&self.bytes[name.0..name.1]);
        let span =
            Span { name: (offset(name.0), offset(name.1)), value: (offset(value.0), offset(value.1)), known };
        self.spans.push(span);
    }

    /// The lines of an HTTP/2 head, copied into one buffer.
    pub fn from_map(map: &HeaderMap) -> Self {
        let room: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let mut bytes = BytesMut::with_capacity(room);
        let mut places = Vec::with_capacity(map.len());
        for (name, value) in map {
            let from = bytes.len();
            bytes.put_slice(name.as_str().as_bytes());
            let middle = bytes.len();
            bytes.put_slice(value.as_bytes().trim_ascii());
            places.push(((from, middle), (middle, bytes.len())));
        }
        let mut fields = Self::over(bytes.freeze(), places.len());
        for (name, value) in places {
            fields.push_range(name, value);
        }
        fields
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    fn field(&self, span: &Span) -> Field<'_> {
        Field {
            name: &self.bytes[span.name.0 as usize..span.name.1 as usize],
            value: &self.bytes[span.value.0 as usize..span.value.1 as usize],
            known: span.known,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.spans.iter().map(|span| self.field(span))
    }

    /// Every value under a known name, in order.
    pub fn all(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().filter(move |span| span.known == known).map(|span| self.field(span).value)
    }

    pub fn first(&self, known: Known) -> Option<&[u8]> {
        self.all(known).next()
    }

    pub fn text(&self, known: Known) -> Option<&str> {
        std::str::from_utf8(self.first(known)?).ok()
    }

    /// Whether one of the comma-separated tokens under `known` is `token`.
    pub fn lists(&self, known: Known, token: &str) -> bool {
        self.all(known).flat_map(tokens).any(|t| t.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Whether `Connection` nominates `name` for removal.
    pub fn nominated(&self, name: &[u8]) -> bool {
        self.all(Known::Connection).flat_map(tokens).any(|t| t.eq_ignore_ascii_case(name))
    }

    /// As a header map, values sharing this buffer; lines that HTTP/2 cannot carry are left out.
    pub fn to_map(&self, mut keep: impl FnMut(&Field<'_>) -> bool) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.spans.len() + 4);
        for span in &self.spans {
            let field = self.field(span);
            if !keep(&field) {
                continue;
            }
            let value = self.bytes.slice(span.value.0 as usize..span.value.1 as usize);
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(field.name), HeaderValue::from_maybe_shared(value))
            {
                map.append(name, value);
            }
        }
        map
    }
}

/// The non-empty elements of a comma-separated list.
pub fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|t| !t.is_empty())
}
