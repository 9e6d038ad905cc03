//! Routes (FD-A.7) and the rules between them.

use std::collections::BTreeMap;

use super::dangling;
use super::groups::Groups;
use super::places::{Domains, Endpoint, limited};
use super::reader::{Located, Note, Section};
use crate::model::bounds::OriginTimeoutS;
use crate::model::domain::{Certificate, DomainId, DomainName};
use crate::model::group::GroupId;
use crate::model::limits::Limits;
use crate::model::name::{EndpointName, RouteName};
use crate::model::route::{Forwarding, Pattern, Route, Scheme};

/// What routes refer to.
#[derive(Debug)]
pub struct Context<'c> {
    pub limits: &'c Limits,
    pub endpoints: &'c [Endpoint],
    pub certificates: &'c [Certificate],
    pub groups: &'c mut Groups,
    pub domains: &'c mut Domains,
}

/// Routes, and where each stands in the file.
#[derive(Debug, Default)]
pub struct Routes {
    pub routes: Vec<Route>,
    pub spans: Vec<std::ops::Range<usize>>,
}

pub fn read(root: &Section<'_, '_>, context: &mut Context<'_>) -> Routes {
    let found = root.named("routes");
    limited(&found, context.limits.routes, "routes", "routes", root);
    let mut out = Routes::default();
    let mut seen = Seen::default();
    for (name, section) in found {
        let route = route(&section, &name, context, &mut seen);
        section.finish();
        if let Some(route) = route {
            if route.enabled {
                context.groups.groups[route.group.0 as usize].attached = true;
            }
            out.routes.push(route);
            out.spans.push(name.span);
        }
    }
    check_composite(root, &out.routes, context.limits);
    out
}

/// Uses of (protocol, domain, pattern), and the endpoint of every domain.
#[derive(Debug, Default)]
struct Seen {
    patterns: BTreeMap<(Scheme, DomainId, String), String>,
    endpoints: BTreeMap<DomainId, Option<EndpointName>>,
}

fn route(
    section: &Section<'_, '_>,
    name: &Located<&str>,
    context: &mut Context<'_>,
    seen: &mut Seen,
) -> Option<Route> {
    let parsed = section.parse_at(name, Note::name(), RouteName::parse);
    let endpoint = endpoint(section, context);
    let (http, https) = protocols(section);
    let https_redirect = section.flag("https_redirect").unwrap_or(false);
    if https_redirect && !(http && https) {
        let note = Note::new("redirect-protocols", "https_redirect needs both protocols").rule("FD-A26");
        section.error(
            "https_redirect",
            note.help("set `protocols = [\"http\", \"https\"]`, or drop the redirect"),
        );
    }
    let domains = domains(section, name, endpoint, context, seen);
    let patterns = patterns(section, context.limits);
    let group = group(section, name, context);
    let origin_path = section.text("origin_path").filter(|t| !t.value.is_empty());
    if let Some(path) = &origin_path
        && path.value.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'?' || b == b'#')
    {
        let note = Note::new("origin-path", format!("{:?} is no path", path.value)).rule("FD-B29");
        section.error("origin_path", note.help("write a path without blanks, query or fragment"));
    }
    let words = [
        ("http_only", Forwarding::HttpOnly),
        ("https_only", Forwarding::HttpsOnly),
        ("match_request", Forwarding::MatchRequest),
    ];
    let forwarding = section.choice("forwarding_protocol", &words).unwrap_or_default();
    let enabled = section.flag("enabled").unwrap_or(true) && endpoint.is_none_or(|e| e.enabled);
    let note = Note::new("timeout-range", "").rule("FD-A7").help("choose 16 to 240 seconds");
    let response_timeout = section.bounded::<OriginTimeoutS>("response_timeout_s", note);
    let schemes = [(Scheme::Http, http), (Scheme::Https, https)];
    for scheme in schemes.into_iter().filter(|(_, on)| *on).map(|(scheme, _)| scheme) {
        claim(section, name, scheme, &domains, &patterns, seen);
    }
    Some(Route {
        name: parsed?.value,
        enabled,
        endpoint: endpoint.map(|e| e.default_domain.clone()),
        domains,
        patterns: patterns.into_iter().map(|p| p.value).collect(),
        http,
        https,
        https_redirect,
        group: group?,
        origin_path: origin_path.map(|t| t.value.to_owned()),
        forwarding,
        response_timeout,
    })
}

fn endpoint<'c>(section: &Section<'_, '_>, context: &Context<'c>) -> Option<&'c Endpoint> {
    let text = section.text("endpoint")?;
    let found = context.endpoints.iter().find(|e| e.name.as_str() == text.value);
    if found.is_none() {
        dangling(section, "endpoint", &text, context.endpoints.iter().map(|e| e.name.as_str()));
    }
    found
}

fn protocols(section: &Section<'_, '_>) -> (bool, bool) {
    let Some(list) = section.list("protocols") else { return (true, true) };
    let words = [("http", Scheme::Http), ("https", Scheme::Https)];
    let found: Vec<Scheme> =
        list.iter().filter_map(|text| section.word_at("protocols", text, &words)).collect();
    if list.is_empty() {
        section.error(
            "protocols",
            Note::new("no-protocol", "a route without a protocol matches nothing")
                .help("remove the key for both"),
        );
    }
    (found.contains(&Scheme::Http), found.contains(&Scheme::Https))
}

/// FD-A25: at least one domain; FD-A12: a domain belongs to one endpoint.
fn domains(
    section: &Section<'_, '_>,
    name: &Located<&str>,
    endpoint: Option<&Endpoint>,
    context: &mut Context<'_>,
    seen: &mut Seen,
) -> Vec<DomainId> {
    let listed = section.list("domains");
    let mistaken = listed.is_none() && section.has("domains");
    let texts = listed.unwrap_or_default();
    let mut names: Vec<Located<DomainName>> = texts
        .iter()
        .filter_map(|text| section.parse_at(text, Note::domain_name(), DomainName::parse))
        .collect();
    if section.flag("link_to_default_domain").unwrap_or(false) {
        let span = section.span_of("link_to_default_domain");
        match endpoint {
            Some(endpoint) => names.push(Located { value: endpoint.default_domain.clone(), span }),
            None => section.error(
                "link_to_default_domain",
                Note::new("no-endpoint", "a default domain belongs to an endpoint")
                    .help("set `endpoint`")
                    .rule("FD-A9"),
            ),
        }
    }
    if names.is_empty() && texts.is_empty() && !mistaken {
        let note = Note::new("no-domain", format!("route {} serves no domain", name.value)).rule("FD-A25");
        section
            .reader
            .error(&name.span, note.help("list host names in `domains`, or set `link_to_default_domain`"));
    }
    let mut out = Vec::new();
    for domain in names {
        let id = context.domains.id(&domain.value, context.certificates);
        let here = endpoint.map(|e| e.name.clone());
        let other = seen.endpoints.entry(id).or_insert_with(|| here.clone());
        if *other != here {
            let note =
                Note::new("domain-endpoint", format!("domain {} is used in two endpoints", domain.value));
            section
                .reader
                .error(&domain.span, note.rule("FD-A12").help("keep all routes of a domain in one endpoint"));
        }
        if out.contains(&id) {
            let note = Note::new("duplicate-domain", format!("domain {} is listed twice", domain.value));
            section.reader.error(&domain.span, note.help("remove one"));
        } else {
            out.push(id);
        }
    }
    let most = context.limits.domains;
    if context.domains.list.len() > most && context.domains.list.len() - out.len() <= most {
        let message = format!("more domains than `limits.domains` = {most}");
        let note =
            Note::new("over-limit", message).help("raise `limits.domains`, or remove some").rule("FD-K1");
        section.reader.error(&section.span, note);
    }
    out
}

fn patterns(section: &Section<'_, '_>, limits: &Limits) -> Vec<Located<Pattern>> {
    let Some(texts) = section.list("patterns") else {
        return vec![Located { value: Pattern::Prefix(String::from("/")), span: section.span.clone() }];
    };
    if texts.len() > limits.patterns_per_route {
        let most = limits.patterns_per_route;
        let message = format!("{} patterns are more than `limits.patterns_per_route` = {most}", texts.len());
        section.error(
            "patterns",
            Note::new("over-limit", message).help("raise the limit, or split the route").rule("FD-K1"),
        );
    }
    if texts.is_empty() {
        let note = Note::new("no-pattern", "a route without a pattern matches nothing");
        section.error("patterns", note.help("remove the key for \"/*\""));
    }
    let note = || Note::new("pattern", "").rule("FD-B11").help("write /path, /path/, or /path/*");
    texts.iter().filter_map(|text| section.parse_at(text, note(), Pattern::parse)).collect()
}

fn group(section: &Section<'_, '_>, name: &Located<&str>, context: &Context<'_>) -> Option<GroupId> {
    let Some(text) = section.text("origin_group") else {
        if !section.has("origin_group") {
            let note = Note::new("missing-key", format!("route {} has no `origin_group`", name.value));
            section.reader.error(&name.span, note.help("name the group that its requests go to"));
        }
        return None;
    };
    let at = context.groups.groups.iter().position(|g| g.name.as_str() == text.value);
    if at.is_none() {
        dangling(section, "origin_group", &text, context.groups.groups.iter().map(|g| g.name.as_str()));
    }
    Some(GroupId(u32::try_from(at?).ok()?))
}

/// FD-A27, FD-B13: one route per protocol, host and pattern, compared without case.
fn claim(
    section: &Section<'_, '_>,
    name: &Located<&str>,
    scheme: Scheme,
    domains: &[DomainId],
    patterns: &[Located<Pattern>],
    seen: &mut Seen,
) {
    for domain in domains {
        for pattern in patterns {
            let key = (scheme, *domain, pattern.value.to_string());
            let Some(other) = seen.patterns.insert(key, name.value.to_owned()) else { continue };
            let message = if other == name.value {
                format!("pattern {} is listed twice", pattern.value)
            } else {
                format!("route {other} has pattern {} for the same domain and protocol", pattern.value)
            };
            let note = Note::new("duplicate-pattern", message).rule("FD-A27");
            section
                .reader
                .error(&pattern.span, note.help("give one of them another pattern, domain or protocol"));
        }
    }
}

/// FD-B19.
fn check_composite(root: &Section<'_, '_>, routes: &[Route], limits: &Limits) {
    let composite = composite(routes);
    if composite > limits.composite_routes {
        let most = limits.composite_routes;
        let message =
            format!("{composite} composite routes are more than `limits.composite_routes` = {most}");
        let help = "raise the limit, or use fewer domains, patterns or protocols per route";
        root.error("routes", Note::new("over-limit", message).help(help).rule("FD-B19"));
    }
}

/// Sum over all routes of protocols × domains × patterns (FD-B19).
pub fn composite(routes: &[Route]) -> usize {
    let of = |r: &Route| (usize::from(r.http) + usize::from(r.https)) * r.domains.len() * r.patterns.len();
    routes.iter().map(of).sum()
}
