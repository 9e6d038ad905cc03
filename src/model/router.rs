//! The index from (protocol, host, path) to a route: built once per table, read by every request.

use std::collections::{BTreeSet, HashMap};

use super::domain::{Domain, DomainId, DomainName};
use super::route::{Pattern, Route, RouteId, Scheme};

/// Routes of one host and protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Paths {
    exact: HashMap<Box<str>, RouteId>,
    prefix: HashMap<Box<str>, RouteId>,
    /// Lengths of the prefixes: only these are looked up, whatever a hostile path looks like.
    lengths: BTreeSet<usize>,
}

impl Paths {
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.prefix.is_empty()
    }

    /// The most specific route of `path` (lower case): an equal pattern, else the longest prefix (FD-B10).
    /// The number is the length of the prefix, the whole path for an exact pattern.
    pub fn find(&self, path: &str) -> Option<(RouteId, Found)> {
        if let Some(id) = self.exact.get(path) {
            return Some((*id, Found::Exact));
        }
        self.lengths.range(..=path.len()).rev().find_map(|length| {
            let head = path.get(..*length)?;
            self.prefix.get(head).map(|id| (*id, Found::Prefix(*length)))
        })
    }
}

/// How a path met its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Exact,
    /// Length of the matched prefix, its last `/` included.
    Prefix(usize),
}

/// One configured host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub domain: DomainId,
    http: Paths,
    https: Paths,
}

impl Host {
    pub const fn paths(&self, scheme: Scheme) -> &Paths {
        match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Router {
    exact: HashMap<Box<str>, Host>,
    /// Keyed by the part behind `*.`.
    wildcard: HashMap<Box<str>, Host>,
}

impl Router {
    /// Expands every enabled route of every serving domain to (protocol, host, pattern) (FD-B1).
    /// Domains without a route are known all the same: their certificate serves, their requests find no route.
    /// Conflicts (FD-A27) have been refused before; here the first route stays.
    pub fn build(domains: &[Domain], routes: &[Route]) -> Self {
        let mut router = Self::default();
        for (at, domain) in domains.iter().enumerate() {
            let id = DomainId(u32::try_from(at).unwrap_or(u32::MAX));
            let host = Host { domain: id, http: Paths::default(), https: Paths::default() };
            match &domain.name {
                DomainName::Exact(name) => router.exact.insert(name.as_str().into(), host),
                DomainName::Wildcard(rest) => router.wildcard.insert(rest.as_str().into(), host),
            };
        }
        for (at, route) in routes.iter().enumerate().filter(|(_, route)| route.enabled) {
            let id = RouteId(u32::try_from(at).unwrap_or(u32::MAX));
            for domain in &route.domains {
                let domain = &domains[domain.0 as usize];
                if domain.validation.serves() {
                    router.add(domain, route, id);
                }
            }
        }
        router
    }

    fn add(&mut self, domain: &Domain, route: &Route, id: RouteId) {
        let host = match &domain.name {
            DomainName::Exact(name) => self.exact.get_mut(name.as_str()),
            DomainName::Wildcard(rest) => self.wildcard.get_mut(rest.as_str()),
        };
        let Some(host) = host else { return };
        for scheme in Scheme::BOTH.into_iter().filter(|scheme| route.accepts(*scheme)) {
            let paths = match scheme {
                Scheme::Http => &mut host.http,
                Scheme::Https => &mut host.https,
            };
            for pattern in &route.patterns {
                match pattern {
                    Pattern::Exact(path) => {
                        paths.exact.entry(path.as_str().into()).or_insert(id);
                    }
                    Pattern::Prefix(prefix) => {
                        paths.lengths.insert(prefix.len());
                        paths.prefix.entry(prefix.as_str().into()).or_insert(id);
                    }
                }
            }
        }
    }

    /// The exact host's entry.
    pub fn exact(&self, host: &str) -> Option<&Host> {
        self.exact.get(host)
    }

    /// The entry of the wildcard that covers `host` (FD-B5).
    pub fn wildcard(&self, host: &str) -> Option<&Host> {
        let (label, rest) = host.split_once('.')?;
        if label.is_empty() { None } else { self.wildcard.get(rest) }
    }

    /// The exact name's domain, else the wildcard's (FD-H15, FD-H17).
    pub fn domain_of(&self, host: &str) -> Option<DomainId> {
        self.exact(host).or_else(|| self.wildcard(host)).map(|h| h.domain)
    }
}
