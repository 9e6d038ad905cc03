//! Section D: which origin a request goes to.

use tidegate::decide::affinity::{Delivery, may_set};
use tidegate::decide::pick::{Tried, pick_origin};
use tidegate::decide::ports::{Silent, Why};
use tidegate::decide::reason::Reason;
use tidegate::decide::shares::shares;
use tidegate::decide::trail::Trail;
use tidegate::decide::turn::whose;
use tidegate::model::bounds::Percent;
use tidegate::model::group::GroupId;
use tidegate::model::name::RegionName;
use tidegate::model::orders::Orders;
use tidegate::model::region::{RegionState, RegionWill};
use tidegate::model::snapshot::{Generation, Snapshot};

use crate::support::{Told, counts, group, name, origin, pick, snapshot, table, with_health};

/// The group of D.7: A and B in tier 1, C in tier 2, sensitivity 20 ms, latencies 10, 25 and 12.
fn seven() -> Snapshot {
    let text = group("", &[("a", "weight = 50"), ("b", "weight = 50"), ("c", "priority = 2\nweight = 100")])
        .replace("additional_latency_ms = 1000", "additional_latency_ms = 20")
        .replace("[origin_groups.g]\n", "[origin_groups.g]\nsession_affinity = true\n");
    with_health(snapshot(table(&text)), "a 10, b 25, c 12")
}

/// The rows of D.7. FD-D1: availability, priority, latency, affinity, weight, in this order. FD-D2: affinity stands
/// after latency. FD-D3: they are settings of one process. FD-D7: the window is relative to the fastest of the tier.
/// FD-D23: a cookie for an origin outside the pool is balanced as new.
#[test]
fn the_examples_of_d7() {
    for (state, want) in [
        ("", [50, 50, 0]),
        ("b 31", [100, 0, 0]),
        ("a down", [0, 100, 0]),
        ("a down, b down", [0, 0, 100]),
        ("a down, b down, c down", [50, 50, 0]),
    ] {
        assert_eq!(counts(&with_health(seven(), state), 100), want, "{state}");
    }
    for (cookie, state, want, kept) in
        [("b", "", "b", true), ("b", "b 31", "a", false), ("c", "", "a", false), ("a", "a down", "b", false)]
    {
        let snapshot = with_health(seven(), state);
        let value = snapshot.table.origin(origin(&snapshot, cookie)).affinity_value.clone();
        let mut dice = Told::default();
        let pick = pick_origin(
            &snapshot,
            GroupId(0),
            [Some(&value), None],
            &Tried::default(),
            &mut dice,
            &mut Silent,
        )
        .expect("an origin");
        assert_eq!(
            (name(&snapshot, pick.origin).as_str(), pick.session_kept),
            (want, kept),
            "cookie {cookie}, {state}"
        );
    }
}

/// FD-D4: a lower tier gets nothing while a better one has somebody. FD-D5: failback is immediate and full.
#[test]
fn tiers() {
    let two = snapshot(table(&group("", &[("a", "priority = 1"), ("b", "priority = 5")])));
    assert_eq!(counts(&two, 50), [50, 0]);
    let down = with_health(two, "a down");
    assert_eq!(counts(&down, 50), [0, 50]);
    assert_eq!(counts(&with_health(down, "a up"), 50), [50, 0]);
}

/// FD-D6 and the vectors of D.3: inclusive, relative to the fastest; 0 keeps exact ties. FD-D9: unmeasured stays.
#[test]
fn the_latency_window() {
    let text = |slack: u32| {
        group("", &[("a", ""), ("b", ""), ("c", "")])
            .replace("additional_latency_ms = 1000", &format!("additional_latency_ms = {slack}"))
    };
    for (slack, latencies, want) in [
        (30, "a 20, b 40, c 50", [20, 20, 20]),
        (30, "a 20, b 40, c 51", [30, 30, 0]),
        (0, "a 20, b 20, c 21", [30, 30, 0]),
        (0, "a 20, b 21", [30, 0, 30]),
    ] {
        assert_eq!(
            counts(&with_health(snapshot(table(&text(slack))), latencies), 60),
            want,
            "{slack}: {latencies}"
        );
    }
}

/// FD-D10: shares are weights over their sum. FD-D11: over any run of sum/gcd requests the counts are exact.
/// FD-D13, FD-M31: also at a low rate nothing is skewed.
#[test]
fn weights() {
    let pair = |a: u32, b: u32| {
        snapshot(table(&group("", &[("a", &format!("weight = {a}")), ("b", &format!("weight = {b}"))])))
    };
    assert_eq!(counts(&pair(3, 7), 10), [3, 7]);
    assert_eq!(counts(&pair(700, 300), 10), [7, 3]);
    assert_eq!(counts(&pair(1, 1), 2), [1, 1]);
    assert_eq!(counts(&pair(1000, 1), 1001), [1000, 1]);
    // A dead origin's share goes to the others in the ratio of their weights.
    let three =
        snapshot(table(&group("", &[("a", "weight = 800"), ("b", "weight = 150"), ("c", "weight = 50")])));
    assert_eq!(counts(&with_health(three, "a down"), 40), [0, 30, 10]);
}

/// FD-D11: the rotation is exact from any turn on, and smooth: nobody gets a run while another waits for its share.
#[test]
fn rotations_are_exact_and_smooth() {
    for weights in [
        vec![3_u32, 7],
        vec![700, 300],
        vec![5, 1, 1],
        vec![1, 1, 1, 1],
        vec![50, 50, 100],
        vec![13, 29, 7, 4],
    ] {
        let gcd = weights.iter().copied().fold(0, |a: u32, b| {
            let (mut x, mut y) = (a, b);
            while y != 0 {
                (x, y) = (y, x % y);
            }
            x
        });
        let places: u64 = weights.iter().map(|w| u64::from(w / gcd)).sum();
        for start in [0_u64, 1, 17, u64::MAX / 3] {
            let mut got = vec![0_u64; weights.len()];
            (start..start + places)
                .for_each(|turn| got[whose(weights.iter().copied(), turn).expect("somebody")] += 1);
            let want: Vec<u64> = weights.iter().map(|w| u64::from(w / gcd)).collect();
            assert_eq!(got, want, "{weights:?} from {start}");
        }
    }
    let run = |weights: &[u32]| {
        let turns: Vec<usize> =
            (0..1000).map(|t| whose(weights.iter().copied(), t).expect("somebody")).collect();
        turns.chunk_by(|a, b| a == b).map(<[usize]>::len).max()
    };
    assert_eq!(run(&[50, 50]), Some(1));
    assert!(run(&[700, 300]) <= Some(4), "{:?}", run(&[700, 300]));
    assert_eq!(whose(std::iter::empty(), 3), None);
}

/// FD-D17: 68 hex digits that begin with 0003, or 64 without the tag; different per origin, key and profile, and
/// nothing of the host in it. FD-D24: a value that fits nobody is ignored. FD-D19: the second cookie counts where the
/// first does not fit.
#[test]
fn affinity_values() {
    let values = |settings: &str| {
        table(&group(settings, &[("a", ""), ("b", "")]))
            .origins
            .iter()
            .map(|o| o.affinity_value.clone())
            .collect::<Vec<_>>()
    };
    let plain = values("");
    assert!(plain.iter().all(|v| v.len() == 68
        && v.starts_with("0003")
        && v.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())));
    assert_ne!(plain[0], plain[1]);
    assert_eq!(plain, values(""));
    assert_ne!(plain, values("[affinity]\nkey = \"other\""));
    assert_ne!(plain, values("[profile]\nfront_door_id = \"00000000-0000-0000-0000-000000000001\""));
    assert!(values("[affinity]\ncookie_format = \"plain\"").iter().all(|v| v.len() == 64));
    let snapshot = seven();
    let b = snapshot.table.origin(origin(&snapshot, "b")).affinity_value.clone();
    for (cookies, want, kept) in [
        ([Some("nonsense"), None], "a", false),
        ([Some("nonsense"), Some(b.as_str())], "b", true),
        ([Some(b.as_str()), Some("nonsense")], "b", true),
        ([Some(""), None], "a", false),
    ] {
        let pick =
            pick_origin(&snapshot, GroupId(0), cookies, &Tried::default(), &mut Told::default(), &mut Silent)
                .expect("an origin");
        assert_eq!((name(&snapshot, pick.origin).as_str(), pick.session_kept), (want, kept), "{cookies:?}");
    }
}

/// FD-D20, FD-D21: when a response may start a session. FD-D22: an ordinary 200 to a GET may not.
#[test]
fn when_a_session_may_start() {
    for (method, status, no_store, authorization, want) in [
        ("GET", 200, false, false, false),
        ("HEAD", 200, false, false, false),
        ("GET", 200, true, false, true),
        ("GET", 200, false, true, true),
        ("GET", 302, false, false, true),
        ("GET", 404, false, false, true),
        ("GET", 301, false, false, false),
        ("GET", 206, false, false, false),
        ("POST", 200, false, false, true),
        ("PUT", 204, false, false, true),
    ] {
        let delivery = Delivery { method, status, no_store, response_has_authorization: authorization };
        assert_eq!(may_set(&delivery), want, "{method} {status} {no_store} {authorization}");
    }
}

/// FD-D28 a: who failed is no candidate, and the order is run again: a lower tier may be next.
#[test]
fn the_next_attempt() {
    let snapshot = snapshot(table(&group("", &[("a", ""), ("b", "priority = 2"), ("c", "priority = 3")])));
    let mut tried = Tried::default();
    for want in [Some("a"), Some("b"), Some("c"), None] {
        let pick = pick(&snapshot, &mut Told::default(), &tried);
        assert_eq!(pick.map(|p| name(&snapshot, p.origin)).as_deref(), want);
        pick.into_iter().for_each(|p| tried.add(p.origin));
    }
}

/// FD-D32: a disabled origin takes no new request.
#[test]
fn disabled_origins() {
    let snapshot = snapshot(table(&group("", &[("a", "enabled = false"), ("b", "priority = 5")])));
    assert_eq!(counts(&snapshot, 20), [0, 20]);
}

fn ordered(text: &str, orders: &[(&str, RegionState, i64)]) -> Snapshot {
    let table = table(text);
    let mut given = Orders::default();
    for (region, state, dial) in orders {
        let dial = Percent::try_from(*dial).expect("a percentage");
        given.regions.insert(RegionName::parse(region).expect("a name"), RegionWill { state: *state, dial });
    }
    let health = snapshot(table.clone()).health;
    Snapshot::new(Generation(1), std::sync::Arc::new(table), health, &given)
}

const REGIONS: &str = "[regions.west]\n[regions.north]\n";

fn regional() -> String {
    group(REGIONS, &[("a", "region = \"west\""), ("b", "region = \"north\"\npriority = 2")])
}

/// Drained and isolated regions take no new request, whoever is left, also nobody.
#[test]
fn drained_regions() {
    for state in [RegionState::Drained, RegionState::Isolated] {
        assert_eq!(counts(&ordered(&regional(), &[("west", state, 100)]), 10), [0, 10]);
        assert_eq!(counts(&ordered(&regional(), &[("west", state, 100), ("north", state, 100)]), 10), [0, 0]);
    }
}

/// A dial is the share of the traffic that a region would otherwise get; nobody healthy is left out by a dial alone.
#[test]
fn dials() {
    let active = RegionState::Active;
    let snapshot = ordered(&regional(), &[("west", active, 30)]);
    let shares = shares(&snapshot, GroupId(0), [None, None]);
    let rounded: Vec<_> = shares.iter().map(|(id, s)| (name(&snapshot, *id), s.round() as u32)).collect();
    assert_eq!(rounded, [("a".to_owned(), 30), ("b".to_owned(), 70)]);
    for (roll, want) in [(0, "a"), (29, "a"), (30, "b"), (99, "b")] {
        let pick = pick(&snapshot, &mut Told { turn: 0, roll }, &Tried::default()).expect("an origin");
        assert_eq!(name(&snapshot, pick.origin), want, "roll {roll}");
    }
    // West is the only one that lives: dialled to nothing, it serves all the same.
    let lonely = with_health(ordered(&regional(), &[("west", active, 0)]), "b down");
    assert_eq!(counts(&lonely, 5), [5, 0]);
}

/// The shares that `explain` tells are what a whole rotation comes to, however long it is.
#[test]
fn shares_are_whole_rotations() {
    let around = "[health]\nall_unhealthy = \"round_robin_all\"";
    for (settings, weights, health) in [
        ("", [3, 7, 10], ""),
        ("", [800, 150, 50], "a down"),
        ("", [997, 991, 983], ""),
        ("", [5, 5, 5], "b down, c down"),
        ("", [5, 1, 1], "a down, b down, c down"),
        (around, [5, 1, 1], "a down, b down, c down"),
    ] {
        let keys = weights.map(|w| format!("weight = {w}"));
        let names = ["a", "b", "c"];
        let origins: Vec<(&str, &str)> = names.into_iter().zip(keys.iter().map(String::as_str)).collect();
        let snapshot = with_health(snapshot(table(&group(settings, &origins))), health);
        // A number of turns that every rotation here divides, but for the one of primes.
        let turns = if weights[0] == 997 { 997 + 991 + 983 } else { 420 };
        let counted = counts(&snapshot, turns);
        let mut told = vec![0; 3];
        for (id, share) in shares(&snapshot, GroupId(0), [None, None]) {
            told[id.0 as usize] = (share * turns as f64 / 100.0).round() as usize;
        }
        assert_eq!(told, counted, "{settings} {weights:?} {health}");
    }
}

/// Every filter says what it did, with its numbers.
#[test]
fn the_trail_says_why() {
    let snapshot = with_health(seven(), "b 31");
    let mut trail = Trail::default();
    let pick =
        pick_origin(&snapshot, GroupId(0), [None, None], &Tried::default(), &mut Told::default(), &mut trail)
            .expect("an origin");
    assert_eq!(pick.reason, Reason::OnlyOneLeft);
    assert_eq!(trail.why(origin(&snapshot, "c")), Some(Why::LowerTier { priority: 2, best: 1 }));
    assert_eq!(
        trail.why(origin(&snapshot, "b")),
        Some(Why::TooSlow { latency_ms: 31, fastest_ms: 10, slack_ms: 20 })
    );
    insta::assert_snapshot!(trail.lines(&snapshot.table).join("\n"), @r"
    candidates of origin group g: a, b, c
    c left: priority 2, and priority 1 is available (FD-D4)
    b left: 31 ms is more than 20 ms above the fastest, 10 ms (FD-D7)
    ");
}
