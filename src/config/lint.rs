//! Warnings: a table that is right and may not be what was meant.

use super::groups::Groups;
use super::reader::{Note, Section};
use super::routes::Routes;
use crate::health::bounds::detection;
use crate::model::domain::{DomainId, DomainName};
use crate::model::group::{Group, NameCheck, Origin};
use crate::model::route::Scheme;
use crate::model::table::Table;

/// Detection above this is warned about (FD-M2). Seconds.
const SLOW_S: f64 = 60.0;

pub fn warn(root: &Section<'_, '_>, table: &Table, groups: &Groups, routes: &Routes) {
    for (at, group) in table.groups.iter().enumerate() {
        let span = &groups.spans[at];
        let origins = &table.origins[group.origins.0 as usize..group.origins.1 as usize];
        let notes = [unused(group), slow(group), weightless(group, origins), no_origin(group, origins)];
        notes.into_iter().flatten().for_each(|note| root.reader.warn(span, note));
    }
    for (at, route) in table.routes.iter().enumerate() {
        let span = &routes.spans[at];
        let group = table.group(route.group);
        let schemes: Vec<Scheme> = Scheme::BOTH
            .into_iter()
            .filter(|s| route.accepts(*s))
            .map(|s| route.forwarding.scheme(s))
            .collect();
        if let Some(note) = probe_protocol(group, &schemes, route.name.as_str()) {
            root.reader.warn(span, note);
        }
        if schemes.contains(&Scheme::Https) {
            let origins = &table.origins[group.origins.0 as usize..group.origins.1 as usize];
            origins.iter().filter_map(|o| ip_name(o, table)).for_each(|note| root.reader.warn(span, note));
        }
        if route.https {
            let bare = |id: &&DomainId| table.domain(**id).certificate.is_none();
            for id in route.domains.iter().filter(bare) {
                let name = &table.domain(*id).name;
                let note = Note::new(
                    "no-certificate",
                    format!("no certificate covers {name}: its clients get the default one"),
                );
                root.reader.warn(
                    span,
                    note.help(format!("add {:?} to the `domains` of a certificate", name.to_string()))
                        .rule("FD-H15"),
                );
            }
        }
    }
    certificates(root, table);
}

fn unused(group: &Group) -> Option<Note> {
    let message = format!("no enabled route uses origin group {}; it is probed all the same", group.name);
    let note = Note::new("unused-group", message).rule("FD-M7");
    (!group.attached).then(|| note.help("remove it, or set `[probe] unattached_groups = \"skip\"`"))
}

fn slow(group: &Group) -> Option<Note> {
    let probe = group.probe.as_ref()?;
    let bound = detection(group.load_balancing, probe.interval.get(), 0.0)?;
    let message = format!("a dead origin of {} is noticed after up to {:.0} s", group.name, bound.max_s);
    let note = Note::new("slow-failover", message).rule("FD-M2");
    (bound.max_s > SLOW_S).then(|| note.help("lower `interval_s`, or the number of failures it takes"))
}

/// FD-D12: with sensitivity 0 weights act only among origins of equal latency.
fn weightless(group: &Group, origins: &[Origin]) -> Option<Note> {
    let probed = group.probe.is_some() && group.load_balancing.additional_latency_ms.get() == 0;
    let differ =
        origins.iter().any(|a| origins.iter().any(|b| a.priority == b.priority && a.weight != b.weight));
    let message = format!("weights of {} act only between origins of equal latency", group.name);
    let note = Note::new("weights-without-effect", message).rule("FD-D12");
    (probed && differ).then(|| note.help("raise `additional_latency_ms`, 1000 for pure weights"))
}

fn no_origin(group: &Group, origins: &[Origin]) -> Option<Note> {
    let note =
        Note::new("no-origin", format!("origin group {} has no enabled origin", group.name)).rule("FD-A24");
    (!origins.iter().any(|o| o.enabled))
        .then(|| note.help("its requests are answered 503; add or enable an origin"))
}

fn probe_protocol(group: &Group, schemes: &[Scheme], route: &str) -> Option<Note> {
    let probe = group.probe.as_ref()?;
    let other = schemes.iter().find(|s| **s != probe.protocol)?;
    let message = format!(
        "route {route} forwards by {}, and {} is probed by {}: a dead {} port stays healthy",
        other.as_str(),
        group.name,
        probe.protocol.as_str(),
        other.as_str()
    );
    let help = "probe the protocol that traffic uses, or set `forwarding_protocol`";
    Some(Note::new("probe-protocol", message).rule("FD-M6").help(help))
}

/// FD-H21: a certificate rarely names an address, and there is no SNI.
fn ip_name(origin: &Origin, table: &Table) -> Option<Note> {
    let checked = origin.tls.name_check == NameCheck::OriginHost && !table.settings.insecure_origins;
    let message =
        format!("origin {} is an address: its certificate has to name {}", origin.name, origin.host);
    let note = Note::new("address-name-check", message).rule("FD-H21");
    let help = "use a DNS name, `certificate_subjects`, or `certificate_name_check = false`";
    (checked && origin.host.ip().is_some()).then(|| note.help(help))
}

fn certificates(root: &Section<'_, '_>, table: &Table) {
    for certificate in &table.certificates {
        let used = |name: &DomainName| match name {
            DomainName::Exact(host) => table.domain_of(host.as_str()).is_some(),
            DomainName::Wildcard(_) => table.domains.iter().any(|d| match &d.name {
                DomainName::Exact(host) => name.covers(host.as_str()),
                wildcard @ DomainName::Wildcard(_) => wildcard == name,
            }),
        };
        let client = table.origins.iter().any(|o| {
            o.tls.client_certificate.is_some_and(|id| table.certificate(id).name == certificate.name)
        });
        if !client && !certificate.domains.is_empty() && !certificate.domains.iter().any(used) {
            let note = Note::new(
                "unused-certificate",
                format!("certificate {} covers no domain of a route", certificate.name),
            );
            let named = root.named("certificates");
            let here = named.iter().find(|(name, _)| name.value == certificate.name.as_str());
            let span = here.map_or_else(|| root.span_of("certificates"), |(name, _)| name.span.clone());
            root.reader.warn(&span, note.help("remove it, or correct its `domains`"));
        }
    }
}
