//! `tidegate explain`: the decision about a request and every step of it, by the running edge or by a file.

use std::net::IpAddr;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, accepted};
use super::{Ended, Format, Reach, Trouble, Verdict, colour, print};
use crate::config::{self, render};
use crate::decide::explain::{Question, explain, parse_down};
use crate::model::health_view::HealthView;
use crate::model::orders::Orders;
use crate::model::snapshot::{Generation, Snapshot};

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// http://host/path or https://host/path.
    url: String,
    #[arg(long, default_value = "GET")]
    method: String,
    /// The client's address.
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// `live` asks the running edge; a file is read, with every origin taken as healthy.
    #[arg(long, default_value = "live", value_name = "FILE|live")]
    at: String,
    /// What to take as down: region:NAME, origin:NAME, origin:GROUP/NAME.
    #[arg(long, value_delimiter = ',', value_name = "WHAT")]
    down: Vec<String>,
    /// Value of an affinity cookie.
    #[arg(long, value_name = "VALUE")]
    affinity: Option<String>,
}

pub fn run(args: &ExplainArgs, reach: &Reach) -> Ended {
    let body = if args.at == "live" { live(args, reach)? } else { Some(from_file(args)?) };
    let Some(body) = body else { return Ok(Verdict::No) };
    match reach.format {
        Format::Json => print(&serde_json::to_string_pretty(&body)?),
        Format::Text => print(&text(&body)),
    }
    let found = matches!(body["decision"].as_str(), Some("forward" | "redirect"));
    Ok(if found { Verdict::Yes } else { Verdict::No })
}

fn live(args: &ExplainArgs, reach: &Reach) -> Result<Option<Value>, Trouble> {
    let question = json!({
        "method": args.method, "url": args.url, "client": args.client, "down": args.down, "affinity": args.affinity,
    });
    let json = [("Content-Type", "application/json")];
    let answer = Client::new(reach)?.call("POST", "/v1/explain", &json, Some(&question.to_string()))?;
    Ok(accepted(answer))
}

fn from_file(args: &ExplainArgs) -> Result<Value, Trouble> {
    let text = std::fs::read_to_string(&args.at).map_err(|e| Trouble(format!("{}: {e}", args.at)))?;
    let checked = config::read(&args.at, &text);
    let refused = |diagnostics| Trouble(render::full(&diagnostics, &text, colour(&std::io::stderr())));
    let checked = checked.map_err(refused)?;
    let health = Arc::new(HealthView::all_up(checked.table.origins.len()));
    let snapshot = Snapshot::new(Generation(0), Arc::new(checked.table), health, &Orders::default());
    let mut down = Vec::new();
    for name in &args.down {
        down.extend(parse_down(&snapshot.table, name)?);
    }
    let question = Question {
        method: args.method.clone(),
        url: args.url.clone(),
        client: args.client,
        down,
        affinity: args.affinity.clone(),
        turn: 0,
    };
    Ok(serde_json::to_value(explain(&snapshot, &question)?)?)
}

/// The decision first, then how it came to be.
pub fn text(body: &Value) -> String {
    let part = |key: &str| body[key].as_str().unwrap_or("").to_owned();
    let head = match body["decision"].as_str() {
        Some("forward") => {
            let region = body["region"].as_str().map_or(String::new(), |r| format!(" in {r}"));
            format!(
                "to origin {}{region}, because {}\n  as {}",
                part("origin"),
                part("why"),
                part("origin_url")
            )
        }
        Some("redirect") => format!("redirected with {} by route {}", body["status"], part("route")),
        Some("no_route") => format!("answered {}: no route", body["status"]),
        _ => format!("answered {}: no origin of {} may take it", body["status"], part("origin_group")),
    };
    let mut out = head;
    let shares: Vec<String> = body["shares"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|share| format!("{} {:.1} %", share[0].as_str().unwrap_or(""), share[1].as_f64().unwrap_or(0.0)))
        .collect();
    if shares.len() > 1 {
        out.push_str(&format!("\n  over many requests: {}", shares.join(", ")));
    }
    out.push_str("\nstep by step:");
    for step in body["steps"].as_array().into_iter().flatten() {
        out.push_str(&format!("\n  {}", step.as_str().unwrap_or("")));
    }
    out
}
