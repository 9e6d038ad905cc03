//! `tidegate serve`: an edge under signals. SIGHUP reloads, SIGTERM and SIGINT drain, SIGQUIT upgrades.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::AppError;
use super::edge::{Edge, Sockets, control};
use super::hand_over::{self, Offer, Takeover};
use crate::control::change::Control;
use crate::control::files;

/// How an edge is started.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    pub config: PathBuf,
    /// Take the listeners of the edge that offers them here.
    pub take_over: Option<PathBuf>,
}

/// Runs an edge until a signal ends it.
///
/// # Errors
/// It cannot start.
pub fn serve(options: &ServeOptions) -> Result<(), AppError> {
    let path = &options.config;
    let text =
        std::fs::read_to_string(path).map_err(|cause| AppError::Unreadable { path: path.clone(), cause })?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let control = control(&path.display().to_string(), text, folder.to_path_buf())?;
    let (takeover, sockets) = match &options.take_over {
        Some(path) => Takeover::ask(path).map(|(t, s)| (Some(t), s)).map_err(AppError::HandOver)?,
        None => (None, Sockets::bind(control.edge())?),
    };
    let copies = hand_over::copies(&sockets)
        .map_err(|cause| AppError::Start { what: "sockets cannot be copied", cause })?;
    let edge = Edge::start(control.clone(), sockets)?;
    let watching = files::watch(control.clone(), path.clone());
    if let Err(error) = &watching {
        tracing::warn!(%error, "files are not watched: use SIGHUP or `tidegate apply`");
    }
    if let Some(takeover) = takeover {
        takeover.serving().map_err(AppError::HandOver)?;
    }
    let list = |addresses: &[std::net::SocketAddr]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    tracing::info!(http = list(&edge.http), https = list(&edge.https), admin = %edge.admin, "the edge serves");
    let limit = control.edge().drain;
    until_ended(&control, &edge, path, &copies)?;
    drop(copies);
    drop(watching);
    if !edge.drain(limit) {
        tracing::warn!(limit_s = limit.as_secs(), "requests were cut: they took longer than drain_s");
    }
    Ok(())
}

/// Follows signals until one of them ends the edge.
fn until_ended(
    control: &Arc<Control>,
    edge: &Edge,
    config: &Path,
    copies: &[(String, OwnedFd)],
) -> Result<(), AppError> {
    let failed = |cause| AppError::Start { what: "signals cannot be received", cause };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut quit = signal(SignalKind::quit()).map_err(failed)?;
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    files::reload(control, config, "signal");
                    control.reload_certificates();
                    edge.shared.log.reopen();
                }
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = quit.recv() => match upgrade(control, config, copies) {
                    Ok(pid) => {
                        tracing::info!(pid, "the new process serves");
                        return Ok(());
                    }
                    Err(error) => tracing::error!(%error, "the upgrade failed, this process goes on serving"),
                },
            }
        }
    })
}

/// Starts the program anew from where it was started, and hands over the listeners.
#[expect(clippy::zombie_processes, reason = "this process ends while the new one goes on")]
fn upgrade(control: &Control, config: &Path, copies: &[(String, OwnedFd)]) -> std::io::Result<u32> {
    let path = hand_over::path(control.edge());
    let offer = Offer::open(path.clone())?;
    let mut command = Command::new(program()?);
    command.arg("serve").arg("--config").arg(config).arg("--take-over").arg(&path);
    let child = std::cell::RefCell::new(command.spawn()?);
    let ended = || matches!(Child::try_wait(&mut child.borrow_mut()), Ok(Some(_)));
    let outcome = offer.hand_over(copies, ended);
    let mut child = child.into_inner();
    if let Err(error) = outcome {
        // A process that does not serve must not linger with our sockets; it may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(child.id())
}

/// The program's file, also where it has been replaced since.
fn program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}
