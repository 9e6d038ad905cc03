//! Section C: windows, streams, verdicts. Results are handed in, time is a number.

use std::time::Duration;

use tidegate::decide::pick::Tried;
use tidegate::decide::reason::Reason;
use tidegate::health::monitor::{Monitor, ProbeFailure, ProbeOrder, ProbeResult};
use tidegate::health::window::Window;
use tidegate::model::bounds::{SampleSize, SuccessfulSamples};
use tidegate::model::group::LoadBalancing;
use tidegate::model::moment::Moment;
use tidegate::model::table::Table;

use crate::support::{Told, counts, group, name, pick, snapshot, table, with_health};

fn settings(n: i64, x: i64) -> LoadBalancing {
    LoadBalancing {
        sample_size: SampleSize::try_from(n).expect("n"),
        successful_samples_required: SuccessfulSamples::try_from(x).expect("x"),
        ..LoadBalancing::default()
    }
}

fn window(letters: &str) -> Window {
    let mut window = Window::default();
    letters.chars().for_each(|c| window.push((c == 'S').then_some(Duration::from_millis(10))));
    window
}

/// FD-C17 and its examples: at least x successes among the last n.
#[test]
fn windows() {
    for (letters, healthy) in
        [("SSSS", true), ("SSSF", true), ("SSFF", false), ("FFSS", false), ("FSSS", true), ("FFFFSSSF", true)]
    {
        assert_eq!(window(letters).healthy(settings(4, 3), true), healthy, "{letters}");
    }
    // Trace 4: every second probe fails.
    assert!(!window("SFSFSF").healthy(settings(4, 3), true));
    assert!(window("SFSFSF").healthy(settings(4, 2), true));
}

/// FD-C18: missing results count as successes, or as the named setting says. FD-A17: 0 never turns.
#[test]
fn missing_results() {
    assert!(window("").healthy(settings(4, 3), true) && window("F").healthy(settings(4, 3), true));
    assert!(!window("FF").healthy(settings(4, 3), true));
    assert!(!window("SS").healthy(settings(4, 3), false) && window("SSS").healthy(settings(4, 3), false));
    assert!(window("FFFF").healthy(settings(0, 3), true) && window("FFFF").healthy(settings(4, 0), true));
}

/// FD-C19: k = n - x + 1 failures turn a healthy origin, x successes bring it back, for the pairs of N.5 (checklist
/// 1 and 2 of N.4).
#[test]
fn how_many_it_takes() {
    for (n, x) in [(4, 2), (4, 3), (5, 3), (3, 2), (1, 1), (4, 4), (4, 1), (16, 3)] {
        let k = n - x + 1;
        let mut w = window(&"S".repeat(n));
        let lb = settings(n as i64, x as i64);
        for failure in 1..=k {
            w.push(None);
            assert_eq!(w.healthy(lb, true), failure < k, "{n}/{x}: {failure} failures");
        }
        (0..n).for_each(|_| w.push(None));
        for success in 1..=x {
            w.push(Some(Duration::ZERO));
            assert_eq!(w.healthy(lb, true), success == x, "{n}/{x}: {success} successes");
        }
    }
}

/// FD-C16: the mean of the successful samples among the last n, in whole milliseconds. FD-C15: failures give none.
#[test]
fn latency() {
    let mut w = Window::default();
    assert_eq!(w.latency_ms(4), None);
    for ms in [100, 10, 20, 31] {
        w.push(Some(Duration::from_millis(ms)));
    }
    w.push(None);
    assert_eq!(w.latency_ms(4), Some(20), "10, 20 and 31 are left: 20.33");
    w.push(Some(Duration::from_micros(1_600)));
    assert_eq!(w.latency_ms(1), Some(2));
}

struct World {
    monitor: Monitor,
    now: Moment,
}

const REFUSED: ProbeFailure = ProbeFailure::Refused;

impl World {
    fn new(table: &Table) -> Self {
        let mut monitor = Monitor::new(7);
        monitor.adopt(table, Moment::ZERO);
        Self { monitor, now: Moment::ZERO }
    }

    fn due(&mut self) -> Vec<ProbeOrder> {
        std::iter::from_fn(|| self.monitor.poll_probe(self.now)).collect()
    }

    fn answer(&mut self, order: &ProbeOrder, ok: bool) {
        let outcome = if ok { Ok(Duration::from_millis(5)) } else { Err(REFUSED) };
        self.monitor
            .handle_result(ProbeResult { target: order.target.clone(), outcome, address: None }, self.now);
    }

    /// Seconds go by; every probe of `dead` hosts fails.
    fn run(&mut self, seconds: u64, dead: &[&str]) -> usize {
        let end = self.now + Duration::from_secs(seconds);
        let mut sent = 0;
        while let Some(due) = self.monitor.next_due().filter(|due| *due <= end) {
            self.now = due;
            for order in self.due() {
                sent += 1;
                self.answer(&order, !dead.contains(&order.target.host.as_str()));
            }
        }
        self.now = end;
        sent
    }

    fn up(&self) -> Vec<bool> {
        self.monitor.view().origins.iter().map(|o| o.up).collect()
    }
}

fn two(interval: u8) -> String {
    group("", &[("a", ""), ("b", "")])
        .replace("path = \"/health\"", &format!("path = \"/health\", interval_s = {interval}"))
}

/// FD-C1: every edge probes on its own and keeps its own results. FD-D8: so its latencies are its own.
/// FD-N3: edges flip at different times.
#[test]
fn edges_do_not_share_health() {
    let table = table(&two(30));
    let (mut one, mut other) = (World::new(&table), World::new(&table));
    one.run(120, &["127.9.0.1"]);
    other.run(120, &[]);
    assert_eq!((one.up(), other.up()), (vec![false, true], vec![true, true]));
    let phases = |seed| {
        let mut m = Monitor::new(seed);
        m.adopt(&table, Moment::ZERO);
        m.next_due()
    };
    assert_ne!(phases(1), phases(2));
}

/// FD-C3, FD-C5: what is probed: the origin's host, its port of the probe's protocol, the path as it is, and the
/// origin's host header, or its host.
#[test]
fn targets() {
    let text = group("", &[("a", "http_port = 81\nhttps_port = 444\nhost_header = \"h.test\""), ("b", "")])
        .replace("path = \"/health\"", "path = \"/Health?x=Y\", protocol = \"https\"");
    let mut world = World::new(&table(&text));
    world.now = Moment::from_secs(1);
    let targets: Vec<_> =
        world.due().into_iter().map(|o| (o.target.port, o.target.path, o.target.host_header)).collect();
    assert!(targets.contains(&(444, "/Health?x=Y".to_owned(), "h.test".to_owned())), "{targets:?}");
    assert!(targets.contains(&(443, "/Health?x=Y".to_owned(), "127.9.0.2".to_owned())), "{targets:?}");
}

/// FD-C4: the probe's protocol is its own: the other port is never asked.
#[test]
fn one_protocol_is_probed() {
    let mut world = World::new(&table(&two(5)));
    assert_eq!(world.run(60, &[]), 2 * 12 + usize::from(false));
    world.now = world.now + Duration::from_secs(5);
    assert!(world.due().iter().all(|o| o.target.port == 80));
}

/// FD-C11: one endpoint in two groups has one stream, at the smaller interval, and its results feed both.
#[test]
fn shared_streams() {
    let text = group("", &[("a", ""), ("x", "")])
        .replace("path = \"/health\"", "path = \"/health\", interval_s = 60")
        + "[origin_groups.h]\nhealth_probe = { path = \"/health\", interval_s = 10 }\n\
           [origin_groups.h.origins.a2]\nhost = \"127.9.0.1\"\n[origin_groups.h.origins.y]\nhost = \"127.9.0.9\"\n";
    let mut world = World::new(&table(&text));
    let sent = world.run(60, &["127.9.0.1"]);
    assert!((13..=14).contains(&sent), "6 of the shared, 6 of y, 1 or 2 of x: {sent}");
    assert_eq!(world.up(), [false, true, false, true]);
}

/// FD-C14: the schedule is fixed: a probe that is not answered does not hold up the next one.
#[test]
fn the_schedule_does_not_wait() {
    let mut world = World::new(&table(&two(30)));
    let mut sent = 0;
    for second in 0..=300 {
        world.now = Moment::from_secs(second);
        sent += world.due().len();
    }
    assert!((20..=22).contains(&sent), "{sent}");
    // A process that slept does not make up for what it missed.
    world.now = Moment::from_secs(10_000);
    assert_eq!(world.due().len(), 2);
}

/// FD-C20: disabled origins get neither traffic nor probes.
#[test]
fn disabled_origins_are_not_probed() {
    let text = group("", &[("a", "enabled = false"), ("b", ""), ("c", "")]);
    let mut world = World::new(&table(&text));
    world.now = Moment::from_secs(31);
    assert!(world.due().iter().all(|o| o.target.host.as_str() != "127.9.0.1"));
}

/// FD-C21: results survive a change that does not touch what is probed; another path starts anew.
#[test]
fn history_across_changes() {
    let old = two(5);
    let mut world = World::new(&table(&old));
    world.run(60, &["127.9.0.1"]);
    assert_eq!(world.up(), [false, true]);
    world.monitor.adopt(&table(&old.replace("[routes.r]", "[routes.other]")), world.now);
    assert_eq!(world.up(), [false, true]);
    assert_eq!(world.monitor.report(world.now)[0].window, "FFFF");
    world.monitor.adopt(&table(&old.replace("/health", "/other")), world.now);
    assert_eq!(world.up(), [true, true]);
    assert_eq!(world.monitor.report(world.now)[0].window, "----");
}

/// FD-C22: with nobody healthy everybody is available, priority and weights count, latency is skipped; the named
/// setting gives the literal round robin. FD-C23: one that recovers ends it.
#[test]
fn all_unhealthy() {
    let text = |settings: &str| {
        group(settings, &[("a", "weight = 3"), ("b", "weight = 1"), ("c", "priority = 2")])
            .replace("additional_latency_ms = 1000", "additional_latency_ms = 0")
    };
    let down = with_health(snapshot(table(&text(""))), "a 1, b 99, a down, b down, c down");
    assert_eq!(counts(&down, 40), [30, 10, 0]);
    let pick = pick(&down, &mut Told::default(), &Tried::default()).expect("somebody");
    assert_eq!(pick.reason, Reason::AllUnhealthy);
    let round = with_health(
        snapshot(table(&text("[health]\nall_unhealthy = \"round_robin_all\""))),
        "a down, b down, c down",
    );
    assert_eq!(counts(&round, 30), [10, 10, 10]);
    assert_eq!(counts(&with_health(down, "c up"), 10), [0, 0, 10]);
}

/// FD-C25: without probes everybody is healthy and in one latency pool. FD-C26: a single origin gets everything,
/// whatever its probes say (checklist 11 of N.4).
#[test]
fn without_probes_and_alone() {
    let alone = with_health(snapshot(table(&group("", &[("a", "")]))), "a down");
    let pick = pick(&alone, &mut Told::default(), &Tried::default()).expect("the only one");
    assert_eq!((name(&alone, pick.origin).as_str(), pick.reason), ("a", Reason::OnlyOrigin));
    let off = table("[origin_groups.g.origins.a]\nhost = \"127.9.0.1\"\n");
    let mut world = World::new(&off);
    assert_eq!(world.run(600, &["127.9.0.1"]), 0);
    assert_eq!(world.up(), [true]);
    assert_eq!(world.monitor.view().origins[0].latency_ms, None);
}

/// FD-C27, FD-M7: a group that no route uses is probed, unless the named setting says otherwise.
#[test]
fn unattached_groups() {
    let lone = |settings: &str| {
        format!(
            "{settings}[origin_groups.g]\nhealth_probe = {{ interval_s = 5 }}\n[origin_groups.g.origins.a]\nhost = \"127.9.0.1\"\n"
        )
    };
    assert_eq!(World::new(&table(&lone(""))).run(50, &[]), 10);
    assert_eq!(World::new(&table(&lone("[probe]\nunattached_groups = \"skip\"\n"))).run(50, &[]), 0);
}

/// FD-C28: with intervals of 30 s one edge sends two probes a minute to each origin.
/// FD-C29: an edge probes at the configured interval; the idle slow-down is a factor, off by default.
/// FD-N4: with it, an idle edge learns later.
#[test]
fn pace() {
    let mut world = World::new(&table(&two(30)));
    world.run(30, &[]);
    assert_eq!(world.run(600, &[]), 2 * 20);
    world.monitor.set_idle_factor(4);
    world.run(120, &[]);
    assert_eq!(world.run(600, &[]), 2 * 5);
    assert_eq!(table(&two(30)).settings.probe_idle_slowdown, 1);
}

/// Forced verdicts decide until they expire, and are told apart from probes.
#[test]
fn forced_verdicts() {
    use tidegate::model::orders::{Orders, Override};
    let table = table(&two(5));
    let mut world = World::new(&table);
    let mut orders = Orders::default();
    let key = (table.groups[0].name.clone(), table.origins[0].name.clone());
    orders.overrides.insert(key, Override { up: false, until: Moment::from_secs(60) });
    world.monitor.order(&orders, world.now);
    assert_eq!(world.up(), [false, true]);
    assert_eq!(world.monitor.report(world.now)[0].source, "override");
    world.run(59, &[]);
    assert_eq!(world.up(), [false, true]);
    world.now = Moment::from_secs(61);
    world.monitor.expire(world.now);
    assert_eq!(world.up(), [true, true]);
    let turned: Vec<bool> = std::iter::from_fn(|| world.monitor.poll_transition()).map(|t| t.up).collect();
    assert_eq!(turned, [false, true]);
}
