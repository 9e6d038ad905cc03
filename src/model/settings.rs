//! Settings of a whole table, under the names of FD-M.2 spelled the routes.toml way.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;

use super::bounds::{Attempts, LatencySlackMs, OriginTimeoutS, ProbeIntervalS, Weight};
use super::limits::Limits;

/// `[compat] error_codes` (section L): which of the documented generations of status codes is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum ErrorCodes {
    #[default]
    Current,
    Legacy,
}

/// `[health] all_unhealthy` (FD-C22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum AllUnhealthy {
    /// Every enabled origin counts as available; priority and weights apply, latency is skipped.
    #[default]
    HonourPriority,
    /// Round robin over every enabled origin, priority and weight aside.
    RoundRobinAll,
}

/// `[affinity] cookie_format` (FD-D17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum CookieFormat {
    /// `0003` and 64 hex digits.
    #[default]
    Tagged,
    /// 64 hex digits.
    Plain,
}

/// `[client_ip] trusted_proxies` (FD-E17): whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub enum TrustedProxies {
    /// Everybody's, as the service does.
    #[default]
    All,
    /// These senders' only; others are the client themselves.
    Listed(Vec<IpNet>),
}

impl TrustedProxies {
    pub fn trusts(&self, socket: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Listed(nets) => nets.iter().any(|net| net.contains(&socket)),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Sent to origins as `X-Azure-FDID`.
    pub front_door_id: String,
    pub error_codes: ErrorCodes,
    /// 404 or 400 (FD-B15). Unset: as `error_codes` says.
    pub no_route_status: Option<u16>,
    /// 301, 302, 307 or 308 (FD-B21).
    pub https_redirect_status: u16,
    pub probe_default_interval: ProbeIntervalS,
    /// None: min(interval, 10 s) (FD-C14).
    pub probe_timeout: Option<Duration>,
    /// Factor on the interval while an edge has no client traffic; 1 is off (FD-C29).
    pub probe_idle_slowdown: u8,
    /// Whether groups without a route are probed (FD-C27).
    pub probe_unattached_groups: bool,
    /// Whether a result that does not exist yet counts as a success (FD-C18).
    pub missing_samples_succeed: bool,
    pub all_unhealthy: AllUnhealthy,
    pub default_latency_slack: LatencySlackMs,
    pub default_weight: Weight,
    pub attempts: Attempts,
    /// Whether a request that may have side effects is retried after it was sent (FD-D28 d).
    pub retry_non_idempotent: bool,
    pub cookie_format: CookieFormat,
    /// Whether origins see the affinity cookies (FD-D25).
    pub forward_affinity_cookies: bool,
    pub connect_timeout: Duration,
    /// First byte and later gaps (FD-E40, FD-E42).
    pub response_timeout: OriginTimeoutS,
    pub client_header_timeout: Duration,
    pub client_keep_alive: Duration,
    pub client_stall: Duration,
    pub trusted_proxies: TrustedProxies,
    /// PEM files of roots that origins may chain to, beside the system's (FD-H27).
    pub extra_roots: Vec<PathBuf>,
    /// No check of origin certificates at all; an extension that says what it is (FD-H27).
    pub insecure_origins: bool,
    pub limits: Limits,
}

impl Settings {
    /// What a request without a route is answered (FD-B15).
    pub const fn status_without_route(&self) -> u16 {
        match (self.no_route_status, self.error_codes) {
            (Some(status), _) => status,
            (None, ErrorCodes::Current) => 404,
            (None, ErrorCodes::Legacy) => 400,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            front_door_id: String::from("00000000-0000-0000-0000-000000000000"),
            error_codes: ErrorCodes::Current,
            no_route_status: None,
            https_redirect_status: 301,
            probe_default_interval: ProbeIntervalS::DEFAULT,
            probe_timeout: None,
            probe_idle_slowdown: 1,
            probe_unattached_groups: true,
            missing_samples_succeed: true,
            all_unhealthy: AllUnhealthy::HonourPriority,
            default_latency_slack: LatencySlackMs::DEFAULT,
            default_weight: Weight::DEFAULT,
            attempts: Attempts::DEFAULT,
            retry_non_idempotent: false,
            cookie_format: CookieFormat::Tagged,
            forward_affinity_cookies: false,
            connect_timeout: Duration::from_secs(5),
            response_timeout: OriginTimeoutS::DEFAULT,
            client_header_timeout: Duration::from_secs(5),
            client_keep_alive: Duration::from_secs(90),
            client_stall: Duration::from_secs(61),
            trusted_proxies: TrustedProxies::All,
            extra_roots: Vec::new(),
            insecure_origins: false,
            limits: Limits::default(),
        }
    }
}
