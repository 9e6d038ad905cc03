//! Affinity cookies on their way to a client (FD-D15 to FD-D21).

use super::attempt::Way;
use super::visit::Visit;
use crate::decide::affinity::{self, Delivery};
use crate::decide::pick::Pick;
use crate::http1::fields::Known;
use crate::http1::parse::ResponseHead;
use crate::model::domain::DomainName;
use crate::model::route::Scheme;

/// The two affinity cookies where FD-D20 asks for them (FD-D15 to FD-D18).
pub fn cookies(visit: &Visit<'_>, way: Way, pick: Pick, head: &ResponseHead) -> Vec<String> {
    let table = &visit.view.pinned.snapshot.table;
    if !table.group(way.group).session_affinity || pick.session_kept {
        return Vec::new();
    }
    let delivery = Delivery {
        method: visit.head.method.as_str(),
        status: head.status,
        no_store: head.fields.lists(Known::CacheControl, "no-store"),
        response_has_authorization: head.fields.first(Known::Authorization).is_some_and(|v| !v.is_empty()),
    };
    if !affinity::may_set(&delivery) {
        return Vec::new();
    }
    let value = &table.origin(pick.origin).affinity_value;
    let domain = match &table.domain(way.matched.domain).name {
        DomainName::Wildcard(rest) => format!("; Domain={rest}"),
        DomainName::Exact(_) => String::new(),
    };
    if visit.line.scheme == Scheme::Https {
        vec![
            format!("ASLBSA={value}; Path=/{domain}; HttpOnly; Secure"),
            format!("ASLBSACORS={value}; Path=/{domain}; HttpOnly; Secure; SameSite=None"),
        ]
    } else {
        vec![format!("ASLBSA={value}; Path=/{domain}; HttpOnly")]
    }
}
