//! `tidegate check`: diagnostics, lint and expectations, without touching the network.

use std::fmt::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::{Ended, Format, Trouble, Verdict, colour, print};
use crate::config::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::config::{self, Checked, composite_routes, render};
use crate::decide::explain::check_expectation;
use crate::health::bounds::{detection, recovery};
use crate::model::health_view::HealthView;
use crate::model::orders::Orders;
use crate::model::snapshot::{Generation, Snapshot};
use crate::model::table::Table;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Tables to check.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What came of one file.
struct Report {
    file: String,
    text: String,
    diagnostics: Diagnostics,
    table: Option<Table>,
}

pub fn run(args: &CheckArgs, format: Format) -> Ended {
    let mut reports = Vec::new();
    for path in &args.files {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| Trouble(format!("{file}: {e}")))?;
        reports.push(check(file, text));
    }
    match format {
        Format::Json => {
            let all: Vec<Value> = reports.iter().map(as_json).collect();
            print(&serde_json::to_string_pretty(&all)?);
        }
        Format::Text => {
            for report in &reports {
                let full = render::full(&report.diagnostics, &report.text, colour(&std::io::stderr()));
                if !full.is_empty() {
                    eprintln!("{full}\n");
                }
                print(&summary(report));
            }
        }
    }
    let bad = reports.iter().any(|report| report.diagnostics.has_errors());
    Ok(if bad { Verdict::No } else { Verdict::Yes })
}

fn check(file: String, text: String) -> Report {
    match config::read(&file, &text) {
        Err(diagnostics) => Report { file, text, diagnostics, table: None },
        Ok(Checked { table, warnings, .. }) => {
            let mut diagnostics = warnings;
            diagnostics.0.extend(failed_expectations(&file, &text, &table));
            Report { file, text, diagnostics, table: Some(table) }
        }
    }
}

/// Every expectation that does not hold, as an error at its place.
pub fn failed_expectations(file: &str, text: &str, table: &Table) -> Vec<Diagnostic> {
    let health = Arc::new(HealthView::all_up(table.origins.len()));
    let snapshot = Snapshot::new(Generation(1), Arc::new(table.clone()), health, &Orders::default());
    let failed = |message: String, line: usize| Diagnostic {
        severity: Severity::Error,
        code: "expectation",
        message,
        help: Some(String::from("correct the table or the expectation; `tidegate explain` shows every step")),
        rule: None,
        file: file.to_owned(),
        line,
        column: 1,
        span: line_span(text, line),
    };
    let all = table.expects.iter();
    all.filter_map(|e| {
        let what = check_expectation(&snapshot, e)?;
        let request = format!("{} {}://{}{}", e.method, e.scheme.as_str(), e.host, e.target);
        Some(failed(format!("{request}: {what}"), e.line))
    })
    .collect()
}

/// The bytes of a line, counted from 1.
fn line_span(text: &str, line: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for (at, line_text) in text.split_inclusive('\n').enumerate() {
        if at + 1 == line {
            return Some(start..start + line_text.trim_end().len());
        }
        start += line_text.len();
    }
    None
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn summary(report: &Report) -> String {
    let count = |severity| report.diagnostics.0.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut out = String::new();
    let verdict = if errors > 0 { "refused" } else { "ok" };
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "{}: {verdict}, {}, {}",
        report.file,
        counted(errors, "error"),
        counted(warnings, "warning")
    );
    let Some(table) = &report.table else { return out };
    let failed = report.diagnostics.0.iter().filter(|d| d.code == "expectation").count();
    let _ = writeln!(
        out,
        "; {} ({} composite), {}, {}, {}; {} of {} expectations hold",
        counted(table.routes.len(), "route"),
        composite_routes(table),
        counted(table.domains.len(), "domain"),
        counted(table.groups.len(), "origin group"),
        counted(table.origins.len(), "origin"),
        table.expects.len() - failed,
        table.expects.len()
    );
    for group in &table.groups {
        let Some(probe) = &group.probe else {
            let _ = writeln!(out, "  {}: probes off", group.name);
            continue;
        };
        let interval = probe.interval.get();
        let silent = probe.timeout.as_secs_f64();
        match (
            detection(group.load_balancing, interval, 0.0),
            detection(group.load_balancing, interval, silent),
            recovery(group.load_balancing, interval),
        ) {
            (Some(refused), Some(hanging), Some(back)) => {
                let _ = writeln!(
                    out,
                    "  {}: a dead origin leaves within {:.0} to {:.0} s (hanging: {:.0} to {:.0} s), a healed one is back within {:.0} to {:.0} s",
                    group.name,
                    refused.min_s,
                    refused.max_s,
                    hanging.min_s,
                    hanging.max_s,
                    back.min_s,
                    back.max_s
                );
            }
            _ => {
                let _ = writeln!(out, "  {}: no origin ever becomes unhealthy (FD-A17)", group.name);
            }
        }
    }
    out
}

fn as_json(report: &Report) -> Value {
    let ok = !report.diagnostics.has_errors();
    let composite = report.table.as_ref().map(composite_routes);
    json!({ "file": report.file, "ok": ok, "diagnostics": report.diagnostics, "composite_routes": composite })
}
