//! A request's way to its route: protocol, host, path (FD-B), then the built-in redirect (FD-B20).

use super::facts::RequestFacts;
use crate::model::domain::DomainId;
use crate::model::group::GroupId;
use crate::model::route::{RouteId, Scheme};
use crate::model::router::{Found, Host};
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
pub fn for_request(table: &Table, facts: &RequestFacts<'_>) -> Decision {
    match find(table, facts) {
        Err(why) => Decision::NoRoute(why),
        Ok(matched) => {
            let route = table.route(matched.route);
            if route.https_redirect && facts.scheme == Scheme::Http {
                return Decision::Redirect(matched);
            }
            Decision::Forward { matched, group: route.group, scheme: route.forwarding.scheme(facts.scheme) }
        }
    }
}

/// Protocol, then host, then path (FD-B2). The protocol is looked at before the host is final (FD-B7): an exact
/// host without a route for this protocol leaves the request to the wildcard that covers it.
fn find(table: &Table, facts: &RequestFacts<'_>) -> Result<Matched, NoRoute> {
    let exact = table.router.exact(facts.host);
    let wildcard = table.router.wildcard(facts.host);
    let serves = |host: &&Host| !host.paths(facts.scheme).is_empty();
    let Some(host) = exact.filter(serves).or_else(|| wildcard.filter(serves)) else {
        return Err(nobody(exact.or(wildcard)));
    };
    let found = with_lower(facts.path, |path| host.paths(facts.scheme).find(path));
    // Once a host is chosen it is final (FD-B6).
    let (route, found) = found.ok_or(NoRoute::Path(host.domain))?;
    Ok(Matched { route, domain: host.domain, found })
}

fn nobody(known: Option<&Host>) -> NoRoute {
    match known {
        None => NoRoute::UnknownHost,
        Some(host) if Scheme::BOTH.iter().any(|scheme| !host.paths(*scheme).is_empty()) => {
            NoRoute::Protocol(host.domain)
        }
        Some(host) => NoRoute::NoRouteForHost(host.domain),
    }
}

/// Calls `with` on the path in lower case (FD-B13), from the stack where it fits.
fn with_lower<T>(path: &str, with: impl FnOnce(&str) -> T) -> T {
    if !path.bytes().any(|b| b.is_ascii_uppercase()) {
        return with(path);
    }
    let mut stack = [0_u8; 512];
    if let Some(room) = stack.get_mut(..path.len()) {
        room.copy_from_slice(path.as_bytes());
        room.make_ascii_lowercase();
        // Lower-casing ASCII keeps UTF-8 what it is.
        return with(std::str::from_utf8(room).unwrap_or(path));
    }
    with(&path.to_ascii_lowercase())
}
