//! Table against table: named changes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::group::{Group, Origin};
use crate::model::route::Route;
use crate::model::table::Table;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Change {
    pub kind: Kind,
    /// Such as `origin_groups.bot.origins.bot-westeurope.weight`.
    pub what: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Added,
    Removed,
    Changed,
}

/// Properties by path. Things that stand for themselves have an empty text.
type Facts = BTreeMap<String, String>;

/// Empty for a table against itself.
pub fn diff(old: &Table, new: &Table) -> Vec<Change> {
    let (old, new) = (facts(old), facts(new));
    let mut out = Vec::new();
    for (what, from) in &old {
        match new.get(what) {
            None => push(&mut out, &old, Kind::Removed, what, Some(from), None),
            Some(to) if to != from => push(&mut out, &old, Kind::Changed, what, Some(from), Some(to)),
            Some(_) => {}
        }
    }
    for (what, to) in new.iter().filter(|(what, _)| !old.contains_key(*what)) {
        push(&mut out, &new, Kind::Added, what, None, Some(to));
    }
    out
}

/// Adds a change, unless the thing it belongs to is added or removed as a whole.
fn push(
    out: &mut Vec<Change>,
    facts: &Facts,
    kind: Kind,
    what: &str,
    from: Option<&String>,
    to: Option<&String>,
) {
    let covered = |c: &Change| c.kind == kind && kind != Kind::Changed && inside(what, &c.what);
    if out.iter().any(covered) {
        return;
    }
    let text = |value: Option<&String>| value.filter(|v| !v.is_empty()).cloned();
    let whole = facts.get(what).is_some_and(String::is_empty);
    let (from, to) = if whole { (None, None) } else { (text(from), text(to)) };
    out.push(Change { kind, what: what.to_owned(), from, to });
}

fn inside(what: &str, of: &str) -> bool {
    what.strip_prefix(of).is_some_and(|rest| rest.starts_with('.'))
}

fn facts(table: &Table) -> Facts {
    let mut out = Facts::new();
    settings(&mut out, table);
    for region in &table.regions {
        let at = format!("regions.{}", region.name);
        out.insert(format!("{at}.display_name"), region.display_name.clone());
        out.insert(format!("{at}.state"), region.will.state.as_str().to_owned());
        out.insert(format!("{at}.dial"), region.will.dial.to_string());
        out.insert(at, String::new());
    }
    for certificate in &table.certificates {
        let at = format!("certificates.{}", certificate.name);
        out.insert(format!("{at}.domains"), list(certificate.domains.iter()));
        out.insert(format!("{at}.source"), format!("{:?}", certificate.source));
        out.insert(at, String::new());
    }
    for domain in &table.domains {
        let at = format!("domains.{}", domain.name);
        let certificate =
            domain.certificate.map_or(String::from("none"), |id| table.certificate(id).name.to_string());
        out.insert(format!("{at}.certificate"), certificate);
        out.insert(format!("{at}.tls_policy"), format!("{:?}", domain.tls));
        out.insert(format!("{at}.state"), format!("{:?}", domain.validation));
        out.insert(at, String::new());
    }
    for (at, group) in table.groups.iter().map(|g| (format!("origin_groups.{}", g.name), g)) {
        group_facts(&mut out, &at, group);
        for origin in group.origin_ids().map(|id| table.origin(id)) {
            origin_facts(&mut out, &format!("{at}.origins.{}", origin.name), origin, table);
        }
        out.insert(at, String::new());
    }
    for (at, route) in table.routes.iter().map(|r| (format!("routes.{}", r.name), r)) {
        route_facts(&mut out, &at, route, table);
        out.insert(at, String::new());
    }
    out
}

fn list<T: std::fmt::Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|i| i.to_string()).collect::<Vec<_>>().join(", ")
}

fn settings(out: &mut Facts, table: &Table) {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(&table.settings) else { return };
    for (name, value) in fields {
        match value {
            serde_json::Value::Object(inner) if name == "limits" => {
                out.extend(
                    inner.into_iter().map(|(limit, value)| (format!("limits.{limit}"), value.to_string())),
                );
            }
            value => drop(out.insert(format!("settings.{name}"), value.to_string())),
        }
    }
    let expects = table.expects.iter().map(|e| {
        format!("{} {}://{}{} {:?}{:?}", e.method, e.scheme.as_str(), e.host, e.target, e.down, e.want)
    });
    out.insert(
        String::from("expect"),
        format!("{} expectations {:x}", table.expects.len(), hash(&list(expects))),
    );
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn group_facts(out: &mut Facts, at: &str, group: &Group) {
    let lb = group.load_balancing;
    out.insert(format!("{at}.load_balancing.sample_size"), lb.sample_size.to_string());
    out.insert(
        format!("{at}.load_balancing.successful_samples_required"),
        lb.successful_samples_required.to_string(),
    );
    out.insert(format!("{at}.load_balancing.additional_latency_ms"), lb.additional_latency_ms.to_string());
    out.insert(format!("{at}.session_affinity"), group.session_affinity.to_string());
    out.insert(format!("{at}.traffic_restoration_min"), group.traffic_restoration_min.to_string());
    let probe = group.probe.as_ref().map_or(String::from("off"), |p| {
        let (method, protocol) = (p.method.as_str(), p.protocol.as_str());
        format!(
            "{method} {protocol} {} every {} s, timeout {} s",
            p.path,
            p.interval,
            p.timeout.as_secs_f32()
        )
    });
    out.insert(format!("{at}.health_probe"), probe);
}

fn origin_facts(out: &mut Facts, at: &str, origin: &Origin, table: &Table) {
    let region = origin.region.map_or(String::from("none"), |id| table.region(id).name.to_string());
    let mut fact = |name: &str, value: String| out.insert(format!("{at}.{name}"), value);
    fact("region", region);
    fact("host", origin.host.to_string());
    fact("http_port", origin.http_port.to_string());
    fact("https_port", origin.https_port.to_string());
    fact("host_header", origin.host_header.clone().unwrap_or_else(|| String::from("the client's")));
    fact("priority", origin.priority.to_string());
    fact("weight", origin.weight.to_string());
    fact("enabled", origin.enabled.to_string());
    fact("http_version", format!("{:?}", origin.http));
    fact("tls", format!("{:?}", origin.tls));
    // The cookie's value is as good as a key to a session: its hash is enough to see that it changed.
    fact("affinity", format!("{:x}", hash(&origin.affinity_value)));
    out.insert(at.to_owned(), String::new());
}

fn route_facts(out: &mut Facts, at: &str, route: &Route, table: &Table) {
    let mut fact = |name: &str, value: String| out.insert(format!("{at}.{name}"), value);
    let protocols = [("http", route.http), ("https", route.https)];
    fact("enabled", route.enabled.to_string());
    fact("endpoint", route.endpoint.as_ref().map_or(String::from("none"), ToString::to_string));
    fact("domains", list(route.domains.iter().map(|id| &table.domain(*id).name)));
    fact("patterns", list(route.patterns.iter()));
    fact("protocols", list(protocols.into_iter().filter(|p| p.1).map(|p| p.0)));
    fact("https_redirect", route.https_redirect.to_string());
    fact("origin_group", table.group(route.group).name.to_string());
    fact("origin_path", route.origin_path.clone().unwrap_or_else(|| String::from("none")));
    fact("forwarding_protocol", format!("{:?}", route.forwarding));
    fact("response_timeout_s", route.response_timeout.map_or(String::from("the table's"), |t| t.to_string()));
}
