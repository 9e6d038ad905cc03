//! One access line: the fields of FD-J.2 by their names, and ours beside them. Values are strings, as there.

use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::model::domain::DomainName;

/// What one line says.
#[derive(Debug, Clone)]
pub struct AccessRecord<'r> {
    pub time: SystemTime,
    pub tracking_reference: &'r str,
    pub method: &'r str,
    pub http_version: &'r str,
    pub scheme: &'r str,
    /// Host as asked for, port included.
    pub host_header: &'r str,
    /// Host alone.
    pub host: &'r str,
    /// Path and query.
    pub target: &'r [u8],
    pub sni: &'r str,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub user_agent: &'r [u8],
    pub referer: &'r [u8],
    pub client_ip: std::net::IpAddr,
    pub socket: SocketAddr,
    pub first_byte: Option<Duration>,
    pub took: Duration,
    /// `HTTP`, `HTTPS`, `WS` or `WSS`.
    pub request_protocol: &'r str,
    pub tls: Option<(&'r str, &'r str, &'r str)>,
    pub route: &'r str,
    /// Default domain of the route's endpoint, where it has one.
    pub endpoint: Option<&'r DomainName>,
    pub status: u16,
    pub pop: &'r str,
    pub cache_status: &'r str,
    pub error_info: &'r str,
    pub origin: Option<OriginRecord<'r>>,
    pub generation: u64,
    pub attempts: u8,
    /// Why this origin, in one short word.
    pub why: &'r str,
}

/// The last attempt (FD-J3).
#[derive(Debug, Clone)]
pub struct OriginRecord<'r> {
    pub name: &'r str,
    pub group: &'r str,
    pub region: &'r str,
    pub scheme: &'r str,
    pub host: &'r str,
    pub port: u16,
    /// Path and query as sent.
    pub target: &'r str,
    pub address: Option<SocketAddr>,
    pub tls: Option<(&'r str, &'r str, &'r str)>,
}

/// Writes JSON members into one buffer.
struct Members<'b> {
    out: &'b mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    fn key(&mut self, name: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":\"");
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.key(name);
        escape(self.out, value);
        self.out.push(b'"');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.bytes(name, value.as_bytes());
    }

    /// For values that need no escaping: numbers, addresses, times.
    fn plain(&mut self, name: &str, value: impl Display) {
        self.key(name);
        // Writing to memory does not fail.
        let _ = std::io::Write::write_fmt(self.out, format_args!("{value}"));
        self.out.push(b'"');
    }
}

/// JSON's escapes; bytes that are no UTF-8 become U+FFFD.
fn escape(out: &mut Vec<u8>, value: &[u8]) {
    let plain = |b: &u8| (0x20..0x7f).contains(b) && *b != b'"' && *b != b'\\';
    if value.iter().all(plain) {
        out.extend_from_slice(value);
        return;
    }
    for c in String::from_utf8_lossy(value).chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            c if c.is_control() => {
                let mut text = String::new();
                let _ = write!(text, "\\u{:04x}", u32::from(c));
                out.extend_from_slice(text.as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Seconds with three decimals.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
    }
}

/// UTC in RFC 3339 with milliseconds.
pub fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).unwrap_or(0);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}

impl AccessRecord<'_> {
    /// The line as JSON, without its line end.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(rfc3339(self.time).as_bytes());
        out.extend_from_slice(
            b"\",\"category\":\"FrontDoorAccessLog\",\"operationName\":\"Microsoft.Cdn/Profiles/AccessLog/Write\",\"properties\":{",
        );
        let mut m = Members { out, first: true };
        self.request(&mut m);
        self.outcome(&mut m);
        self.origin(&mut m);
        m.plain("generation", self.generation);
        m.plain("attempts", self.attempts);
        m.text("why", self.why);
        m.out.extend_from_slice(b",\"rulesEngineMatchNames\":[]}}");
    }

    fn request(&self, m: &mut Members<'_>) {
        m.text("trackingReference", self.tracking_reference);
        m.text("httpMethod", self.method);
        m.text("httpVersion", self.http_version);
        m.key("requestUri");
        for part in [self.scheme.as_bytes(), b"://", self.host_header.as_bytes(), self.target] {
            escape(m.out, part);
        }
        m.out.push(b'"');
        m.text("hostName", self.host);
        m.text("domain", self.host_header);
        match self.endpoint {
            Some(domain) => m.plain("endpoint", domain),
            None => m.text("endpoint", ""),
        }
        m.text("sni", self.sni);
        m.plain("requestBytes", self.request_bytes);
        m.plain("responseBytes", self.response_bytes);
        m.bytes("userAgent", self.user_agent);
        m.bytes("referer", self.referer);
        m.plain("clientIp", self.client_ip);
        m.plain("socketIp", self.socket.ip());
        m.plain("clientPort", self.socket.port());
    }

    fn outcome(&self, m: &mut Members<'_>) {
        m.plain("timeToFirstByte", Seconds(self.first_byte.unwrap_or(self.took)));
        m.plain("timeTaken", Seconds(self.took));
        m.text("requestProtocol", self.request_protocol);
        let (protocol, cipher, curves) = self.tls.unwrap_or(("", "", ""));
        m.text("securityProtocol", protocol);
        m.text("securityCipher", cipher);
        m.text("securityCurves", curves);
        m.text("routingRuleName", self.route);
        m.plain("httpStatusCode", self.status);
        m.plain("httpStatusDetails", self.status);
        m.text("pop", self.pop);
        m.text("cacheStatus", self.cache_status);
        m.text("errorInfo", self.error_info);
        let result = if self.error_info == "SSLMismatchedSNI" { self.error_info } else { "N/A" };
        m.text("result", result);
    }

    fn origin(&self, m: &mut Members<'_>) {
        let Some(origin) = &self.origin else {
            for name in
                ["originUrl", "originIp", "originName", "originCryptProtocol", "originCryptCipher", "region"]
            {
                m.text(name, "N/A");
            }
            return;
        };
        m.key("originUrl");
        let port = format!(":{}", origin.port);
        for part in [origin.scheme, "://", origin.host, &port, origin.target] {
            escape(m.out, part.as_bytes());
        }
        m.out.push(b'"');
        match origin.address {
            Some(address) => m.plain("originIp", address),
            None => m.text("originIp", "N/A"),
        }
        m.plain("originName", format_args!("{}:{}", origin.host, origin.port));
        let (protocol, cipher, _) = origin.tls.unwrap_or(("N/A", "N/A", ""));
        m.text("originCryptProtocol", protocol);
        m.text("originCryptCipher", cipher);
        m.text("region", origin.region);
        m.text("origin", origin.name);
        m.text("originGroup", origin.group);
    }
}
