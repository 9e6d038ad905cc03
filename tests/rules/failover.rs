//! Section N: how long failover takes, computed and played in virtual time.

use std::time::Duration;

use tidegate::health::bounds::{detection, failures_needed, recovery};
use tidegate::health::monitor::{Monitor, ProbeFailure, ProbeResult};
use tidegate::model::bounds::{SampleSize, SuccessfulSamples};
use tidegate::model::group::LoadBalancing;
use tidegate::model::moment::Moment;

use crate::support::{group, table};

fn settings(n: i64, x: i64) -> LoadBalancing {
    LoadBalancing {
        sample_size: SampleSize::try_from(n).expect("n"),
        successful_samples_required: SuccessfulSamples::try_from(x).expect("x"),
        ..LoadBalancing::default()
    }
}

/// FD-N1, FD-N2: every row of the table N.5.
#[test]
fn the_table_of_n5() {
    for (n, x, i, k, min, max, mean, back_min, back_max) in [
        (4, 2, 30_u8, 3, 60.0, 90.0, 75.0, 30.0, 60.0),
        (4, 2, 120, 3, 240.0, 360.0, 300.0, 120.0, 240.0),
        (4, 3, 30, 2, 30.0, 60.0, 45.0, 60.0, 90.0),
        (4, 3, 60, 2, 60.0, 120.0, 90.0, 120.0, 180.0),
        (4, 3, 100, 2, 100.0, 200.0, 150.0, 200.0, 300.0),
        (4, 3, 240, 2, 240.0, 480.0, 360.0, 480.0, 720.0),
        (4, 3, 255, 2, 255.0, 510.0, 382.5, 510.0, 765.0),
        (5, 3, 30, 3, 60.0, 90.0, 75.0, 60.0, 90.0),
        (4, 3, 5, 2, 5.0, 10.0, 7.5, 10.0, 15.0),
        (3, 2, 5, 2, 5.0, 10.0, 7.5, 5.0, 10.0),
        (1, 1, 5, 1, 0.0, 5.0, 2.5, 0.0, 5.0),
        (4, 4, 30, 1, 0.0, 30.0, 15.0, 90.0, 120.0),
        (4, 1, 30, 4, 90.0, 120.0, 105.0, 0.0, 30.0),
        (16, 3, 240, 14, 3_120.0, 3_360.0, 3_240.0, 480.0, 720.0),
    ] {
        let lb = settings(n, x);
        assert_eq!(failures_needed(lb), Some(k), "{n}/{x}");
        let death = detection(lb, i, 0.0).expect("a bound");
        assert_eq!((death.min_s, death.max_s, death.mean_s), (min, max, mean), "{n}/{x} every {i}");
        let back = recovery(lb, i).expect("a bound");
        assert_eq!((back.min_s, back.max_s), (back_min, back_max), "{n}/{x} every {i}");
        assert_eq!(detection(lb, i, 10.0).expect("a bound").max_s, max + 10.0);
    }
    assert_eq!(failures_needed(settings(0, 0)), None);
}

/// An origin that dies and heals at stated seconds, probed by a monitor whose phase is chance.
fn play(seed: u64, n: u8, x: u8, interval: u8, dies: u64, heals: u64) -> (f64, f64) {
    let text = group("", &[("a", ""), ("b", "")])
        .replace(
            "additional_latency_ms = 1000",
            &format!("sample_size = {n}, successful_samples_required = {x}"),
        )
        .replace("path = \"/health\"", &format!("path = \"/health\", interval_s = {interval}"));
    let mut monitor = Monitor::new(seed);
    monitor.adopt(&table(&text), Moment::ZERO);
    let (mut left, mut back) = (None, None);
    while back.is_none() {
        let now = monitor.next_due().expect("a schedule");
        assert!(now < Moment::from_secs(heals + 100 * u64::from(interval)), "it never came back");
        while let Some(order) = monitor.poll_probe(now) {
            let dead = order.target.host.as_str() == "127.9.0.1"
                && now >= Moment::from_secs(dies)
                && now < Moment::from_secs(heals);
            let outcome = if dead { Err(ProbeFailure::Refused) } else { Ok(Duration::from_millis(1)) };
            monitor.handle_result(ProbeResult { target: order.target, outcome, address: None }, now);
        }
        while let Some(turned) = monitor.poll_transition() {
            match turned.up {
                false => left = Some(turned.at.since(Moment::from_secs(dies)).as_secs_f64()),
                true => back = Some(turned.at.since(Moment::from_secs(heals)).as_secs_f64()),
            }
        }
    }
    (left.expect("it left"), back.expect("it came back"))
}

/// FD-N1, FD-N2: whatever the phase, detection and recovery stay within their bounds (the crash and the healing of
/// traces 1 and 3 among them).
#[test]
fn played_times_stay_within_their_bounds() {
    for (n, x, interval) in [(4, 3, 30), (4, 2, 30), (3, 2, 5), (1, 1, 5), (4, 4, 30), (4, 1, 30)] {
        let lb = settings(n.into(), x.into());
        let death = detection(lb, interval, 0.0).expect("a bound");
        let back = recovery(lb, interval).expect("a bound");
        for seed in 0..50 {
            let (left, healed) = play(seed, n, x, interval, 1_000 + seed, 3_000 + seed * 7);
            assert!((death.min_s..=death.max_s).contains(&left), "{n}/{x} seed {seed}: left after {left}");
            assert!((back.min_s..=back.max_s).contains(&healed), "{n}/{x} seed {seed}: back after {healed}");
        }
    }
}
