//! Tidegate, nginx and haproxy side by side on this machine: `cargo bench --bench end_to_end`.
//!
//! Each proxy runs on core 0 alone, origin (one nginx worker) and load on core 1; all proxies run at once and take
//! turns, round after round. What counts is the proxy's own CPU time per request, from /proc, and its ratio to
//! nginx's in the same round: machines drift, ratios less so. All proxies add the same forwarding headers, write no
//! access log, and use the same P-256 key.
//! `ROUNDS=3` sets the rounds, `CASE=TLS` picks cases by a part of their name. Needs Debian's nginx, haproxy, wrk and nghttp2-client, and taskset.

mod load;
mod proxies;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use load::{Case, cases};
use proxies::{Proxy, Stage};

/// Rounds; the medians are shown.
const ROUNDS: usize = 5;

fn missing() -> Vec<&'static str> {
    let there = |program: &&str| {
        let found = Command::new("which").arg(program).stdout(Stdio::null()).status();
        !found.is_ok_and(|s| s.success())
    };
    ["nginx", "haproxy", "wrk", "h2load", "taskset", "openssl"].into_iter().filter(there).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let lacking = missing();
    if !lacking.is_empty() {
        println!("not run: {} not installed (Debian: nginx haproxy wrk nghttp2-client)", lacking.join(", "));
        return;
    }
    let rounds = std::env::var("ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(ROUNDS);
    let stage = Stage::start();
    println!(
        "| case | proxy | requests/s | CPU per request, us | CPU against nginx |\n|---|---|---|---|---|"
    );
    let wanted = std::env::var("CASE").unwrap_or_default();
    for case in cases().into_iter().filter(|case| case.name.contains(&wanted)) {
        run(&stage, &case, rounds);
    }
    memory(&stage);
}

fn run(stage: &Stage, case: &Case, rounds: usize) {
    let mut cost: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut rate: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut ratio: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        let mut round: BTreeMap<&str, f64> = BTreeMap::new();
        for proxy in &stage.proxies {
            let before = proxy.cpu_us();
            let result = case.run(proxy);
            let spent = proxy.cpu_us() - before;
            assert!(result.failed == 0 && result.requests > 0, "{} {}: {result:?}", case.name, proxy.name);
            let each = spent / result.requests as f64;
            round.insert(proxy.name, each);
            cost.entry(proxy.name).or_default().push(each);
            rate.entry(proxy.name).or_default().push(result.per_second);
        }
        for (name, each) in &round {
            ratio.entry(name).or_default().push(each / round["nginx"]);
        }
    }
    for Proxy { name, .. } in &stage.proxies {
        let of = |map: &BTreeMap<&str, Vec<f64>>| median(map[name].clone());
        println!("| {} | {name} | {:.0} | {:.1} | {:.2} |", case.name, of(&rate), of(&cost), of(&ratio));
    }
}

/// Resident memory per idle TLS connection that has carried one request.
fn memory(stage: &Stage) {
    const IDLE: usize = 1_000;
    println!("\n| idle TLS connections | proxy | kB each |\n|---|---|---|");
    for proxy in &stage.proxies {
        // What the first connections cost once is not theirs alone.
        drop(load::idle(proxy, 200));
        let before = proxy.rss_kb();
        let held = load::idle(proxy, IDLE);
        println!("| {IDLE} | {} | {:.1} |", proxy.name, (proxy.rss_kb() - before) / IDLE as f64);
        drop(held);
    }
}
