//! A question in words, and its answer with every step: `tidegate explain`, `POST /v1/explain`, `[[expect]]`.

use std::net::IpAddr;

use serde::Serialize;

use crate::model::expect::{Down, Expect};
use crate::model::snapshot::Snapshot;

/// A hypothetical request.
#[derive(Debug, Clone)]
pub struct Question {
    pub method: String,
    /// `http://host[:port]/path?query` or `https://…`.
    pub url: String,
    pub client: Option<IpAddr>,
    pub down: Vec<Down>,
    /// Value of an affinity cookie.
    pub affinity: Option<String>,
    /// Turn of the group's weighted round robin to ask for; 0 where it does not matter.
    pub turn: u64,
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    #[error("{url:?} is no http or https URL: {why}")]
    Url { url: String, why: String },
    /// `known` names what there is.
    #[error("nothing is called {name:?} here; known: {known}")]
    Unknown { name: String, known: String },
}

/// The answer, by names, ready for JSON.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Answer {
    pub generation: u64,
    /// `forward`, `redirect`, `no_route` or `no_origin`.
    pub decision: String,
    /// Status where the edge answers itself.
    pub status: Option<u16>,
    pub route: Option<String>,
    pub origin_group: Option<String>,
    pub origin: Option<String>,
    pub region: Option<String>,
    pub origin_url: Option<String>,
    /// [`super::reason::Reason`] in its short form.
    pub why: Option<String>,
    /// One line per step, in walking order.
    pub steps: Vec<String>,
    /// Every origin that this request may go to with its share in percent, over all turns.
    pub shares: Vec<(String, f64)>,
}

/// Parses `region:x` or `origin:y` (or `origin:group/y`) against the snapshot's table.
///
/// # Errors
/// [`QuestionError::Unknown`] names what there is.
pub fn parse_down(_snapshot: &Snapshot, _text: &str) -> Result<Vec<Down>, QuestionError> {
    todo!()
}

/// # Errors
/// [`QuestionError`] where the question names something that is not there.
pub fn explain(_snapshot: &Snapshot, _question: &Question) -> Result<Answer, QuestionError> {
    todo!()
}

/// What is wrong with one expectation under full health, or None.
pub fn check_expectation(_snapshot: &Snapshot, _expect: &Expect) -> Option<String> {
    todo!()
}
