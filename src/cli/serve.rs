//! `tidegate serve`.

use std::path::PathBuf;

use clap::Args;

use super::{Ended, Trouble, Verdict, colour};
use crate::app::AppError;
use crate::app::signals::{ServeOptions, serve};
use crate::config::render;
use crate::telemetry::logs;

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The table.
    #[arg(long, default_value = "routes.toml", value_name = "FILE")]
    config: PathBuf,
    /// Take the listeners of the running edge that offers them on this socket.
    #[arg(long, hide = true, value_name = "SOCKET")]
    take_over: Option<PathBuf>,
}

pub fn run(args: &ServeArgs, log_format: logs::Format) -> Ended {
    logs::start(log_format);
    let options = ServeOptions { config: args.config.clone(), take_over: args.take_over.clone() };
    serve(&options).map(|()| Verdict::Yes).map_err(|error| trouble(&error))
}

/// What is printed of an edge that does not start.
pub fn trouble(error: &AppError) -> Trouble {
    match error {
        AppError::Refused { diagnostics, text } => {
            let full = render::full(diagnostics, text, colour(&std::io::stderr()));
            Trouble(format!("{full}\n\nthe edge was not started: {} to mend", count(diagnostics.0.len())))
        }
        AppError::Unreadable { .. } => Trouble(format!("{error}; name the table with --config FILE")),
        other => Trouble(other.to_string()),
    }
}

fn count(mistakes: usize) -> String {
    if mistakes == 1 { String::from("1 mistake") } else { format!("{mistakes} mistakes") }
}
