//! A running edge: worker threads, a control thread with prober and admin API, and how all of them end.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::{AppError, bind_help};
use crate::admin::{self, AdminState};
use crate::ambient;
use crate::config::{AccessLog as Target, EdgeSettings};
use crate::control::change::{Control, Start};
use crate::control::event::Event;
use crate::model::route::Scheme;
use crate::probe;
use crate::proxy::listen::{Bound, Ending, bind, work};
use crate::proxy::worker::Shared;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::Metrics;

/// How often the control thread looks whether clients come at all (FD-C29).
const IDLE_CHECK: Duration = Duration::from_secs(10);

/// The sockets of an edge, bound here or handed over.
#[derive(Debug)]
pub struct Sockets {
    pub bound: Vec<Bound>,
    pub admin: StdListener,
}

impl Sockets {
    /// Binds everything that `[edge]` names.
    ///
    /// # Errors
    /// The first address that cannot be bound, with its key and what to do.
    pub fn bind(edge: &EdgeSettings) -> Result<Self, AppError> {
        let workers = workers(edge);
        let mut bound = Vec::new();
        let listed = [("http", Scheme::Http, &edge.http), ("https", Scheme::Https, &edge.https)];
        for (key, scheme, addresses) in listed {
            for address in addresses {
                let made = bind(scheme, *address, workers);
                bound.push(made.map_err(|cause| {
                    let help = bind_help(&cause);
                    AppError::Bind { key, address: *address, cause, help }
                })?);
            }
        }
        let admin = StdListener::bind(edge.admin).map_err(|cause| {
            let help = bind_help(&cause);
            AppError::Bind { key: "admin", address: edge.admin, cause, help }
        })?;
        Ok(Self { bound, admin })
    }
}

/// Threads that serve: as the file says, else one per core.
pub fn workers(edge: &EdgeSettings) -> usize {
    edge.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// A running edge.
#[derive(Debug)]
pub struct Edge {
    pub control: Arc<Control>,
    pub shared: Arc<Shared>,
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    pub admin: SocketAddr,
    drain: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    ready: Arc<AtomicBool>,
    workers: Vec<JoinHandle<io::Result<()>>>,
    control_thread: Option<JoinHandle<()>>,
}

/// Checks a table and everything it names, without touching the network.
///
/// # Errors
/// Every mistake of the file.
pub fn control(file: &str, text: String, folder: PathBuf) -> Result<Arc<Control>, AppError> {
    // A process default that is there already is ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics = Arc::new(Metrics::new());
    let start = Start { file: file.to_owned(), text: text.clone(), folder, metrics };
    Control::start(start).map_err(|diagnostics| AppError::Refused { diagnostics, text })
}

impl Edge {
    /// Starts serving on `sockets`.
    ///
    /// # Errors
    /// The access log cannot be opened, the token cannot be read, or a thread cannot be started.
    pub fn start(control: Arc<Control>, sockets: Sockets) -> Result<Self, AppError> {
        let settings = control.edge().clone();
        let started = |what: &'static str| move |cause| AppError::Start { what, cause };
        let target = match settings.access_log.clone() {
            Target::File(path) => Target::File(control.folder().join(path)),
            other => other,
        };
        let log = AccessLog::start(target, control.metrics().lines_dropped.clone());
        let log = log.map_err(started("the access log cannot be opened"))?;
        let token = token(&control).map_err(started("[edge] admin_token_file cannot be used"))?;
        let addresses =
            |wanted| sockets.bound.iter().filter(|b| b.scheme == wanted).map(|b| b.address).collect();
        let (http, https): (Vec<SocketAddr>, Vec<SocketAddr>) =
            (addresses(Scheme::Http), addresses(Scheme::Https));
        let admin = sockets.admin.local_addr().map_err(started("the admin socket is broken"))?;
        let shared = Arc::new(Shared {
            live: control.live().clone(),
            metrics: control.metrics().clone(),
            log,
            edge: settings.name.clone(),
            h2c: settings.h2c,
            https_port: https.first().map(SocketAddr::port),
            connections: AtomicUsize::new(0),
            websockets: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
        });
        let (drain, stop) = (watch::Sender::new(false), watch::Sender::new(false));
        let ready = Arc::new(AtomicBool::new(false));
        let mut edge = Self {
            control,
            shared,
            http,
            https,
            admin,
            drain,
            stop,
            ready,
            workers: Vec::new(),
            control_thread: None,
        };
        edge.spawn_workers(sockets.bound, workers(&settings))
            .map_err(started("a worker cannot be started"))?;
        edge.spawn_control(sockets.admin, token).map_err(started("the control thread cannot be started"))?;
        edge.ready.store(true, Ordering::Release);
        Ok(edge)
    }

    fn spawn_workers(&mut self, bound: Vec<Bound>, count: usize) -> io::Result<()> {
        let mut sets: Vec<Vec<(Scheme, StdListener)>> = (0..count).map(|_| Vec::new()).collect();
        for Bound { scheme, listeners, .. } in bound {
            for (at, listener) in listeners.into_iter().enumerate() {
                sets[at % count].push((scheme, listener));
            }
        }
        for (at, listeners) in sets.into_iter().enumerate() {
            let (shared, seed) = (self.shared.clone(), ambient::seed());
            let ending = Ending { drain: self.drain.subscribe(), stop: self.stop.subscribe() };
            let name = format!("worker-{at}");
            self.workers.push(
                std::thread::Builder::new()
                    .name(name)
                    .spawn(move || work(shared, listeners, seed, ending))?,
            );
        }
        Ok(())
    }

    fn spawn_control(&mut self, admin: StdListener, token: Option<String>) -> io::Result<()> {
        admin.set_nonblocking(true)?;
        let state = AdminState::new(self.control.clone(), token, self.admin, self.ready.clone());
        let (control, stop) = (self.control.clone(), self.stop.subscribe());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            runtime.block_on(async move {
                let prober = tokio::spawn(probe::run(control.clone(), stop.clone()));
                let idle = tokio::spawn(watch_idleness(control));
                match tokio::net::TcpListener::from_std(admin) {
                    Ok(listener) => admin::serve(listener, state, stop).await,
                    Err(error) => tracing::error!(%error, "the admin API does not run"),
                }
                idle.abort();
                // The prober saw the same stop; one that panicked has nothing left to say.
                let _ = prober.await;
            });
        };
        self.control_thread = Some(std::thread::Builder::new().name(String::from("control")).spawn(run)?);
        Ok(())
    }

    /// No new connections; idle ones close; requests in flight finish within `limit`, then everything ends.
    /// True: all of them finished.
    pub fn drain(mut self, limit: Duration) -> bool {
        self.control.tell(Event::Draining);
        self.ready.store(false, Ordering::Release);
        self.shared.draining.store(true, Ordering::Relaxed);
        self.drain.send_replace(true);
        let deadline = std::time::Instant::now() + limit;
        while self.workers.iter().any(|worker| !worker.is_finished()) && std::time::Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let whole = self.workers.iter().all(JoinHandle::is_finished);
        self.end();
        whole
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        for worker in self.workers.drain(..) {
            match worker.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a worker ended with an error"),
                Err(_) => tracing::error!("a worker panicked"),
            }
        }
        if let Some(thread) = self.control_thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked");
        }
        self.shared.log.flush();
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.drain.send_replace(true);
        self.end();
    }
}

/// The admin API's token, where a file for it is named.
fn token(control: &Control) -> io::Result<Option<String>> {
    let Some(file) = &control.edge().admin_token_file else { return Ok(None) };
    let path = control.folder().join(file);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let token = std::fs::read_to_string(&path).map_err(named)?.trim().to_owned();
    if token.is_empty() {
        return Err(io::Error::other(format!("{}: there is no token in it", path.display())));
    }
    Ok(Some(token))
}

/// FD-C29, where `[probe] idle_slowdown` is set: an edge without client traffic probes less often.
async fn watch_idleness(control: Arc<Control>) {
    let mut last = 0;
    loop {
        tokio::time::sleep(IDLE_CHECK).await;
        let now = control.metrics().bytes_in.get();
        if control.live().pin().snapshot.table.settings.probe_idle_slowdown > 1 {
            control.set_idle(now == last);
        }
        last = now;
    }
}
