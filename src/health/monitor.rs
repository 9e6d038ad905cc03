//! The state machine over all probed addresses: keeps history across table changes, by what is probed.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::model::group::{NameCheck, OriginId, ProbeMethod};
use crate::model::health_view::HealthView;
use crate::model::moment::Moment;
use crate::model::name::{GroupName, HostName, OriginName};
use crate::model::orders::Orders;
use crate::model::route::Scheme;
use crate::model::table::Table;

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

/// A verdict that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub group: GroupName,
    pub origin: OriginName,
    pub up: bool,
    /// The failure that tipped it, where it went down.
    pub cause: Option<ProbeFailure>,
    pub at: Moment,
}

/// What `/v1/health` shows of one origin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OriginReport {
    pub group: String,
    pub origin: String,
    pub region: Option<String>,
    pub enabled: bool,
    /// `up` or `down`: what decisions use.
    pub verdict: &'static str,
    /// `probe`, `override`, `no_probe` or `disabled`: where the verdict comes from.
    pub source: &'static str,
    /// Oldest first: `S` success, `F` failure, `-` not yet.
    pub window: String,
    pub successes_required: u8,
    pub latency_ms: Option<u32>,
    pub last_failure: Option<String>,
    /// Seconds since the last result.
    pub last_result_s_ago: Option<f64>,
    /// Seconds until the next probe.
    pub next_probe_in_s: Option<f64>,
    /// Seconds since the verdict last changed.
    pub since_s: f64,
    pub probes_ok: u64,
    pub probes_failed: u64,
    /// Priority, weight as in the table, for whoever reads the report.
    pub priority: u8,
    pub weight: u16,
}

/// All windows and schedules.
#[derive(Debug)]
pub struct Monitor {
    told: VecDeque<Transition>,
}

impl Monitor {
    /// `seed` spreads the first probes over their interval.
    pub fn new(_seed: u64) -> Self {
        todo!()
    }

    /// Takes a table: what is still probed keeps its history (FD-C21), the rest is forgotten, what is new is scheduled.
    pub fn adopt(&mut self, _table: &Table, _now: Moment) {
        todo!()
    }

    /// The operator's forced verdicts.
    pub fn order(&mut self, _orders: &Orders, _now: Moment) {
        todo!()
    }

    /// The next probe that is due, if any; asking again gives the next one.
    pub fn poll_probe(&mut self, _now: Moment) -> Option<ProbeOrder> {
        todo!()
    }

    /// When `poll_probe` has something again, or a forced verdict expires.
    pub fn next_due(&self) -> Option<Moment> {
        todo!()
    }

    /// Results of targets that have left the table meanwhile are ignored.
    pub fn handle_result(&mut self, _result: ProbeResult, _now: Moment) {
        todo!()
    }

    pub fn poll_transition(&mut self) -> Option<Transition> {
        self.told.pop_front()
    }

    /// What decisions use now, by the ids of the adopted table.
    pub fn view(&self, _now: Moment) -> HealthView {
        todo!()
    }

    pub fn report(&self, _now: Moment) -> Vec<OriginReport> {
        todo!()
    }
}

/// Whether two name checks may share a probe stream.
pub fn same_check(a: &NameCheck, b: &NameCheck) -> bool {
    a == b
}
