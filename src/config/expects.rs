//! `[[expect]]`: what a file states about itself. Running them is `decide::explain`'s.

use super::reader::{Located, Note, Section};
use crate::decide::explain::parse_down;
use crate::model::expect::{Expect, Want};
use crate::model::group::OriginId;
use crate::model::region::RegionId;
use crate::model::route::{RouteId, Scheme};
use crate::model::table::Table;

pub fn read(root: &Section<'_, '_>, table: &Table) -> Vec<Expect> {
    root.repeated("expect").into_iter().filter_map(|section| one(section, table)).collect()
}

fn one(section: Section<'_, '_>, table: &Table) -> Option<Expect> {
    let request = request(&section);
    let client = section.parsed("client", Note::new("address", ""), str::parse::<std::net::IpAddr>);
    let mut down = Vec::new();
    for text in section.list("down").unwrap_or_default() {
        let note = Note::new("dangling-reference", "").help("write region:NAME or origin:NAME");
        down.extend(
            section.parse_at(&text, note, |t| parse_down(table, t)).into_iter().flat_map(|l| l.value),
        );
    }
    let want = wants(&section, table);
    let line = section.reader.place(section.span.start).0;
    if want.is_empty() && !["origin", "region", "route", "status"].into_iter().any(|key| section.has(key)) {
        let note = Note::new("empty-expectation", "an expectation that expects nothing");
        section.reader.error(&section.span, note.help("add `origin`, `region`, `route` or `status`"));
    }
    section.finish();
    let (method, scheme, host, target) = request?;
    Some(Expect { line, method, scheme, host, target, client: client.map(|c| c.value), down, want })
}

fn request(section: &Section<'_, '_>) -> Option<(String, Scheme, String, String)> {
    let Some(text) = section.text("request") else {
        if !section.has("request") {
            let note = Note::new("missing-key", "an expectation without a `request`");
            section.reader.error(&section.span, note.help("write request = \"GET https://host/path\""));
        }
        return None;
    };
    let parsed = parse(text.value);
    if parsed.is_none() {
        let note = Note::new("request", format!("{:?} is no request", text.value));
        section.reader.error(&text.span, note.help("write a method, a blank, and an http or https URL"));
    }
    parsed
}

fn parse(text: &str) -> Option<(String, Scheme, String, String)> {
    let (method, url) = text.split_once(' ')?;
    http::Method::from_bytes(method.as_bytes()).ok()?;
    let uri: http::Uri = url.trim().parse().ok()?;
    let scheme = match uri.scheme_str()? {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return None,
    };
    let target = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    Some((method.to_owned(), scheme, uri.host()?.to_ascii_lowercase(), target))
}

fn wants(section: &Section<'_, '_>, table: &Table) -> Vec<Want> {
    let mut out = Vec::new();
    if let Some(text) = section.text("origin") {
        let name = |id: &OriginId| table.origin(*id).name.as_str();
        let ids: Vec<OriginId> = table.origin_ids().filter(|id| name(id) == text.value).collect();
        let known = table.origins.iter().map(|o| o.name.as_str());
        found(section, "origin", &text, (!ids.is_empty()).then_some(Want::Origin(ids)), known, &mut out);
    }
    if let Some(text) = section.text("region") {
        let id: Option<RegionId> = table.region_named(text.value);
        let known = table.regions.iter().map(|r| r.name.as_str());
        found(section, "region", &text, id.map(Want::Region), known, &mut out);
    }
    if let Some(text) = section.text("route") {
        let at = table.routes.iter().position(|r| r.name.as_str() == text.value);
        let id = at.and_then(|at| u32::try_from(at).ok()).map(RouteId);
        found(
            section,
            "route",
            &text,
            id.map(Want::Route),
            table.routes.iter().map(|r| r.name.as_str()),
            &mut out,
        );
    }
    if let Some(status) = section.within("status", 100, 599, Note::new("status-range", "")) {
        out.push(Want::Status(u16::try_from(status).unwrap_or(0)));
    }
    out
}

fn found<'k>(
    section: &Section<'_, '_>,
    key: &'static str,
    text: &Located<&str>,
    want: Option<Want>,
    known: impl Iterator<Item = &'k str>,
    out: &mut Vec<Want>,
) {
    match want {
        Some(want) => out.push(want),
        None => super::dangling(section, key, text, known),
    }
}
