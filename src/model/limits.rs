//! Every ceiling of the house in one list. Where Front Door has a number, it stands beside ours
//! (spec sections E.5 and K, Premium tier). Those an operator may change are fields of [`Limits`].

use serde::Serialize;

/// Ceilings of one table and of the data it lets through. All of them are settings in `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Front Door: 25.
    pub endpoints: usize,
    /// Front Door: 500.
    pub domains: usize,
    /// Front Door: 200.
    pub origin_groups: usize,
    /// Front Door: 50.
    pub origins_per_group: usize,
    /// Front Door: 200.
    pub origins: usize,
    /// Front Door: 200.
    pub routes: usize,
    /// Front Door: 50.
    pub patterns_per_route: usize,
    /// Sum over routes of protocols × domains × patterns (FD-B19). Front Door: 5,000.
    pub composite_routes: usize,
    /// Front Door: 500 secrets.
    pub certificates: usize,
    /// Scheme + host + path + query. Front Door: 8,192; above: 414.
    pub url_bytes: usize,
    /// Front Door: 4,096; above: 414.
    pub query_bytes: usize,
    /// One header line. Front Door: 64 KB; above: 431.
    pub header_bytes: usize,
    /// All headers. Reading: 128 KB; above: 431.
    pub headers_bytes: usize,
    /// Header lines. Reading: 100; above: 431.
    pub header_count: usize,
    /// Request body, with a length or chunked. Front Door: 2 GB; above: 413.
    pub body_bytes: u64,
    /// Front Door: 3,000; above: 503 (FD-E48).
    pub websockets: usize,
    /// Connections from clients at a time; above: the new connection is closed. Front Door states none.
    pub connections: usize,
    /// Streams of one HTTP/2 connection at a time. Front Door states none.
    pub h2_streams: u32,
    /// Idle connections kept per origin and worker. Front Door states none.
    pub origin_idle: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            endpoints: 25,
            domains: 500,
            origin_groups: 200,
            origins_per_group: 50,
            origins: 200,
            routes: 200,
            patterns_per_route: 50,
            composite_routes: 5_000,
            certificates: 500,
            url_bytes: 8_192,
            query_bytes: 4_096,
            header_bytes: 64 << 10,
            headers_bytes: 128 << 10,
            header_count: 100,
            body_bytes: 2 << 30,
            websockets: 3_000,
            connections: 50_000,
            h2_streams: 100,
            origin_idle: 512,
        }
    }
}

/// Generations kept for rollback.
pub const HISTORY_GENERATIONS: usize = 32;
/// Bytes of a routes.toml.
pub const TABLE_BYTES: usize = 8 << 20;
/// Response headers of a probe; above: a failure (FD-C13). Front Door: 4,096.
pub const PROBE_HEADERS_BYTES: usize = 4_096;
/// Longest probe timeout unless set (FD-C14).
pub const PROBE_TIMEOUT_S: u64 = 10;
/// Request body kept for a replay on another origin (FD-D28). Reading: 64 KB.
pub const REPLAY_BYTES: usize = 64 << 10;
/// Response headers of an origin; above: `ResponseHeaderTooBig` (FD-L15). Front Door states none.
pub const ORIGIN_HEADERS_BYTES: usize = 128 << 10;
/// Response header lines of an origin. Front Door states none.
pub const ORIGIN_HEADER_COUNT: usize = 200;
/// Passes through this product before a request is answered 508 (FD-E15).
pub const REQUEST_CHAIN_HOPS: u32 = 5;
/// A WebSocket without traffic (E.6).
pub const WEBSOCKET_IDLE_S: u64 = 300;
/// The longest a WebSocket lives (E.6).
pub const WEBSOCKET_TOTAL_S: u64 = 4 * 3_600;
/// Idle time of a pooled origin connection (E.6).
pub const ORIGIN_IDLE_S: u64 = 90;
/// Access lines waiting to be written; above: dropped and counted.
pub const ACCESS_LOG_QUEUE: usize = 16_384;
/// Event-stream subscribers' backlog; above: the oldest are dropped for that subscriber.
pub const EVENT_QUEUE: usize = 1_024;
/// Event-stream subscribers at a time.
pub const EVENT_SUBSCRIBERS: usize = 64;
/// Probes in flight at a time.
pub const PROBES_IN_FLIGHT: usize = 1_024;
/// Results kept per probed address at most.
pub const SAMPLES: usize = 255;
/// Time a client has for its TLS handshake.
pub const TLS_HANDSHAKE_S: u64 = 5;
