//! Every number the edge counts, and their Prometheus text. Handles are resolved once per table, not per request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::model::group::OriginId;
use crate::model::limits::Limits;
use crate::model::route::RouteId;
use crate::model::table::Table;

/// Upper bounds of latency buckets, seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Status classes: 0 for an origin that timed out (FD-J1), then 1xx to 5xx.
const CLASSES: [&str; 6] = ["0", "1xx", "2xx", "3xx", "4xx", "5xx"];

fn class(status: u16) -> usize {
    usize::from(status / 100).min(5)
}

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    route_requests: IntCounterVec,
    route_latency: HistogramVec,
    origin_requests: IntCounterVec,
    origin_latency: HistogramVec,
    origin_up: IntGaugeVec,
    probes: IntCounterVec,
    region_dial: IntGaugeVec,
    limits: IntGaugeVec,
    errors: IntCounterVec,
    retries: IntCounterVec,
    refused: IntCounterVec,
    swaps: IntCounterVec,
    handshakes: IntCounterVec,
    origin_connections: IntCounterVec,
    /// Bytes from and to clients (RequestSize, ResponseSize).
    pub bytes_in: IntCounter,
    pub bytes_out: IntCounter,
    pub connections: IntGauge,
    pub connections_accepted: IntCounter,
    pub websockets: IntGauge,
    pub in_flight: IntGauge,
    pub idle_to_origins: IntGauge,
    pub lines_dropped: IntCounter,
    pub generation: IntGauge,
    pub swap_duration: Histogram,
}

/// Handles of one table's routes and origins, by id; the last route stands for "no route".
#[derive(Debug)]
pub struct TableMetrics {
    routes: Vec<RouteMetrics>,
    origins: Vec<OriginMetrics>,
}

#[derive(Debug)]
struct RouteMetrics {
    requests: [IntCounter; 6],
    latency: Histogram,
}

#[derive(Debug)]
struct OriginMetrics {
    requests: [IntCounter; 6],
    latency: Histogram,
}

impl TableMetrics {
    /// A visit is over (RequestCount, TotalLatency).
    pub fn visited(&self, route: Option<RouteId>, status: u16, took: Duration) {
        let none = self.routes.len().saturating_sub(1);
        let at = route.map_or(none, |id| id.0 as usize);
        if let Some(route) = self.routes.get(at) {
            route.requests[class(status)].inc();
            route.latency.observe(took.as_secs_f64());
        }
    }

    /// An attempt at an origin is over (OriginRequestCount; FD-J1: 0 for a timeout). `took`: from its request to the
    /// last byte of a whole answer (OriginLatency).
    pub fn origin_done(&self, origin: OriginId, status: u16, took: Option<Duration>) {
        if let Some(origin) = self.origins.get(origin.0 as usize) {
            origin.requests[class(status)].inc();
            if let Some(took) = took {
                origin.latency.observe(took.as_secs_f64());
            }
        }
    }
}

/// Registers what it makes. A name that is taken twice is a mistake in this file, seen by its test.
struct Maker<'r>(&'r Registry);

impl Maker<'_> {
    fn keep<C: Collector + Clone + 'static>(
        &self,
        made: prometheus::Result<C>,
        fallback: impl FnOnce() -> C,
    ) -> C {
        let collector = made.unwrap_or_else(|_| fallback());
        // Refused only for a duplicate name.
        let _ = self.0.register(Box::new(collector.clone()));
        collector
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let make = || IntCounterVec::new(Opts::new(name, help), labels);
        self.keep(make(), || unreachable_name(name))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels), || unreachable_name(name))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
        self.keep(HistogramVec::new(options, labels), || unreachable_name(name))
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.keep(IntCounter::new(name, help), || unreachable_name(name))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.keep(IntGauge::new(name, help), || unreachable_name(name))
    }
}

fn unreachable_name<C>(name: &str) -> C {
    unreachable!("{name} is a constant of this file and a valid metric name")
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let make = Maker(&registry);
        let swap = HistogramOpts::new("tidegate_swap_duration_seconds", "From a change to its publication")
            .buckets(BUCKETS.to_vec());
        let swap_duration = make.keep(Histogram::with_opts(swap), || unreachable_name("swap"));
        let info = make.gauges("tidegate_build_info", "1, with the version as a label", &["version"]);
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Self {
            route_requests: make.counters(
                "tidegate_requests_total",
                "Client requests (RequestCount)",
                &["route", "status"],
            ),
            route_latency: make.histograms(
                "tidegate_request_seconds",
                "Request received to last byte sent (TotalLatency)",
                &["route"],
            ),
            origin_requests: make.counters(
                "tidegate_origin_requests_total",
                "Requests to origins (OriginRequestCount)",
                &["group", "origin", "status"],
            ),
            origin_latency: make.histograms(
                "tidegate_origin_seconds",
                "Request sent to last byte received (OriginLatency)",
                &["group", "origin"],
            ),
            origin_up: make.gauges(
                "tidegate_origin_up",
                "1 while decisions take the origin as healthy",
                &["group", "origin"],
            ),
            probes: make.counters(
                "tidegate_probes_total",
                "Probe results (OriginHealthPercentage)",
                &["group", "origin", "result"],
            ),
            region_dial: make.gauges(
                "tidegate_region_dial_percent",
                "Dial of a region; 0 while it is drained or isolated",
                &["region"],
            ),
            limits: make.gauges("tidegate_limit", "Every limit of the table in force", &["name"]),
            errors: make.counters(
                "tidegate_errors_total",
                "Requests by errorInfo other than NoError",
                &["error"],
            ),
            retries: make.counters(
                "tidegate_retries_total",
                "Attempts after a failed one, by its errorInfo",
                &["cause"],
            ),
            refused: make.counters("tidegate_refused_total", "What a limit refused", &["limit"]),
            swaps: make.counters("tidegate_changes_total", "Changes by outcome", &["outcome"]),
            handshakes: make.counters(
                "tidegate_tls_handshakes_total",
                "TLS handshakes with clients",
                &["result"],
            ),
            origin_connections: make.counters(
                "tidegate_origin_connections_total",
                "Connections to origins",
                &["kind"],
            ),
            bytes_in: make.counter("tidegate_request_bytes_total", "Bytes from clients (RequestSize)"),
            bytes_out: make.counter("tidegate_response_bytes_total", "Bytes to clients (ResponseSize)"),
            connections: make.gauge("tidegate_connections", "Connections of clients"),
            connections_accepted: make.counter("tidegate_connections_accepted_total", "Connections accepted"),
            websockets: make.gauge("tidegate_websockets", "Open WebSockets"),
            in_flight: make.gauge("tidegate_requests_in_flight", "Requests that are being served"),
            idle_to_origins: make
                .gauge("tidegate_origin_idle_connections", "Idle HTTP/1 connections kept to origins"),
            lines_dropped: make
                .counter("tidegate_access_lines_dropped_total", "Access lines that could not be written"),
            generation: make.gauge("tidegate_generation", "Generation of the table that serves"),
            swap_duration,
            registry,
        }
    }

    /// Handles for `table`; equal names keep their counts, names that are gone lose their series.
    pub fn for_table(&self, table: &Table, old: Option<&Table>) -> Arc<TableMetrics> {
        if let Some(old) = old {
            self.forget(old, table);
        }
        let names = table.routes.iter().map(|r| r.name.as_str()).chain(std::iter::once("-"));
        let routes = names.map(|name| RouteMetrics {
            requests: CLASSES.map(|class| self.route_requests.with_label_values(&[name, class])),
            latency: self.route_latency.with_label_values(&[name]),
        });
        let origins = table.origins.iter().map(|origin| {
            let (group, origin) = (table.group(origin.group).name.as_str(), origin.name.as_str());
            OriginMetrics {
                requests: CLASSES
                    .map(|class| self.origin_requests.with_label_values(&[group, origin, class])),
                latency: self.origin_latency.with_label_values(&[group, origin]),
            }
        });
        self.show_limits(&table.settings.limits);
        Arc::new(TableMetrics { routes: routes.collect(), origins: origins.collect() })
    }

    /// Series of what left the table. A series that never was cannot be removed, which is as good.
    fn forget(&self, old: &Table, new: &Table) {
        let stays: BTreeSet<_> = new.routes.iter().map(|r| &r.name).collect();
        for route in old.routes.iter().filter(|r| !stays.contains(&r.name)) {
            let name = route.name.as_str();
            CLASSES.iter().for_each(|class| drop(self.route_requests.remove_label_values(&[name, class])));
            let _ = self.route_latency.remove_label_values(&[name]);
        }
        fn full(table: &Table) -> impl Iterator<Item = [&str; 2]> {
            table.origins.iter().map(|o| [table.group(o.group).name.as_str(), o.name.as_str()])
        }
        let stays: BTreeSet<_> = full(new).collect();
        for labels in full(old).filter(|labels| !stays.contains(labels)) {
            CLASSES.iter().for_each(|class| {
                drop(self.origin_requests.remove_label_values(&[labels[0], labels[1], class]))
            });
            ["ok", "failed"]
                .iter()
                .for_each(|r| drop(self.probes.remove_label_values(&[labels[0], labels[1], r])));
            let _ = self.origin_latency.remove_label_values(&labels);
            let _ = self.origin_up.remove_label_values(&labels);
        }
        let stays: BTreeSet<_> = new.regions.iter().map(|r| &r.name).collect();
        for region in old.regions.iter().filter(|r| !stays.contains(&r.name)) {
            let _ = self.region_dial.remove_label_values(&[region.name.as_str()]);
        }
    }

    fn show_limits(&self, limits: &Limits) {
        // The struct's own field names are the settings' names.
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(limits) else { return };
        for (name, value) in fields {
            self.limits.with_label_values(&[name.as_str()]).set(value.as_i64().unwrap_or(i64::MAX));
        }
    }

    pub fn origin_up(&self, group: &str, origin: &str, up: bool) {
        self.origin_up.with_label_values(&[group, origin]).set(i64::from(up));
    }

    pub fn region_dial(&self, region: &str, percent: u8) {
        self.region_dial.with_label_values(&[region]).set(percent.into());
    }

    pub fn probed(&self, group: &str, origin: &str, ok: bool) {
        self.probes.with_label_values(&[group, origin, if ok { "ok" } else { "failed" }]).inc();
    }

    /// A request ended with this word of section L.2.
    pub fn failed(&self, error: &str) {
        self.errors.with_label_values(&[error]).inc();
    }

    /// Another attempt follows one that failed so.
    pub fn retried(&self, cause: &str) {
        self.retries.with_label_values(&[cause]).inc();
    }

    /// A limit, by its name in `[limits]`, refused something.
    pub fn refused(&self, limit: &str) {
        self.refused.with_label_values(&[limit]).inc();
    }

    /// `applied`, `unchanged`, `refused` or `conflict`.
    pub fn changed(&self, outcome: &str) {
        self.swaps.with_label_values(&[outcome]).inc();
    }

    pub fn handshake(&self, ok: bool) {
        self.handshakes.with_label_values(&[if ok { "ok" } else { "failed" }]).inc();
    }

    pub fn origin_connection(&self, reused: bool) {
        self.origin_connections.with_label_values(&[if reused { "reused" } else { "opened" }]).inc();
    }

    /// Prometheus text format.
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        // Encoding into memory does not fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
