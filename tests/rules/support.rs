//! Tables from a few lines, snapshots with a health that rows state, and dice that fall as told.

use std::sync::Arc;

use tidegate::config::diagnostic::Diagnostics;
use tidegate::config::{self, Checked};
use tidegate::decide::facts::RequestFacts;
use tidegate::decide::pick::{Pick, Tried, pick_origin};
use tidegate::decide::ports::{Dice, Silent};
use tidegate::decide::request::{Decision, for_request};
use tidegate::model::group::{GroupId, OriginId};
use tidegate::model::health_view::HealthView;
use tidegate::model::orders::Orders;
use tidegate::model::route::Scheme;
use tidegate::model::snapshot::{Generation, Snapshot};
use tidegate::model::table::Table;

/// A file that has to pass.
pub fn checked(text: &str) -> Checked {
    config::read("t.toml", text).unwrap_or_else(|d| panic!("{}", config::render::lines(&d)))
}

pub fn table(text: &str) -> Table {
    checked(text).table
}

/// A file that has to be refused.
pub fn refused(text: &str) -> Diagnostics {
    match config::read("t.toml", text) {
        Ok(_) => panic!("this was accepted:\n{text}"),
        Err(diagnostics) => diagnostics,
    }
}

/// The codes of a refusal, in the order of the file.
pub fn codes(text: &str) -> Vec<&'static str> {
    refused(text).0.iter().map(|d| d.code).collect()
}

/// A refusal's only mistake: its code and rule.
pub fn only(text: &str) -> (&'static str, Option<&'static str>) {
    let diagnostics = refused(text);
    assert_eq!(diagnostics.0.len(), 1, "{}", config::render::lines(&diagnostics));
    (diagnostics.0[0].code, diagnostics.0[0].rule)
}

/// One group `g` with these origins (TOML keys of each), and a route of `a.test` to it.
pub fn group(settings: &str, origins: &[(&str, &str)]) -> String {
    let mut text = format!(
        "{settings}\n[origin_groups.g]\nhealth_probe = {{ path = \"/health\" }}\nload_balancing = {{ additional_latency_ms = 1000 }}\n"
    );
    for (at, (name, keys)) in origins.iter().enumerate() {
        text.push_str(&format!("[origin_groups.g.origins.{name}]\nhost = \"127.9.0.{}\"\n{keys}\n", at + 1));
    }
    text + "[routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n"
}

pub fn snapshot(table: Table) -> Snapshot {
    let health = Arc::new(HealthView::all_up(table.origins.len()));
    Snapshot::new(Generation(1), Arc::new(table), health, &Orders::default())
}

/// `a up`, `b down`, `a 12` (latency in ms), separated by commas.
pub fn with_health(mut snapshot: Snapshot, facts: &str) -> Snapshot {
    let mut health = (*snapshot.health).clone();
    for fact in facts.split(',').map(str::trim).filter(|f| !f.is_empty()) {
        let (name, state) = fact.split_once(' ').expect("name and state");
        let at = snapshot.table.origins.iter().position(|o| o.name.as_str() == name).expect("a known origin");
        match state {
            "up" => health.origins[at].up = true,
            "down" => health.origins[at].up = false,
            ms => health.origins[at].latency_ms = Some(ms.parse().expect("milliseconds")),
        }
    }
    snapshot.health = Arc::new(health);
    snapshot
}

/// Dice that count turns and roll what they are told.
#[derive(Debug, Default)]
pub struct Told {
    pub turn: u64,
    pub roll: u32,
}

impl Dice for Told {
    fn turn(&mut self, _: GroupId) -> u64 {
        self.turn += 1;
        self.turn - 1
    }
    fn roll(&mut self, _: u32) -> u32 {
        self.roll
    }
}

pub fn origin(snapshot: &Snapshot, name: &str) -> OriginId {
    snapshot.table.origin_named(GroupId(0), name).expect("a known origin")
}

pub fn name(snapshot: &Snapshot, id: OriginId) -> String {
    snapshot.table.origin(id).name.to_string()
}

/// A pick of group 0 without affinity.
pub fn pick(snapshot: &Snapshot, dice: &mut Told, tried: &Tried) -> Option<Pick> {
    pick_origin(snapshot, GroupId(0), [None, None], tried, dice, &mut Silent)
}

/// How many of `n` requests each origin gets, in the order of the file.
pub fn counts(snapshot: &Snapshot, n: usize) -> Vec<usize> {
    let mut dice = Told::default();
    let mut out = vec![0; snapshot.table.origins.len()];
    for _ in 0..n {
        if let Some(pick) = pick(snapshot, &mut dice, &Tried::default()) {
            out[pick.origin.0 as usize] += 1;
        }
    }
    out
}

pub fn decide(table: &Table, scheme: Scheme, host: &str, path: &str) -> Decision {
    let client = std::net::IpAddr::from([127, 0, 0, 1]);
    for_request(table, &RequestFacts { scheme, host, path, query: None, client, affinity: [None, None] })
}

/// The name of the route that a request matches.
pub fn route(table: &Table, scheme: Scheme, host: &str, path: &str) -> Option<String> {
    match decide(table, scheme, host, path) {
        Decision::Forward { matched, .. } | Decision::Redirect(matched) => {
            Some(table.route(matched.route).name.to_string())
        }
        Decision::NoRoute(_) => None,
    }
}
