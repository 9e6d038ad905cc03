//! What goes wrong on the way, and what a client and the log are told of it (section L).

use crate::model::settings::{ErrorCodes, Settings};

/// Why the edge answers itself, or nothing comes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// FD-L1. The text says what is wrong.
    Malformed(&'static str),
    /// FD-L2, FD-B15.
    NoRoute,
    /// FD-L3.
    LengthRequired,
    /// FD-L4.
    SniMismatch,
    /// FD-L18: 414, 431, 413.
    TargetTooLong,
    HeadersTooLarge,
    BodyTooLarge,
    /// FD-L19.
    Connect,
    /// FD-E15: the request went round in a circle.
    Loop,
    /// FD-E48.
    TooManyWebSockets,
    /// The client began a request and stalled (408).
    ClientStalled,
    /// HTTP version that is not spoken (505).
    Version,
    /// FD-L7: no first byte in time.
    OriginTimeout,
    /// FD-L8: one of the words of section L.2.
    OriginTls(&'static str),
    /// FD-L9.
    NoOrigin,
    /// FD-L10.
    Refused,
    Unreachable,
    /// FD-L11.
    Aborted,
    /// FD-L12: one of the words of section L.2.
    Dns(&'static str),
    /// FD-L13.
    InvalidResponse,
    /// FD-L15.
    ResponseHeaderTooBig,
    /// The region was isolated while the request ran.
    Isolated,
    /// FD-L17.
    ClientGone,
    /// FD-L20.
    Internal,
}

impl Failure {
    /// The status that the client gets under `settings`.
    pub fn status(&self, settings: &Settings) -> u16 {
        let (current, legacy) = match self {
            Self::Malformed(_) => (400, 400),
            Self::NoRoute => return settings.status_without_route(),
            Self::LengthRequired => (411, 411),
            Self::SniMismatch => (421, 421),
            Self::TargetTooLong => (414, 400),
            Self::HeadersTooLarge => (431, 400),
            Self::BodyTooLarge => (413, 400),
            Self::Connect => (405, 400),
            Self::Loop => (508, 508),
            Self::ClientStalled => (408, 408),
            Self::Version => (505, 400),
            Self::OriginTimeout => (504, 503),
            Self::OriginTls(_) | Self::Refused | Self::Unreachable | Self::Aborted | Self::Dns(_) => {
                (502, 503)
            }
            Self::InvalidResponse | Self::ResponseHeaderTooBig => (502, 503),
            Self::NoOrigin | Self::TooManyWebSockets | Self::Isolated => (503, 503),
            Self::ClientGone => (499, 499),
            Self::Internal => (500, 503),
        };
        match settings.error_codes {
            ErrorCodes::Current => current,
            ErrorCodes::Legacy => legacy,
        }
    }

    /// Exactly one of the words of section L.2 (FD-L21).
    pub const fn error_info(&self) -> &'static str {
        match self {
            Self::Malformed(_)
            | Self::NoRoute
            | Self::LengthRequired
            | Self::TargetTooLong
            | Self::HeadersTooLarge
            | Self::BodyTooLarge
            | Self::Connect
            | Self::Loop
            | Self::Version => "InvalidRequest",
            Self::SniMismatch => "SSLMismatchedSNI",
            Self::ClientStalled => "UnspecifiedClientError",
            Self::TooManyWebSockets => "UnspecifiedError",
            Self::OriginTimeout => "OriginTimeout",
            Self::OriginTls(word) | Self::Dns(word) => word,
            Self::NoOrigin | Self::Isolated => "OriginError",
            Self::Refused => "OriginConnectionRefused",
            Self::Unreachable => "OriginConnectionError",
            Self::Aborted => "OriginConnectionAborted",
            Self::InvalidResponse => "OriginInvalidResponse",
            Self::ResponseHeaderTooBig => "ResponseHeaderTooBig",
            Self::ClientGone => "ClientDisconnected",
            Self::Internal => "UnspecifiedError",
        }
    }

    /// What the access line says: 0 for an origin that timed out (FD-E44, FD-J1), else the status.
    pub fn logged_status(&self, settings: &Settings) -> u16 {
        match self {
            Self::OriginTimeout => 0,
            other => other.status(settings),
        }
    }

    /// Whether the client's own connection has to end with the answer: its bytes have no further reading.
    pub const fn closes(&self) -> bool {
        matches!(
            self,
            Self::Malformed(_)
                | Self::LengthRequired
                | Self::TargetTooLong
                | Self::HeadersTooLarge
                | Self::BodyTooLarge
                | Self::Connect
                | Self::Version
                | Self::ClientStalled
                | Self::ClientGone
        )
    }

    /// FD-L22: `X-Azure-ExternalError` for L7 to L15. Form `0x<hex>, <text>`.
    pub fn external_error(&self) -> Option<String> {
        let code = match self {
            Self::OriginTimeout => 0x8007_2ee2_u32,
            Self::OriginTls(_) => 0x8009_0326,
            Self::NoOrigin | Self::Isolated => 0x8007_0015,
            Self::Refused => 0x8007_274d,
            Self::Unreachable => 0x8007_274c,
            Self::Aborted => 0x8007_2745,
            Self::Dns(_) => 0x8007_2af9,
            Self::InvalidResponse => 0x8007_2f78,
            Self::ResponseHeaderTooBig => 0x8007_2f7d,
            _ => return None,
        };
        Some(format!("0x{code:08x}, {}", self.error_info()))
    }

    /// FD-L22: `X-Azure-InternalError` for L20.
    pub fn internal_error(&self) -> Option<&'static str> {
        matches!(self, Self::Internal).then_some("0x8000ffff")
    }

    /// What the page says beside the status: why, for whoever reads it (FD-M23).
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Malformed(what) => what,
            Self::NoRoute => "no route serves this host, protocol and path",
            Self::LengthRequired => "a request with a body has to state its length",
            Self::SniMismatch => "the TLS connection was made for another host",
            Self::TargetTooLong => "the URL is too long",
            Self::HeadersTooLarge => "the request headers are too large",
            Self::BodyTooLarge => "the request body is too large",
            Self::Connect => "CONNECT is not offered here",
            Self::Loop => "the request went through this product too often",
            Self::TooManyWebSockets => "too many WebSocket connections",
            Self::ClientStalled => "the request did not arrive in time",
            Self::Version => "this HTTP version is not spoken here",
            Self::OriginTimeout => "the origin did not answer in time",
            Self::OriginTls(_) => "the TLS connection to the origin failed",
            Self::NoOrigin => "no origin may take this request",
            Self::Refused => "the origin refused the connection",
            Self::Unreachable => "the origin cannot be reached",
            Self::Aborted => "the origin closed the connection before it answered",
            Self::Dns(_) => "the origin's name was not resolved",
            Self::InvalidResponse => "the origin's answer is not valid HTTP",
            Self::ResponseHeaderTooBig => "the origin's response headers are too large",
            Self::Isolated => "the region was isolated while the request ran",
            Self::ClientGone => "the client went away",
            Self::Internal => "something went wrong in the edge",
        }
    }

    /// Whether another origin may be tried though bytes of the request were sent (FD-D27, FD-D28 c, d; FD-D29).
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Refused | Self::Unreachable | Self::OriginTls(_) | Self::Dns(_) => Retry::Always,
            Self::Aborted => Retry::IfIdempotent,
            _ => Retry::Never,
        }
    }
}

/// Whether a failure may be followed by another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing was sent.
    Always,
    /// The request may have been seen: only where a repetition does no harm and the body can be replayed.
    IfIdempotent,
    Never,
}

/// GET, HEAD, OPTIONS, TRACE, PUT, DELETE (FD-D28 d).
pub fn idempotent(method: &http::Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

/// The page of an answer that the edge makes itself: short, with the reference (FD-E23).
pub fn page(status: u16, detail: &str, reference: &str) -> String {
    let reason =
        http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error");
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status} {reason}</title></head>\
         <body><h1>{status} {reason}</h1><p>{detail}.</p><p>Reference: {reference}</p></body></html>\n"
    )
}
