//! `tidegate status`: what the running edge believes.

use std::fmt::Write;

use serde_json::Value;

use super::client::{Client, accepted};
use super::{Ended, Format, Reach, Verdict, print};

pub fn run(reach: &Reach) -> Ended {
    let answer = Client::new(reach)?.call("GET", "/v1/health", &[], None)?;
    let Some(body) = accepted(answer) else { return Ok(Verdict::No) };
    match reach.format {
        Format::Json => print(&serde_json::to_string_pretty(&body)?),
        Format::Text => print(&text(&body)),
    }
    Ok(Verdict::Yes)
}

fn part<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("-")
}

fn seconds(value: &Value) -> String {
    value.as_f64().map_or_else(
        || String::from("-"),
        |s| if s < 120.0 { format!("{s:.0} s") } else { format!("{:.0} min", s / 60.0) },
    )
}

/// The page.
pub fn text(body: &Value) -> String {
    let ready = if body["ready"] == Value::Bool(true) { "ready" } else { "not ready" };
    let mut out = format!("edge {}, generation {}, {ready}\n", part(body, "edge"), body["generation"]);
    // Writing to a string does not fail.
    let _ = writeln!(out, "\n{:<20} {:<9} {:>5}", "REGION", "STATE", "DIAL");
    for region in body["regions"].as_array().into_iter().flatten() {
        let dial = format!("{} %", region["dial"]);
        let _ = writeln!(out, "{:<20} {:<9} {dial:>5}", part(region, "name"), part(region, "state"));
    }
    let _ = writeln!(
        out,
        "\n{:<28} {:<14} {:>2} {:>4}  {:<15} {:<8} {:>7}  {:>7}  {:>7}  LAST FAILURE",
        "GROUP / ORIGIN", "REGION", "P", "W", "VERDICT", "WINDOW", "LATENCY", "SINCE", "NEXT"
    );
    let mut group = "";
    for origin in body["origins"].as_array().into_iter().flatten() {
        if part(origin, "group") != group {
            group = part(origin, "group");
            let _ = writeln!(out, "{group}");
        }
        let verdict = match part(origin, "source") {
            "probe" => part(origin, "verdict").to_owned(),
            "disabled" => String::from("disabled"),
            source => format!("{} ({source})", part(origin, "verdict")),
        };
        let latency =
            origin["latency_ms"].as_u64().map_or_else(|| String::from("-"), |ms| format!("{ms} ms"));
        let failure = origin["last_failure"].as_str().unwrap_or("");
        // A JSON number does not pad itself.
        let (priority, weight) = (origin["priority"].to_string(), origin["weight"].to_string());
        let line = format!(
            "  {:<26} {:<14} {priority:>2} {weight:>4}  {verdict:<15} {:<8} {latency:>7}  {:>7}  {:>7}  {failure}",
            part(origin, "origin"),
            part(origin, "region"),
            part(origin, "window"),
            seconds(&origin["since_s"]),
            seconds(&origin["next_probe_in_s"]),
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
