//! A question in words, and its answer with every step: `tidegate explain`, `POST /v1/explain`, `[[expect]]`.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::facts::RequestFacts;
use super::origin_path::forwarded;
use super::path::normalise;
use super::pick::{Tried, pick_origin};
use super::ports::Dice;
use super::request::{Decision, Matched, NoRoute, for_request};
use super::shares::shares;
use super::trail::Trail;
use crate::model::expect::{Down, Expect, Want};
use crate::model::group::{GroupId, OriginId};
use crate::model::health_view::OriginHealth;
use crate::model::route::Scheme;
use crate::model::router::Found;
use crate::model::snapshot::Snapshot;
use crate::model::table::Table;

/// A hypothetical request.
#[derive(Debug, Clone)]
pub struct Question {
    pub method: String,
    /// `http://host[:port]/path?query` or `https://…`.
    pub url: String,
    pub client: Option<IpAddr>,
    pub down: Vec<Down>,
    /// Value of an affinity cookie.
    pub affinity: Option<String>,
    /// Turn of the group's weighted round robin to ask for; 0 where it does not matter.
    pub turn: u64,
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    #[error("{url:?} is no http or https URL: {why}")]
    Url { url: String, why: String },
    /// `known` names what there is.
    #[error("nothing is called {name:?} here; known: {known}")]
    Unknown { name: String, known: String },
}

/// The answer, by names, ready for JSON.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Answer {
    pub generation: u64,
    /// `forward`, `redirect`, `no_route` or `no_origin`.
    pub decision: String,
    /// Status where the edge answers itself.
    pub status: Option<u16>,
    pub route: Option<String>,
    pub origin_group: Option<String>,
    pub origin: Option<String>,
    pub region: Option<String>,
    pub origin_url: Option<String>,
    /// [`super::reason::Reason`] in its short form.
    pub why: Option<String>,
    /// One line per step, in walking order.
    pub steps: Vec<String>,
    /// Every origin that this request may go to with its share in percent, over all turns.
    pub shares: Vec<(String, f64)>,
}

/// Parses `region:x` or `origin:y` (or `origin:group/y`) against the snapshot's table.
///
/// # Errors
/// [`QuestionError::Unknown`] names what there is.
pub fn parse_down(table: &Table, text: &str) -> Result<Vec<Down>, QuestionError> {
    let unknown =
        |known: Vec<String>| QuestionError::Unknown { name: text.to_owned(), known: known.join(", ") };
    if let Some(name) = text.strip_prefix("region:") {
        let known = || table.regions.iter().map(|r| format!("region:{}", r.name)).collect();
        return table.region_named(name).map(|id| vec![Down::Region(id)]).ok_or_else(|| unknown(known()));
    }
    let full =
        |id: OriginId| format!("{}/{}", table.group(table.origin(id).group).name, table.origin(id).name);
    let Some(name) = text.strip_prefix("origin:") else {
        return Err(unknown(vec![
            String::from("region:NAME"),
            String::from("origin:NAME"),
            String::from("origin:GROUP/NAME"),
        ]));
    };
    let found: Vec<Down> = table
        .origin_ids()
        .filter(|id| table.origin(*id).name.as_str() == name || full(*id) == name)
        .map(Down::Origin)
        .collect();
    if found.is_empty() {
        return Err(unknown(table.origin_ids().map(|id| format!("origin:{}", full(id))).collect()));
    }
    Ok(found)
}

/// The snapshot with everything of `down` taken as unhealthy.
pub fn with_down(snapshot: &Snapshot, down: &[Down]) -> Snapshot {
    let mut health = (*snapshot.health).clone();
    health.origins.resize(snapshot.table.origins.len(), OriginHealth::default());
    for id in snapshot.table.origin_ids() {
        let region = snapshot.table.origin(id).region;
        let hit = down.iter().any(|d| match d {
            Down::Region(r) => region == Some(*r),
            Down::Origin(o) => *o == id,
        });
        health.origins[id.0 as usize].up &= !hit;
    }
    Snapshot { health: Arc::new(health), ..snapshot.clone() }
}

/// Dice that fall as the question says: its turn, and every dial's roll as `roll`.
struct Fixed {
    turn: u64,
    roll: u32,
}

impl Dice for Fixed {
    fn turn(&mut self, _: GroupId) -> u64 {
        self.turn
    }
    fn roll(&mut self, _: u32) -> u32 {
        self.roll
    }
}

/// The URL in parts: scheme, host without port, path, query.
fn split(url: &str) -> Result<(Scheme, String, String, Option<String>), QuestionError> {
    let wrong = |why: &str| QuestionError::Url { url: url.to_owned(), why: why.to_owned() };
    let uri: http::Uri = url.parse().map_err(|e: http::uri::InvalidUri| wrong(&e.to_string()))?;
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(wrong("it starts with neither http:// nor https://")),
    };
    let host = uri.host().ok_or_else(|| wrong("it has no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    let path = normalise(uri.path()).map_err(|e| wrong(&e.to_string()))?.into_owned();
    Ok((scheme, host, path, uri.query().map(str::to_owned)))
}

/// # Errors
/// [`QuestionError`] where the question is none.
pub fn explain(snapshot: &Snapshot, question: &Question) -> Result<Answer, QuestionError> {
    let (scheme, host, path, query) = split(&question.url)?;
    let snapshot = &with_down(snapshot, &question.down);
    let client = question.client.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
    let affinity = [question.affinity.as_deref(), None];
    let facts = RequestFacts { scheme, host: &host, path: &path, query: query.as_deref(), client, affinity };
    let table = &snapshot.table;
    let mut answer = Answer::empty(snapshot.generation.0);
    answer.steps.push(format!(
        "{} {}://{host}{path}, generation {}",
        question.method,
        scheme.as_str(),
        snapshot.generation
    ));
    match for_request(table, &facts) {
        Decision::NoRoute(why) => {
            answer.decision = String::from("no_route");
            answer.status = Some(table.settings.status_without_route());
            answer.steps.push(no_route(why, table));
        }
        Decision::Redirect(matched) => {
            answer.decision = String::from("redirect");
            answer.status = Some(table.settings.https_redirect_status);
            answer.matched(matched, table);
            answer.steps.push(String::from(
                "https_redirect is on: to the same host, path and query on https (FD-B20)",
            ));
        }
        Decision::Forward { matched, group, scheme } => {
            answer.matched(matched, table);
            answer.origin_group = Some(table.group(group).name.to_string());
            let forward = Forward { matched, group, scheme, turn: question.turn };
            forward.answer(snapshot, &facts, &mut answer);
        }
    }
    Ok(answer)
}

fn no_route(why: NoRoute, table: &Table) -> String {
    match why {
        NoRoute::UnknownHost => String::from("no route: the host is not configured (FD-B14 a)"),
        NoRoute::NoRouteForHost(d) => {
            format!("no route: {} has no enabled route (FD-B14 b)", table.domain(d).name)
        }
        NoRoute::Protocol(d) => {
            format!("no route: routes of {} accept the other protocol only (FD-B14 c)", table.domain(d).name)
        }
        NoRoute::Path(d) => {
            format!("no route: no pattern of {} matches the path (FD-B14 d)", table.domain(d).name)
        }
    }
}

impl Answer {
    fn empty(generation: u64) -> Self {
        Self {
            generation,
            decision: String::new(),
            status: None,
            route: None,
            origin_group: None,
            origin: None,
            region: None,
            origin_url: None,
            why: None,
            steps: Vec::new(),
            shares: Vec::new(),
        }
    }

    fn matched(&mut self, matched: Matched, table: &Table) {
        let route = table.route(matched.route);
        let how = match matched.found {
            Found::Exact => String::from("an exact pattern"),
            Found::Prefix(length) => format!("the longest prefix, {length} characters"),
        };
        self.steps.push(format!(
            "route {} by domain {} and {how} (FD-B2)",
            route.name,
            table.domain(matched.domain).name
        ));
        self.route = Some(route.name.to_string());
    }
}

struct Forward {
    matched: Matched,
    group: GroupId,
    scheme: Scheme,
    turn: u64,
}

impl Forward {
    fn answer(&self, snapshot: &Snapshot, facts: &RequestFacts<'_>, answer: &mut Answer) {
        let table = &snapshot.table;
        let affinity = if table.group(self.group).session_affinity { facts.affinity } else { [None, None] };
        let mut trail = Trail::default();
        let mut dice = Fixed { turn: self.turn, roll: 0 };
        let pick = pick_origin(snapshot, self.group, affinity, &Tried::default(), &mut dice, &mut trail);
        answer.steps.extend(trail.lines(table));
        let shares = shares(snapshot, self.group, affinity);
        answer.shares =
            shares.into_iter().map(|(id, share)| (table.origin(id).name.to_string(), share)).collect();
        let Some(pick) = pick else {
            answer.decision = String::from("no_origin");
            answer.status = Some(503);
            answer.steps.push(String::from("no origin is left (FD-L9)"));
            return;
        };
        let origin = table.origin(pick.origin);
        let route = table.route(self.matched.route);
        let path = forwarded(route.origin_path.as_deref(), self.matched.found, facts.path);
        let query = facts.query.map_or(String::new(), |q| format!("?{q}"));
        answer.decision = String::from("forward");
        answer.origin = Some(origin.name.to_string());
        answer.region = origin.region.map(|id| table.region(id).name.to_string());
        answer.why = Some(pick.reason.as_str().to_owned());
        let port = origin.port(self.scheme);
        answer.origin_url = Some(format!("{}://{}:{port}{path}{query}", self.scheme.as_str(), origin.host));
    }
}

/// What is wrong with one expectation under full health and the file's own regions, or None.
pub fn check_expectation(snapshot: &Snapshot, expect: &Expect) -> Option<String> {
    let question = Question {
        method: expect.method.clone(),
        url: format!("{}://{}{}", expect.scheme.as_str(), expect.host, expect.target),
        client: expect.client,
        down: expect.down.clone(),
        affinity: None,
        turn: 0,
    };
    let answer = match explain(snapshot, &question) {
        Ok(answer) => answer,
        Err(error) => return Some(error.to_string()),
    };
    let table = &snapshot.table;
    let got = || describe(&answer);
    let group = answer.origin_group.as_deref().and_then(|name| table.group_named(name));
    let may: Vec<OriginId> =
        answer.shares.iter().filter_map(|(name, _)| table.origin_named(group?, name)).collect();
    expect.want.iter().find_map(|want| {
        let holds = match want {
            Want::Origin(ids) => !may.is_empty() && may.iter().all(|id| ids.contains(id)),
            Want::Region(region) => {
                !may.is_empty() && may.iter().all(|id| table.origin(*id).region == Some(*region))
            }
            Want::Route(id) => answer.route.as_deref() == Some(table.route(*id).name.as_str()),
            Want::Status(status) => answer.status == Some(*status),
        };
        (!holds).then(|| format!("expected {}, got {}", wanted(want, table), got()))
    })
}

fn wanted(want: &Want, table: &Table) -> String {
    match want {
        Want::Origin(ids) => {
            format!("origin {}", ids.first().map_or("?", |id| table.origin(*id).name.as_str()))
        }
        Want::Region(id) => format!("region {}", table.region(*id).name),
        Want::Route(id) => format!("route {}", table.route(*id).name),
        Want::Status(status) => format!("status {status}"),
    }
}

fn describe(answer: &Answer) -> String {
    let route = answer.route.as_deref().map_or(String::new(), |r| format!(" by route {r}"));
    match (answer.status, answer.shares.as_slice()) {
        (Some(status), _) => format!("status {status} ({}){route}", answer.decision),
        (None, shares) => {
            let list: Vec<String> =
                shares.iter().map(|(name, share)| format!("{name} {share:.0} %")).collect();
            format!("{}{route}", list.join(", "))
        }
    }
}
