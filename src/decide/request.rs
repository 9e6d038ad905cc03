//! A request's way to its route: protocol, host, path (FD-B), then the built-in redirect (FD-B20).

use super::facts::RequestFacts;
use crate::model::domain::DomainId;
use crate::model::group::GroupId;
use crate::model::route::{RouteId, Scheme};
use crate::model::router::Found;
use crate::model::table::Table;

/// Why no route was found (FD-B14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// (a) the host is not configured.
    UnknownHost,
    /// (b) the host is configured, no enabled route serves it.
    NoRouteForHost(DomainId),
    /// (c) routes of the host accept the other protocol only.
    Protocol(DomainId),
    /// (d) no pattern matches the path.
    Path(DomainId),
}

/// A route that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched {
    pub route: RouteId,
    pub domain: DomainId,
    pub found: Found,
}

/// What becomes of a request. Ids and values, no borrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Answered here: see [`NoRoute`]; the status is FD-B15's.
    NoRoute(NoRoute),
    /// Answered here: to the same host, path and query on https (FD-B20), with FD-B21's status.
    Redirect(Matched),
    /// To an origin of `group`, by `scheme` (FD-B23).
    Forward { matched: Matched, group: GroupId, scheme: Scheme },
}

/// The decision up to the origin group. Allocates nothing for paths of up to 512 bytes.
pub fn for_request(_table: &Table, _facts: &RequestFacts<'_>) -> Decision {
    todo!()
}
