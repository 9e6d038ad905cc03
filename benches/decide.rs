//! Cost of a decision: route, group and origin, on a table of 5,000 composite routes and 20 origins per group.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate::config;
use tidegate::decide::facts::RequestFacts;
use tidegate::decide::pick::{Tried, pick_origin};
use tidegate::decide::ports::{Dice, Silent};
use tidegate::decide::request::{Decision, for_request};
use tidegate::model::group::GroupId;
use tidegate::model::health_view::HealthView;
use tidegate::model::orders::Orders;
use tidegate::model::route::Scheme;
use tidegate::model::snapshot::{Generation, Snapshot};

struct Turns(u64);

impl Dice for Turns {
    fn turn(&mut self, _: GroupId) -> u64 {
        self.0 += 1;
        self.0
    }
    fn roll(&mut self, _: u32) -> u32 {
        0
    }
}

/// 100 routes of one domain, 25 patterns and both protocols: 5,000 composite routes; 20 weighted origins in one tier.
fn snapshot() -> Snapshot {
    let origins: String = (0..20)
        .map(|i| format!("[origin_groups.g.origins.o{i}]\nhost = \"o{i}.test\"\nweight = {}\n", 10 + i))
        .collect();
    let patterns: String = (0..25).map(|p| format!("\"/service/part{p}/*\",")).collect();
    let routes: String = (0..100)
        .map(|i| {
            format!(
                "[routes.r{i}]\ndomains = [\"d{i}.test\"]\norigin_group = \"g\"\npatterns = [{patterns}]\n"
            )
        })
        .collect();
    let lb = "load_balancing = { additional_latency_ms = 1000 }";
    let text = format!("[origin_groups.g]\n{lb}\nhealth_probe = {{}}\n{origins}{routes}");
    let table =
        config::read("bench", &text).unwrap_or_else(|d| panic!("{}", config::render::lines(&d))).table;
    assert_eq!(config::composite_routes(&table), 5_000);
    let mut health = HealthView::all_up(table.origins.len());
    for (at, origin) in health.origins.iter_mut().enumerate() {
        origin.latency_ms = u32::try_from(at * 3).ok();
    }
    Snapshot::new(Generation(1), Arc::new(table), Arc::new(health), &Orders::default())
}

fn decide(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let mut dice = Turns(0);
    for (name, path) in [
        ("lower-case path", "/service/part17/some/path/of/a/request"),
        ("mixed-case path", "/Service/Part17/Some/Path/Of/A/Request"),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let facts = RequestFacts {
                    scheme: Scheme::Https,
                    host: black_box("d63.test"),
                    path: black_box(path),
                    query: None,
                    client,
                    affinity: [None, None],
                };
                let Decision::Forward { group, .. } = for_request(&snapshot.table, &facts) else {
                    panic!("a route")
                };
                pick_origin(&snapshot, group, [None, None], &Tried::default(), &mut dice, &mut Silent)
            });
        });
    }
}

criterion_group!(benches, decide);
criterion_main!(benches);
