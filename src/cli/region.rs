//! `tidegate region`: move traffic by hand.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, accepted};
use super::{Ended, Format, Reach, Verdict, print};

#[derive(Debug, Args)]
pub struct RegionArgs {
    /// Name of the region.
    name: String,
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// No new requests; those in flight and open streams finish.
    Drain,
    /// No new requests; those in flight and open streams are cut.
    Isolate,
    /// Back to normal: active, dial 100.
    Restore,
    /// The share it gets of the traffic that it would otherwise get.
    Dial {
        /// 0 to 100.
        #[arg(value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
    },
}

pub fn run(args: &RegionArgs, reach: &Reach) -> Ended {
    let body: Value = match args.order {
        Order::Drain => json!({ "state": "drained" }),
        Order::Isolate => json!({ "state": "isolated" }),
        Order::Restore => json!({ "state": "active", "dial": 100 }),
        Order::Dial { percent } => json!({ "dial": percent }),
    };
    let path = format!("/v1/regions/{}", args.name);
    let answer = Client::new(reach)?.call(
        "PUT",
        &path,
        &[("Content-Type", "application/json")],
        Some(&body.to_string()),
    )?;
    let Some(body) = accepted(answer) else { return Ok(Verdict::No) };
    if reach.format == Format::Json {
        print(&body.to_string());
    } else {
        let state = body["state"].as_str().unwrap_or("");
        print(&format!("region {}: {state}, dial {} %", args.name, body["dial"]));
    }
    Ok(Verdict::Yes)
}
