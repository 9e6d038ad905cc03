//! Cost of a swap: from the text of a table to the first request that may use it, on tables of 100 routes and of
//! 5,000 composite ones. `cargo bench --bench swap`.

use std::time::{Duration, Instant};

use tidegate::app::edge::control;
use tidegate::control::change::Outcome;

/// Swaps that are timed; the median and the worst are shown.
const SWAPS: usize = 41;

fn text(routes: usize, patterns: usize, weight: usize) -> String {
    let origins: String = (0..20)
        .map(|i| {
            format!("[origin_groups.g.origins.o{i}]\nhost = \"127.9.0.{}\"\nweight = {}\n", i + 1, weight + i)
        })
        .collect();
    let list: String = (0..patterns).map(|p| format!("\"/service/part{p}/*\",")).collect();
    let all: String = (0..routes)
        .map(|i| format!("[routes.r{i}]\ndomains = [\"d{i}.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\npatterns = [{list}]\n"))
        .collect();
    format!(
        "[origin_groups.g]\nload_balancing = {{ additional_latency_ms = 1000 }}\nhealth_probe = {{}}\n{origins}{all}"
    )
}

fn main() {
    println!("| table | median | worst |\n|---|---|---|");
    for (name, routes, patterns) in [("100 routes", 100, 1), ("5,000 composite routes", 100, 25)] {
        let folder = tempfile::tempdir().expect("a folder");
        let control =
            control("bench", text(routes, patterns, 10), folder.path().to_path_buf()).expect("a table");
        let mut took: Vec<Duration> = Vec::new();
        for n in 0..SWAPS {
            let next = text(routes, patterns, 11 + n % 2);
            let before = control.live().pin();
            let started = Instant::now();
            let outcome = control.apply(&next, None, "bench");
            assert!(!control.live().is(&before), "the new table is what a request gets");
            took.push(started.elapsed());
            assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
        }
        took.sort();
        println!("| {name} | {:.1?} | {:.1?} |", took[SWAPS / 2], took[SWAPS - 1]);
    }
}
