//! `tidegate apply`, `rollback`, `history`: the swap, from outside.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::client::{Answer, Client, accepted, refusal};
use super::{Ended, Format, Reach, Trouble, Verdict, print};

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The table.
    file: PathBuf,
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
    /// Refuse unless this generation serves; without it, whatever serves is replaced.
    #[arg(long, value_name = "GENERATION")]
    base: Option<u64>,
}

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The generation to go back to; without it, the one before the present one.
    generation: Option<u64>,
}

pub fn apply(args: &ApplyArgs, reach: &Reach) -> Ended {
    let text =
        std::fs::read_to_string(&args.file).map_err(|e| Trouble(format!("{}: {e}", args.file.display())))?;
    let client = Client::new(reach)?;
    let toml = ("Content-Type", "application/toml");
    let answer = if args.dry_run {
        client.call("POST", "/v1/table/check", &[toml], Some(&text))?
    } else {
        let base = args.base.map_or_else(|| String::from("*"), |b| format!("\"{b}\""));
        client.call("PUT", "/v1/table", &[toml, ("If-Match", &base)], Some(&text))?
    };
    Ok(show(&answer, reach.format, Some(&args.file.display().to_string())))
}

pub fn rollback(args: &RollbackArgs, reach: &Reach) -> Ended {
    let body = json!({ "generation": args.generation }).to_string();
    let answer = Client::new(reach)?.call(
        "POST",
        "/v1/rollback",
        &[("Content-Type", "application/json")],
        Some(&body),
    )?;
    Ok(show(&answer, reach.format, None))
}

/// `file`: what the user called the table; the edge knows it by the name of its own.
fn show(answer: &Answer, format: Format, file: Option<&str>) -> Verdict {
    let good = answer.status < 300;
    if format == Format::Json {
        print(&answer.body.to_string());
    } else if good {
        print(&outcome(&answer.body));
    } else {
        eprintln!("{}", refusal(answer, file));
    }
    if good { Verdict::Yes } else { Verdict::No }
}

/// What came of a change.
pub fn outcome(body: &Value) -> String {
    let generation = &body["generation"];
    let mut out = match body["outcome"].as_str() {
        Some("unchanged") => format!("generation {generation} serves already, nothing to change\n"),
        Some("would_apply") => format!("this would replace generation {generation}:\n"),
        _ => format!("generation {generation} serves:\n"),
    };
    out.push_str(&changes(&body["changes"]));
    for warning in body["warnings"].as_array().into_iter().flatten() {
        // Writing to a string does not fail.
        let _ = writeln!(out, "warning[{}]: {}", text(&warning["code"]), text(&warning["message"]));
    }
    out
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn changes(list: &Value) -> String {
    let mut out = String::new();
    for change in list.as_array().into_iter().flatten() {
        let sign = match change["kind"].as_str() {
            Some("added") => '+',
            Some("removed") => '-',
            _ => '~',
        };
        let values = match (change["from"].as_str(), change["to"].as_str()) {
            (Some(from), Some(to)) => format!(": {from} -> {to}"),
            (Some(value), None) | (None, Some(value)) => format!(": {value}"),
            (None, None) => String::new(),
        };
        let _ = writeln!(out, "  {sign} {}{values}", text(&change["what"]));
    }
    out
}

pub fn history(reach: &Reach) -> Ended {
    let answer = Client::new(reach)?.call("GET", "/v1/history", &[], None)?;
    let Some(body) = accepted(answer) else { return Ok(Verdict::No) };
    if reach.format == Format::Json {
        print(&body.to_string());
        return Ok(Verdict::Yes);
    }
    print(&past(&body));
    Ok(Verdict::Yes)
}

/// Generations, newest first.
pub fn past(body: &Value) -> String {
    let mut out = String::from("GENERATION  WHEN                      BY\n");
    for entry in body["generations"].as_array().into_iter().flatten() {
        let mark = if entry["current"] == json!(true) { "*" } else { " " };
        let number = entry["generation"].to_string();
        let _ = writeln!(out, "{number:>9}{mark}  {:<24}  {}", text(&entry["at"]), text(&entry["by"]));
        out.push_str(&changes(&entry["changes"]));
    }
    out
}
