//! The laws of the design over random tables, healths and requests.

use proptest::prelude::*;
use tidegate::config;
use tidegate::decide::explain::{Question, explain};
use tidegate::decide::pick::{Tried, pick_origin};
use tidegate::decide::ports::{Silent, Why};
use tidegate::decide::request::Decision;
use tidegate::decide::trail::{Step, Trail};
use tidegate::model::group::GroupId;
use tidegate::model::route::Scheme;
use tidegate::model::snapshot::Snapshot;

use crate::support::{Told, group, snapshot, table, with_health};

#[derive(Debug, Clone)]
struct One {
    priority: u8,
    weight: u16,
    enabled: bool,
    up: bool,
    latency: Option<u8>,
}

fn one() -> impl Strategy<Value = One> {
    (1_u8..4, 1_u16..6, prop::bool::weighted(0.9), prop::bool::weighted(0.6), prop::option::of(0_u8..60))
        .prop_map(|(priority, weight, enabled, up, latency)| One { priority, weight, enabled, up, latency })
}

fn world(origins: &[One], slack: u16) -> Snapshot {
    let keys: Vec<String> = origins
        .iter()
        .map(|o| format!("priority = {}\nweight = {}\nenabled = {}", o.priority, o.weight, o.enabled))
        .collect();
    let names: Vec<String> = (0..origins.len()).map(|i| format!("o{i}")).collect();
    let list: Vec<(&str, &str)> = names.iter().zip(&keys).map(|(n, k)| (n.as_str(), k.as_str())).collect();
    let text =
        group("", &list).replace("additional_latency_ms = 1000", &format!("additional_latency_ms = {slack}"));
    let mut facts = Vec::new();
    for (name, o) in names.iter().zip(origins) {
        facts.push(format!("{name} {}", if o.up { "up" } else { "down" }));
        facts.extend(o.latency.map(|ms| format!("{name} {ms}")));
    }
    with_health(snapshot(table(&text)), &facts.join(", "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Law 1: while an origin that may be chosen is healthy, no request goes to one that is not; also not on any
    /// later attempt.
    #[test]
    fn no_unhealthy_origin_while_a_healthy_one_stands(origins in prop::collection::vec(one(), 2..8), slack in 0_u16..80, turn: u16) {
        let snapshot = world(&origins, slack);
        let mut tried = Tried::default();
        let mut seen = Vec::new();
        for _ in 0..5 {
            let mut dice = Told { turn: turn.into(), roll: 0 };
            let Some(pick) = pick_origin(&snapshot, GroupId(0), [None, None], &tried, &mut dice, &mut Silent) else { break };
            let at = pick.origin.0 as usize;
            let healthy_left = origins.iter().enumerate().any(|(i, o)| o.enabled && o.up && !seen.contains(&i));
            prop_assert!(origins[at].enabled && !seen.contains(&at));
            prop_assert!(origins[at].up || !healthy_left, "{at} of {origins:?}");
            tried.add(pick.origin);
            seen.push(at);
        }
    }

    /// Law 2: explain says what the proxy does, for the same facts, health and dice.
    #[test]
    fn explain_picks_what_the_proxy_picks(origins in prop::collection::vec(one(), 1..8), slack in 0_u16..80, turn: u16) {
        let snapshot = world(&origins, slack);
        let question = Question { method: "GET".into(), url: "https://a.test/x".into(), client: None, down: vec![], affinity: None, turn: turn.into() };
        let answer = explain(&snapshot, &question).expect("a question");
        let mut dice = Told { turn: turn.into(), roll: 0 };
        let pick = pick_origin(&snapshot, GroupId(0), [None, None], &Tried::default(), &mut dice, &mut Silent);
        let name = pick.map(|p| snapshot.table.origin(p.origin).name.to_string());
        prop_assert_eq!(answer.origin, name);
        let sum: f64 = answer.shares.iter().map(|s| s.1).sum();
        prop_assert!(answer.shares.is_empty() || (sum - 100.0).abs() < 1e-6);
    }

    /// Undoing the stated reason re-admits the candidate.
    #[test]
    fn reasons_are_reasons(origins in prop::collection::vec(one(), 2..6), slack in 0_u16..80) {
        let snapshot = world(&origins, slack);
        let mut trail = Trail::default();
        pick_origin(&snapshot, GroupId(0), [None, None], &Tried::default(), &mut Told::default(), &mut trail);
        for step in &trail.steps {
            let Step::Left { origin, why } = step else { continue };
            let mut other = origins.clone();
            let at = origin.0 as usize;
            match why {
                Why::Disabled => other[at].enabled = true,
                Why::Unhealthy => other[at].up = true,
                Why::LowerTier { best, .. } => other[at].priority = *best,
                Why::TooSlow { fastest_ms, .. } => other[at].latency = u8::try_from(*fastest_ms).ok(),
                _ => continue,
            }
            let mut again = Trail::default();
            pick_origin(&world(&other, slack), GroupId(0), [None, None], &Tried::default(), &mut Told::default(), &mut again);
            prop_assert_ne!(again.why(*origin).map(|w| std::mem::discriminant(&w)), Some(std::mem::discriminant(why)), "{:?} of {:?}", why, origins);
        }
    }

    /// Law 7, law 5: no text panics the reader, and what is refused says where.
    #[test]
    fn mutated_files_are_survived(cuts in prop::collection::vec((0_usize..4000, 0_usize..40, "[a-z0-9=\\[\\]\"'{}.,\n#-]{0,8}"), 1..4)) {
        let mut text = include_str!("../../routes.toml").to_owned();
        for (at, length, with) in cuts {
            let chars: Vec<char> = text.chars().collect();
            let at = at.min(chars.len());
            let end = (at + length).min(chars.len());
            text = chars[..at].iter().chain(with.chars().collect::<Vec<_>>().iter()).chain(&chars[end..]).collect();
        }
        if let Err(diagnostics) = config::read("t", &text) {
            prop_assert!(diagnostics.has_errors());
            prop_assert!(diagnostics.0.iter().all(|d| !d.message.is_empty() && d.line >= 1));
            let _ = config::render::full(&diagnostics, &text, config::render::Colour::Off);
        }
    }
}

/// Law 2 at length: 100,000 random requests against 200 random tables, each asked of explain and of the functions
/// that the proxy calls, with the same dice: the same route, decision and origin every time.
#[test]
fn a_hundred_thousand_requests_are_explained() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let patterns = ["/*", "/a", "/a/*", "/a/b/*", "/A/b", "/c/"];
    let paths = ["/", "/a", "/A/", "/a/b", "/a/b/c", "/c", "/c/", "/a/./b/../x", "/%61/b", "/none?q=1"];
    let mut kinds = [0_usize; 3];
    for _ in 0..200 {
        let count = 1 + next(4);
        let origins: String = (0..count)
            .map(|i| {
                let (p, w, on) = (1 + next(3), 1 + next(4), next(8) > 0);
                format!("[origin_groups.g.origins.o{i}]\nhost = \"o{i}.test\"\npriority = {p}\nweight = {w}\nenabled = {on}\n")
            })
            .collect();
        let domains = ["a.test", "*.w.test", "b.w.test"];
        let routes: String = domains
            .iter()
            .enumerate()
            .map(|(i, domain)| {
                if next(4) == 0 {
                    return String::new();
                }
                let pattern = if next(2) == 0 { "/*" } else { patterns[next(6) as usize] };
                let (protocols, redirect) = if next(2) == 0 { ("\"http\", \"https\"", next(2) == 0) } else { ("\"https\"", false) };
                format!("[routes.r{i}]\ndomains = [\"{domain}\"]\npatterns = [\"{pattern}\"]\nprotocols = [{protocols}]\nhttps_redirect = {redirect}\norigin_group = \"g\"\n")
            })
            .collect();
        let slack = next(40);
        let text = format!(
            "[origin_groups.g]\nload_balancing = {{ additional_latency_ms = {slack} }}\nhealth_probe = {{}}\n{origins}{routes}"
        );
        let mut world = snapshot(table(&text));
        let mut health = (*world.health).clone();
        for origin in &mut health.origins {
            origin.up = next(3) > 0;
            origin.latency_ms = (next(4) > 0).then(|| next(60) as u32);
        }
        world.health = std::sync::Arc::new(health);
        for _ in 0..500 {
            let scheme = if next(2) == 0 { Scheme::Http } else { Scheme::Https };
            let host = ["a.test", "b.w.test", "x.w.test", "y.x.w.test", "none.test"][next(5) as usize];
            let (target, turn) = (paths[next(10) as usize], next(1000));
            let url = format!("{}://{host}{target}", scheme.as_str());
            let question =
                Question { method: "GET".into(), url, client: None, down: vec![], affinity: None, turn };
            let answer = explain(&world, &question).expect("a question");
            let path =
                tidegate::decide::path::normalise(target.split('?').next().expect("a path")).expect("a path");
            let (decision, origin) = match crate::support::decide(&world.table, scheme, host, &path) {
                Decision::NoRoute(_) => ("no_route", None),
                Decision::Redirect(_) => ("redirect", None),
                Decision::Forward { group, .. } => {
                    let mut dice = Told { turn, roll: 0 };
                    match pick_origin(&world, group, [None, None], &Tried::default(), &mut dice, &mut Silent)
                    {
                        Some(pick) => ("forward", Some(world.table.origin(pick.origin).name.to_string())),
                        None => ("no_origin", None),
                    }
                }
            };
            assert_eq!((answer.decision.as_str(), answer.origin), (decision, origin), "{question:?}\n{text}");
            kinds[["no_route", "redirect", "forward"].iter().position(|k| *k == decision).unwrap_or(0)] += 1;
        }
    }
    assert!(kinds.iter().all(|k| *k > 3_000), "every kind of decision was met: {kinds:?}");
}
