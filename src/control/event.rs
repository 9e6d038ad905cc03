//! What happened, for the event stream, the log and the audit. One value says it to all of them.

use serde::Serialize;

/// Serialised as JSON for `GET /v1/events`, tagged by `event`.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Swap { generation: u64, by: String, changes: usize },
    Refusal { by: String, errors: usize, first: String },
    Conflict { by: String, base: u64, current: u64 },
    Transition { group: String, origin: String, up: bool, cause: Option<String> },
    Region { region: String, state: &'static str, dial: u8, by: String },
    Override { group: String, origin: String, verdict: Option<&'static str>, by: String },
    Certificates { files: usize },
    CertificatesRefused { message: String },
    Draining,
}

impl Event {
    /// One log line. WARN might wake someone.
    pub fn log(&self) {
        match self {
            Self::Swap { generation, by, changes } => {
                tracing::info!(generation, by, changes, "the table serves");
            }
            Self::Refusal { by, errors, first } => {
                tracing::warn!(by, errors, first, "a change was refused and changed nothing");
            }
            Self::Conflict { by, base, current } => {
                tracing::warn!(
                    by,
                    base,
                    current,
                    "a change started from another generation and changed nothing"
                );
            }
            Self::Transition { group, origin, up: true, .. } => {
                tracing::info!(group, origin, "the origin is up");
            }
            Self::Transition { group, origin, cause, .. } => {
                let cause = cause.as_deref().unwrap_or("");
                tracing::warn!(group, origin, cause, "the origin is down");
            }
            Self::Region { region, state, dial, by } => {
                tracing::info!(region, state, dial, by, "a region was ordered");
            }
            Self::Override { group, origin, verdict, by } => {
                tracing::info!(
                    group,
                    origin,
                    verdict = verdict.unwrap_or("lifted"),
                    by,
                    "a verdict was forced"
                );
            }
            Self::Certificates { files } => tracing::info!(files, "certificates were read anew"),
            Self::CertificatesRefused { message } => {
                tracing::warn!(message, "a certificate was refused, the old ones stay");
            }
            Self::Draining => tracing::info!("draining: no new connections"),
        }
    }
}
