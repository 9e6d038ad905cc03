//! What happened, for the event stream, the log and the audit.

use serde::Serialize;

/// Serialised as JSON for `GET /v1/events`, tagged by `event`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Swap { generation: u64, by: String, changes: usize },
    Refusal { by: String, errors: usize, first: String },
    Conflict { by: String, base: u64, current: u64 },
    Transition { group: String, origin: String, up: bool, cause: Option<String> },
    Region { region: String, state: &'static str, dial: u8, by: String },
    Override { group: String, origin: String, verdict: Option<&'static str>, by: String },
    Certificates { changed: usize },
    CertificatesRefused { message: String },
    Draining,
}
