//! `[[expect]]`: what a file states about itself. Running them is `decide::explain`'s.

use super::reader::{Located, Note, Section};
use crate::decide::explain::parse_down;
use crate::model::expect::{Down, Expect, Want};
use crate::model::group::OriginId;
use crate::model::region::RegionId;
use crate::model::route::{RouteId, Scheme};
use crate::model::table::Table;

pub fn read(root: &Section<'_, '_>, table: &Table) -> Vec<Expect> {
    root.repeated("expect").into_iter().filter_map(|section| one(section, table)).collect()
}

fn one(section: Section<'_, '_>, table: &Table) -> Option<Expect> {
    let request = request(&section);
    let address = |text: &str| text.parse::<std::net::IpAddr>().map_err(|_| "not an IP address");
    let note = Note::new("address", "").help("write an address such as \"192.0.2.1\"");
    let client = section.parsed("client", note, address);
    let listed = section.list("down").unwrap_or_default();
    let down = listed.iter().flat_map(|text| taken_down(&section, text, table)).collect();
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

fn taken_down(section: &Section<'_, '_>, text: &Located<&str>, table: &Table) -> Vec<Down> {
    let error = match parse_down(table, text.value) {
        Ok(down) => return down,
        Err(error) => error.to_string(),
    };
    let (kind, name) = text.value.split_once(':').unwrap_or(("", text.value));
    let name = name.rsplit('/').next().unwrap_or(name);
    let keys = [("region", "regions"), ("origin", "origins")];
    let key = keys.into_iter().find(|(word, _)| *word == kind).map(|(_, key)| key);
    let message = match key {
        // Its own mistake is told already.
        Some(key) if section.reader.is_written(key, name) => return Vec::new(),
        Some(_) => error,
        None => format!("{:?} says neither `region:` nor `origin:`", text.value),
    };
    let help = "write region:NAME, origin:NAME or origin:GROUP/NAME";
    section.reader.error(&text.span, Note::new("dangling-reference", message).help(help));
    Vec::new()
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
