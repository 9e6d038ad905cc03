//! A probe as a value: what is asked, when it is due, how it ended.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::model::group::{OriginId, ProbeMethod};
use crate::model::name::HostName;
use crate::model::route::Scheme;

/// What is probed: equal targets share one stream and one window (FD-C11).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeTarget {
    pub host: HostName,
    pub port: u16,
    pub scheme: Scheme,
    pub path: String,
    pub method: ProbeMethod,
    /// `Host` of the probe: the origin's host header, or its host (FD-C5).
    pub host_header: String,
}

/// A probe to send now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeOrder {
    pub target: ProbeTarget,
    pub timeout: Duration,
    /// An origin with this target: whose TLS settings the probe uses (FD-C7).
    pub origin: OriginId,
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    pub target: ProbeTarget,
    pub outcome: Result<Duration, ProbeFailure>,
    /// The address that was asked, where one was found.
    pub address: Option<IpAddr>,
}

/// Why a probe failed (FD-C12, FD-C13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum ProbeFailure {
    #[error("status {status}")]
    Status { status: u16 },
    #[error("name not resolved: {detail}")]
    Dns { detail: String },
    #[error("connection refused")]
    Refused,
    #[error("connection failed: {detail}")]
    Connect { detail: String },
    #[error("TLS: {detail}")]
    Tls { detail: String },
    #[error("no answer in time")]
    Timeout,
    #[error("connection closed before a full answer")]
    Closed,
    #[error("malformed answer: {detail}")]
    Malformed { detail: String },
    #[error("response headers over 4,096 bytes")]
    HeadersTooBig,
}
