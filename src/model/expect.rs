//! What a table expects of itself: `[[expect]]`, run by `tidegate check`.

use std::net::IpAddr;

use super::group::OriginId;
use super::region::RegionId;
use super::route::{RouteId, Scheme};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// Line of the expectation in routes.toml, from 1.
    pub line: usize,
    pub method: String,
    pub scheme: Scheme,
    /// Lower case, without port.
    pub host: String,
    /// Path and query.
    pub target: String,
    pub client: Option<IpAddr>,
    pub down: Vec<Down>,
    pub want: Vec<Want>,
}

/// Something that is taken as down for a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Down {
    Region(RegionId),
    Origin(OriginId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// Every origin that may be chosen is this one. Holds all ids where several groups use the name.
    Origin(Vec<OriginId>),
    Region(RegionId),
    Route(RouteId),
    /// An answer made by the edge: 301, 404, 503, …
    Status(u16),
}
