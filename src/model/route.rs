//! Routes (FD-A.7): which requests, and what becomes of them.

use serde::Serialize;

use super::bounds::OriginTimeoutS;
use super::domain::{DomainId, DomainName};
use super::group::GroupId;
use super::name::RouteName;

/// Index of a route in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub const BOTH: [Self; 2] = [Self::Http, Self::Https];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Protocol towards the origin (FD-B23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forwarding {
    HttpOnly,
    HttpsOnly,
    #[default]
    MatchRequest,
}

impl Forwarding {
    pub const fn scheme(self, client: Scheme) -> Scheme {
        match self {
            Self::HttpOnly => Scheme::Http,
            Self::HttpsOnly => Scheme::Https,
            Self::MatchRequest => client,
        }
    }
}

/// Why a text is no path pattern (FD-B11).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("a pattern starts with `/`")]
    NoSlash,
    #[error("`*` is allowed only as the last character, right after a `/`")]
    Star,
    #[error("a pattern has no query string, fragment, blank or control character")]
    Character,
}

/// A path pattern: exact, or `P/*`. Compared without case (FD-B13).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Matches this path only, also when it ends in `/` (FD-B9). Lower case.
    Exact(String),
    /// Matches every path that starts with this text, which ends in `/` (FD-B12). Lower case.
    Prefix(String),
}

impl Pattern {
    /// # Errors
    /// [`PatternError`] for anything but `/…` and `/…/*`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with('/') {
            return Err(PatternError::NoSlash);
        }
        if text.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'?' || b == b'#') {
            return Err(PatternError::Character);
        }
        let lower = text.to_ascii_lowercase();
        match lower.strip_suffix('*') {
            Some(prefix) if prefix.contains('*') || !prefix.ends_with('/') => Err(PatternError::Star),
            Some(prefix) => Ok(Self::Prefix(prefix.to_owned())),
            None if lower.contains('*') => Err(PatternError::Star),
            None => Ok(Self::Exact(lower)),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(p) => f.write_str(p),
            Self::Prefix(p) => write!(f, "{p}*"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub name: RouteName,
    pub enabled: bool,
    /// Default domain of its endpoint (FD-A9), for the access line.
    pub endpoint: Option<DomainName>,
    pub domains: Vec<DomainId>,
    pub patterns: Vec<Pattern>,
    /// Accepted client protocols (FD-B3).
    pub http: bool,
    pub https: bool,
    pub https_redirect: bool,
    pub group: GroupId,
    /// Replaces the pattern's prefix (FD-B26); None forwards the path unchanged (FD-B25).
    pub origin_path: Option<String>,
    pub forwarding: Forwarding,
    /// Beats the table's timeout; no counterpart in Front Door (FD-M14).
    pub response_timeout: Option<OriginTimeoutS>,
}

impl Route {
    pub const fn accepts(&self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Http => self.http,
            Scheme::Https => self.https,
        }
    }
}
