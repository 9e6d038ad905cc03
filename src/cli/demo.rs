//! `tidegate demo`: the main job on an embedded default.

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Ended, Trouble, Verdict, serve};
use crate::app::edge::{Edge, Sockets, control};
use crate::control::files;
use crate::demo::StandIns;
use crate::telemetry::logs;

/// The table of the repository's root.
pub const TABLE: &str = include_str!("../../routes.toml");

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The table to serve: made from the embedded one if it is not there.
    #[arg(long, default_value = "routes.toml", value_name = "FILE")]
    config: PathBuf,
}

enum Order {
    Line(String),
    End,
}

pub fn run(args: &DemoArgs, log_format: logs::Format) -> Ended {
    logs::start(log_format);
    let path = &args.config;
    if !path.exists() {
        std::fs::write(path, TABLE).map_err(|e| Trouble(format!("{}: {e}", path.display())))?;
    }
    let text = std::fs::read_to_string(path).map_err(|e| Trouble(format!("{}: {e}", path.display())))?;
    let folder =
        path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let control = control(&path.display().to_string(), text, folder).map_err(|e| serve::trouble(&e))?;
    let table = control.live().pin().snapshot.table.clone();
    let mut stand_ins = StandIns::start(&table)?;
    let sockets = Sockets::bind(control.edge()).map_err(|e| serve::trouble(&e))?;
    let edge = Edge::start(control.clone(), sockets).map_err(|e| serve::trouble(&e))?;
    let watching = files::watch(control.clone(), path.clone());
    if let Err(error) = &watching {
        tracing::warn!(%error, "files are not watched: use `tidegate apply`");
    }
    welcome(&edge, &stand_ins, path);
    follow(&mut stand_ins);
    drop(watching);
    edge.drain(Duration::from_secs(5));
    Ok(Verdict::Yes)
}

fn welcome(edge: &Edge, stand_ins: &StandIns, config: &std::path::Path) {
    let folder = edge.control.edge().certificates_folder.clone();
    let ca = config.parent().unwrap_or(std::path::Path::new(".")).join(folder).join("ca.pem");
    let https = edge.https.first().map_or(8443, std::net::SocketAddr::port);
    eprintln!("\nThe demo serves {}:", config.display());
    for address in &edge.https {
        eprintln!("  https://bot.contoso.test and https://qna.contoso.test on {address}");
    }
    for address in &edge.http {
        eprintln!("  http (redirected to https) on {address}");
    }
    eprintln!("  admin API on http://{}", edge.admin);
    eprintln!("Stand-in regions:");
    for (instance, address, _) in stand_ins.list() {
        eprintln!("  {instance} on http://{address}");
    }
    let curl = format!("curl --cacert {} --connect-to ::127.0.0.1:{https}", ca.display());
    let regions = stand_ins.regions().join(", ");
    let first = stand_ins.regions().last().copied().unwrap_or("westeurope").to_owned();
    eprintln!("\nThree things to try:");
    eprintln!("  1. Ask, and see which region answers:");
    eprintln!("     {curl} https://bot.contoso.test/hello");
    eprintln!(
        "  2. Type `kill {first}` here and ask again: no request fails. `revive {first}` brings it back. (Regions: {regions})"
    );
    eprintln!(
        "  3. Edit {} and save it: the change serves at once. `tidegate status` shows what the edge believes.\n",
        config.display()
    );
    eprintln!("Ctrl-C ends the demo.");
}

/// Follows what is typed, until a signal comes. The end of the input ends nothing: a demo may run without a terminal.
fn follow(stand_ins: &mut StandIns) {
    let (orders, received) = channel();
    spawn_signals(orders.clone());
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if orders.send(Order::Line(line)).is_err() {
                return;
            }
        }
    });
    loop {
        match received.recv() {
            Ok(Order::Line(line)) => obey(stand_ins, line.trim()),
            Ok(Order::End) | Err(_) => return,
        }
    }
}

fn obey(stand_ins: &mut StandIns, line: &str) {
    let (word, region) = line.split_once(' ').unwrap_or((line, ""));
    let region = region.trim();
    let known = stand_ins.regions().contains(&region);
    match word {
        "kill" if known => eprintln!("{} services of {region} are dead", stand_ins.kill(region)),
        "revive" if known => match stand_ins.revive(region) {
            Ok(count) => eprintln!("{count} services of {region} run again"),
            Err(error) => eprintln!("{error}"),
        },
        "kill" | "revive" => {
            eprintln!("no region is called {region:?}; there are {}", stand_ins.regions().join(", "))
        }
        "" => {}
        _ => eprintln!("type `kill REGION` or `revive REGION`, or press Ctrl-C"),
    }
}

fn spawn_signals(orders: Sender<Order>) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            // The demo may have ended by itself.
            let _ = orders.send(Order::End);
        });
    });
}
