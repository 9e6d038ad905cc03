//! The command line: arguments in, exit code out. One file per command. Data goes to stdout, everything else to
//! stderr; exit 0 done, 1 the answer is no, 2 wrong usage or cannot run.

mod change;
mod check;
mod client;
mod demo;
mod explain;
mod region;
mod serve;
mod status;
#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::config::render::Colour;
use crate::telemetry::logs;

/// How a command ended.
pub type Ended = Result<Verdict, Trouble>;

/// The answer of a command that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
}

/// A command that could not run: what to print on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble(pub String);

impl<E: std::error::Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The edge you can break, time and trust: Front Door semantics in front of your regional stacks, without restarts.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100)]
pub struct Cli {
    /// Address of a running edge's admin API; else `[edge].admin` of ./routes.toml, else http://127.0.0.1:8900.
    #[arg(long, global = true, value_name = "URL")]
    admin: Option<String>,
    /// File with the admin API's bearer token; else the environment's TIDEGATE_TOKEN.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How answers are printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: Format,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start stand-in regional stacks and the edge in front of them, all in this process.
    Demo(demo::DemoArgs),
    /// Serve a table until SIGTERM; SIGHUP or a changed file reloads, SIGQUIT upgrades without downtime.
    Serve(serve::ServeArgs),
    /// Check tables: diagnostics, lint and [[expect]], without touching the network.
    Check(check::CheckArgs),
    /// Say where a request goes, and why.
    Explain(explain::ExplainArgs),
    /// Show what the running edge believes.
    Status,
    /// Make a table serve.
    Apply(change::ApplyArgs),
    /// Go back to an earlier generation.
    Rollback(change::RollbackArgs),
    /// List generations.
    History,
    /// Move traffic of a region by hand.
    Region(region::RegionArgs),
}

/// What commands that talk to an edge share.
#[derive(Debug, Clone, Args)]
pub struct Reach {
    pub admin: Option<String>,
    pub token_file: Option<PathBuf>,
    pub format: Format,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, mistakes are not; both print themselves.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let log_format = if cli.format == Format::Json { logs::Format::Json } else { logs::Format::Text };
    let reach = Reach { admin: cli.admin, token_file: cli.token_file, format: cli.format };
    let ended = match cli.command {
        None => {
            // A closed stdout has nobody to tell.
            let _ = Cli::command().print_help();
            return ExitCode::from(0);
        }
        Some(Command::Demo(args)) => demo::run(&args, log_format),
        Some(Command::Serve(args)) => serve::run(&args, log_format),
        Some(Command::Check(args)) => check::run(&args, cli.format),
        Some(Command::Explain(args)) => explain::run(&args, &reach),
        Some(Command::Status) => status::run(&reach),
        Some(Command::Apply(args)) => change::apply(&args, &reach),
        Some(Command::Rollback(args)) => change::rollback(&args, &reach),
        Some(Command::History) => change::history(&reach),
        Some(Command::Region(args)) => region::run(&args, &reach),
    };
    match ended {
        Ok(Verdict::Yes) => ExitCode::from(0),
        Ok(Verdict::No) => ExitCode::from(1),
        Err(Trouble(text)) => {
            eprintln!("{text}");
            ExitCode::from(2)
        }
    }
}

/// Colours where somebody looks.
fn colour(stream: &impl IsTerminal) -> Colour {
    if stream.is_terminal() && std::env::var_os("NO_COLOR").is_none() { Colour::On } else { Colour::Off }
}

/// Prints to stdout; a reader that has gone away is no trouble of ours.
fn print(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
}
