//! Sockets and handshakes: every worker accepts on its own, chooses TLS settings by the name in the ClientHello, and
//! serves the connection on its own thread.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

use super::io::EdgeIo;
use super::line::Line;
use super::serve;
use super::worker::{Shared, Worker};
use crate::model::limits::TLS_HANDSHAKE_S;
use crate::model::route::Scheme;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// How often a worker looks after what is idle.
const TIDY: Duration = Duration::from_secs(5);

/// A bound address with what is spoken on it.
#[derive(Debug)]
pub struct Bound {
    pub scheme: Scheme,
    pub address: SocketAddr,
    /// One listener per worker, all on the same address.
    pub listeners: Vec<StdListener>,
}

/// Binds an address once per worker, so that the kernel spreads connections over them. Port 0 becomes one free port.
///
/// # Errors
/// The address is in use, or is not this machine's.
pub fn bind(scheme: Scheme, address: SocketAddr, workers: usize) -> io::Result<Bound> {
    // Sharing a port is for our own workers: another program on it is an error, not a partner.
    drop(StdListener::bind(address)?);
    let first = listener(address)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(listener(address)?);
    }
    Ok(Bound { scheme, address, listeners })
}

fn listener(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// When a worker ends.
#[derive(Debug, Clone)]
pub struct Ending {
    /// True: no new connections, idle ones close, requests in flight finish.
    pub drain: watch::Receiver<bool>,
    /// True: what is still running is dropped.
    pub stop: watch::Receiver<bool>,
}

/// Runs one worker on this thread until it has drained or is stopped.
///
/// # Errors
/// No runtime can be made, or a listener does not work.
pub fn work(
    shared: Arc<Shared>,
    listeners: Vec<(Scheme, StdListener)>,
    seed: u64,
    ending: Ending,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        let worker = Rc::new(Worker::new(shared, seed));
        let mut accepting = JoinSet::new();
        for (scheme, listener) in listeners {
            let listener = TcpListener::from_std(listener)?;
            accepting.spawn_local(accept(worker.clone(), scheme, listener, ending.clone()));
        }
        let steward = tokio::task::spawn_local(steward(worker));
        let mut stop = ending.stop;
        tokio::select! {
            () = async { while accepting.join_next().await.is_some() {} } => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        steward.abort();
        Ok(())
    })
}

/// Takes over what is published at once, also while no request comes.
async fn steward(worker: Rc<Worker>) {
    let mut changes = worker.shared.live.changes();
    loop {
        // Without idle connections nothing ages: then only a change wakes this worker.
        let keeps = worker.keeps_connections();
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(TIDY), if keeps => {}
            () = tokio::time::sleep(TIDY * 12), if !keeps => {}
        }
        worker.tidy();
    }
}

/// Accepts until the edge drains, then waits for the connections that are left.
async fn accept(worker: Rc<Worker>, scheme: Scheme, listener: TcpListener, mut ending: Ending) {
    let port = listener.local_addr().map_or(0, |a| a.port());
    let mut connections = JoinSet::new();
    let drain = ending.drain.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    connections.spawn_local(connection(worker.clone(), scheme, port, tcp, peer, drain.clone()));
                }
                // Out of file descriptors, or the client was gone already: others are served, then tried again.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = ending.drain.wait_for(|drain| *drain) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Counts a connection while it lives.
struct Counted<'w>(&'w Shared);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.connections.dec();
    }
}

async fn connection(
    worker: Rc<Worker>,
    scheme: Scheme,
    port: u16,
    tcp: TcpStream,
    peer: SocketAddr,
    drain: watch::Receiver<bool>,
) {
    let shared = worker.shared.clone();
    shared.metrics.connections_accepted.inc();
    shared.metrics.connections.inc();
    let open = shared.connections.fetch_add(1, Ordering::Relaxed);
    let _counted = Counted(&shared);
    // A connection that is gone already shows at the first read.
    let _ = tcp.set_nodelay(true);
    let most = worker.view().pinned.snapshot.table.settings.limits.connections;
    if open >= most {
        shared.metrics.refused("connections");
        if scheme == Scheme::Http {
            serve::too_many(EdgeIo::Plain(tcp)).await;
        }
        return;
    }
    if scheme == Scheme::Http {
        let line = Line { scheme, peer, port, sni: None, tls: None };
        return serve::connection(&worker, &line, EdgeIo::Plain(tcp), drain).await;
    }
    let handshake = timeout(Duration::from_secs(TLS_HANDSHAKE_S), handshake(&worker, tcp)).await;
    let Ok(Some((sni, io))) = handshake else {
        shared.metrics.handshake(false);
        return;
    };
    shared.metrics.handshake(true);
    let h2 = matches!(&io, EdgeIo::Served(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2"));
    let line = Line { scheme, peer, port, sni, tls: io.tls_names() };
    if h2 {
        Box::pin(serve::h2_connection(&worker, &line, Box::new(io), drain)).await;
    } else {
        serve::connection(&worker, &line, io, drain).await;
    }
}

/// TLS by the name that the client asks for. What serves is looked up per handshake: a new certificate serves the
/// next one, established connections stay as they are (FD-H13).
async fn handshake(worker: &Worker, tcp: TcpStream) -> Option<(Option<Box<str>>, EdgeIo)> {
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), tcp).await.ok()?;
    let sni: Option<Box<str>> = start.client_hello().server_name().map(Into::into);
    let config = worker.view().pinned.tls.server(sni.as_deref()).clone();
    let tls = start.into_stream(config).await.ok()?;
    Some((sni, EdgeIo::Served(Box::new(tls))))
}
