//! Heads: bytes in, a head with one framing out, or the reason why not. What is ambiguous is refused
//! (RFC 9112 sections 3, 5, 6 and 11.2): a request must never have two readings.

use bytes::{Bytes, BytesMut};

use super::fields::{Fields, Known, tokens};

/// Room for this many lines while parsing; the limits in force may be lower.
const LINES: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
    Http2,
}

impl Version {
    /// As FD-J.2's `httpVersion` and FD-E12 write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2.0",
        }
    }
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Empty,
    Length(u64),
    Chunked,
    /// Responses only: at the end of the connection.
    UntilClose,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// 414.
    #[error("the request target is too long")]
    TargetTooLong,
    /// 431.
    #[error("the header is too large")]
    HeadersTooLarge,
    /// 505, closed.
    #[error("the protocol version is not supported")]
    Version,
}

/// What a head may weigh.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Request target; 0: no limit of its own.
    pub target: usize,
    pub line: usize,
    pub total: usize,
    pub count: usize,
}

/// A request as it came over HTTP/1 or HTTP/2.
#[derive(Debug, Clone)]
pub struct RequestHead {
    pub method: http::Method,
    /// The target as sent: origin form, absolute form, or `*`.
    pub target: Bytes,
    pub version: Version,
    /// `:authority` of HTTP/2.
    pub authority: Option<Bytes>,
    pub fields: Fields,
    pub framing: Framing,
    /// Bytes of the head on the wire (HTTP/2: of its decoded fields).
    pub bytes: usize,
}

/// A response of an origin.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    pub status: u16,
    pub version: Version,
    pub fields: Fields,
    pub framing: Framing,
    pub bytes: usize,
}

/// Length of the head at the start of `buffer` with its empty line, or None while it is not whole.
/// Empty lines before a request line are skipped by the caller.
fn head_end(buffer: &[u8]) -> Option<usize> {
    memchr::memmem::find(buffer, b"\r\n\r\n").map(|at| at + 4)
}

/// Refuses what no two parsers read alike: bare LF or CR, NUL, and lines that begin with white space (obs-fold).
fn strict_lines(head: &[u8]) -> Result<(), HeadError> {
    for at in memchr::memchr3_iter(b'\n', b'\r', 0, head) {
        match head[at] {
            0 => return Err(HeadError::Malformed("a NUL in the head")),
            b'\n' if at == 0 || head[at - 1] != b'\r' => {
                return Err(HeadError::Malformed("a bare line feed in the head"));
            }
            b'\r' if head.get(at + 1) != Some(&b'\n') => {
                return Err(HeadError::Malformed("a bare carriage return in the head"));
            }
            b'\n' => {
                if matches!(head.get(at + 1), Some(b' ' | b'\t')) {
                    return Err(HeadError::Malformed("a folded header line"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn place(of: &[u8], within: &[u8]) -> (usize, usize) {
    let from = of.as_ptr() as usize - within.as_ptr() as usize;
    (from, from + of.len())
}

fn collect(
    bytes: Bytes,
    parsed: &[httparse::Header<'_>],
    base: &[u8],
    limits: &HeadLimits,
) -> Result<Fields, HeadError> {
    if parsed.len() > limits.count {
        return Err(HeadError::HeadersTooLarge);
    }
    let mut fields = Fields::over(bytes, parsed.len());
    for line in parsed {
        if line.name.len() + line.value.len() + 4 > limits.line {
            return Err(HeadError::HeadersTooLarge);
        }
        let value = line.value.trim_ascii();
        // An empty value may lie anywhere; its place is where the line's value began.
        let value = if value.is_empty() { &line.value[..0] } else { value };
        fields.push_range(place(line.name.as_bytes(), base), place(value, base));
    }
    Ok(fields)
}

/// Takes one request head off the front of `buffer`; None while it is not whole.
///
/// # Errors
/// [`HeadError`]; the connection has to be closed after the answer.
pub fn request(buffer: &mut BytesMut, limits: &HeadLimits) -> Result<Option<RequestHead>, HeadError> {
    // RFC 9112 2.2: at least one empty line before the request line is ignored.
    while buffer.starts_with(b"\r\n") {
        let _ = buffer.split_to(2);
    }
    let Some(end) = head_end(buffer) else {
        return early_refusal(buffer, limits).map(|()| None);
    };
    if end > limits.total + limits.target {
        return Err(too_large(buffer, limits));
    }
    strict_lines(&buffer[..end])?;
    let bytes = buffer.split_to(end).freeze();
    let mut lines = [const { std::mem::MaybeUninit::uninit() }; LINES];
    let mut parsed = httparse::Request::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    config.allow_multiple_spaces_in_request_line_delimiters(false);
    match config.parse_request_with_uninit_headers(&mut parsed, &bytes, &mut lines) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(HeadError::Malformed("the head breaks off")),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::HeadersTooLarge),
        Err(httparse::Error::Version) if names_a_version(&bytes) => return Err(HeadError::Version),
        Err(httparse::Error::Version) => {
            return Err(HeadError::Malformed("the request line does not end in a version"));
        }
        Err(httparse::Error::Token) => {
            return Err(HeadError::Malformed("the request line has a byte that it may not have"));
        }
        Err(_) => return Err(HeadError::Malformed("the head is not HTTP/1.1")),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(HeadError::Malformed("the request line is incomplete"));
    };
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let method = http::Method::from_bytes(method.as_bytes())
        .map_err(|_| HeadError::Malformed("the method is no token"))?;
    if target.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        return Err(HeadError::Malformed("the target has a byte that it may not have"));
    }
    if limits.target > 0 && target.len() > limits.target {
        return Err(HeadError::TargetTooLong);
    }
    let place = place(target.as_bytes(), &bytes);
    let fields = collect(bytes.clone(), parsed.headers, &bytes, limits)?;
    if end - (place.1 - place.0) > limits.total {
        return Err(HeadError::HeadersTooLarge);
    }
    let framing = request_framing(&fields, version)?;
    let target = bytes.slice(place.0..place.1);
    Ok(Some(RequestHead { method, target, version, authority: None, fields, framing, bytes: end }))
}

/// Whether the request line is one but for the number of its version.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\r').next().unwrap_or(head);
    let parts: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    let digits = |v: &[u8]| v.len() == 3 && v[0].is_ascii_digit() && v[1] == b'.' && v[2].is_ascii_digit();
    matches!(parts.as_slice(), [_, _, version] if version.strip_prefix(b"HTTP/").is_some_and(digits))
}

/// Refuses a head that is too large before it is whole, so that nobody can make us keep more.
fn early_refusal(buffer: &[u8], limits: &HeadLimits) -> Result<(), HeadError> {
    if buffer.len() > limits.total + limits.target {
        return Err(too_large(buffer, limits));
    }
    // What is no HTTP at all is told at once instead of being waited for.
    match buffer.first() {
        Some(first) if !first.is_ascii_graphic() && *first != b'\r' => {
            Err(HeadError::Malformed("this is not HTTP"))
        }
        _ => Ok(()),
    }
}

fn too_large(buffer: &[u8], limits: &HeadLimits) -> HeadError {
    match memchr::memchr(b'\n', buffer) {
        Some(line) if line <= limits.target + 32 => HeadError::HeadersTooLarge,
        _ => HeadError::TargetTooLong,
    }
}

/// The one length of a message, or None; several equal values are refused as well as different ones.
fn content_length(fields: &Fields) -> Result<Option<u64>, HeadError> {
    let mut values = fields.all(Known::ContentLength);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeadError::Malformed("more than one Content-Length"));
    }
    // Digits only: no sign, no list, no blank.
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::Malformed("Content-Length is no number"));
    }
    let text = std::str::from_utf8(value).map_err(|_| HeadError::Malformed("Content-Length is no number"))?;
    text.parse().map(Some).map_err(|_| HeadError::Malformed("Content-Length is no number"))
}

/// Whether the message is chunked; any other transfer coding is refused.
fn chunked(fields: &Fields) -> Result<bool, HeadError> {
    let mut values = fields.all(Known::TransferEncoding);
    let Some(value) = values.next() else { return Ok(false) };
    if values.next().is_some() || !value.eq_ignore_ascii_case(b"chunked") {
        return Err(HeadError::Malformed("a Transfer-Encoding other than chunked"));
    }
    Ok(true)
}

fn request_framing(fields: &Fields, version: Version) -> Result<Framing, HeadError> {
    let chunked = chunked(fields)?;
    let length = content_length(fields)?;
    match (chunked, length) {
        (true, Some(_)) => Err(HeadError::Malformed("Content-Length beside Transfer-Encoding")),
        (true, None) if version == Version::Http10 => {
            Err(HeadError::Malformed("Transfer-Encoding in HTTP/1.0"))
        }
        (true, None) => Ok(Framing::Chunked),
        (false, Some(0) | None) => Ok(Framing::Empty),
        (false, Some(length)) => Ok(Framing::Length(length)),
    }
}

/// Takes one response head off the front of `buffer`; None while it is not whole.
///
/// # Errors
/// [`HeadError`]: what the origin sent is not one response with one reading.
pub fn response(
    buffer: &mut BytesMut,
    to: &http::Method,
    limits: &HeadLimits,
) -> Result<Option<ResponseHead>, HeadError> {
    let Some(end) = head_end(buffer) else {
        if buffer.len() > limits.total {
            return Err(HeadError::HeadersTooLarge);
        }
        if !b"HTTP/1.".starts_with(&buffer[..buffer.len().min(7)]) {
            return Err(HeadError::Malformed("the origin's answer is not HTTP/1"));
        }
        return Ok(None);
    };
    if end > limits.total {
        return Err(HeadError::HeadersTooLarge);
    }
    strict_lines(&buffer[..end])?;
    let bytes = buffer.split_to(end).freeze();
    let mut lines = [const { std::mem::MaybeUninit::uninit() }; LINES];
    let mut parsed = httparse::Response::new(&mut []);
    match httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        &bytes,
        &mut lines,
    ) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::HeadersTooLarge),
        _ => return Err(HeadError::Malformed("the origin's answer is not HTTP/1")),
    }
    let (Some(status), Some(minor)) = (parsed.code, parsed.version) else {
        return Err(HeadError::Malformed("the origin's status line is incomplete"));
    };
    if !(100..=999).contains(&status) {
        return Err(HeadError::Malformed("the origin's status is no status"));
    }
    let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
    let fields = collect(bytes.clone(), parsed.headers, &bytes, limits)?;
    let framing = response_framing(&fields, status, to)?;
    Ok(Some(ResponseHead { status, version, fields, framing, bytes: end }))
}

fn response_framing(fields: &Fields, status: u16, to: &http::Method) -> Result<Framing, HeadError> {
    let chunked = chunked(fields)?;
    let length = content_length(fields)?;
    if chunked && length.is_some() {
        return Err(HeadError::Malformed("Content-Length beside Transfer-Encoding"));
    }
    if *to == http::Method::HEAD || matches!(status, 100..=199 | 204 | 304) {
        return Ok(Framing::Empty);
    }
    Ok(match (chunked, length) {
        (true, _) => Framing::Chunked,
        (false, Some(0)) => Framing::Empty,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    })
}

/// Whether the connection may carry another message after this one.
pub fn keeps_alive(fields: &Fields, version: Version) -> bool {
    let mut close = false;
    let mut keep = false;
    for token in fields.all(Known::Connection).flat_map(tokens) {
        close |= token.eq_ignore_ascii_case(b"close");
        keep |= token.eq_ignore_ascii_case(b"keep-alive");
    }
    match version {
        Version::Http10 => keep && !close,
        _ => !close,
    }
}
