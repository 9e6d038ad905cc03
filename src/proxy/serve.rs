//! One request from its head to its record: arrive, decide, answer here or forward, record.
//! And the connections that requests come over: HTTP/1 one after the other, HTTP/2 side by side.

use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use h2::server::SendResponse;
use pingora::protocols::http::v2::server::{default_h2_options, handshake};
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};

use super::arrive::{self, Text};
use super::attempt::{self, Done, Way};
use super::deliver::put_status_line;
use super::fail::Failure;
use super::http2::to_client::ClientStream;
use super::io::EdgeIo;
use super::line::Line;
use super::side::ClientSide;
use super::visit::Visit;
use super::worker::Worker;
use super::{answer, record};
use crate::decide::facts::RequestFacts;
use crate::decide::request::{Decision, for_request};
use crate::http1::conn::{Conn, put_field};
use crate::http1::fields::{Fields, Known};
use crate::http1::parse::{Framing, HeadError, HeadLimits, RequestHead, Version, keeps_alive};
use crate::model::limits::Limits;

/// Time and bytes for a client to read the answer before its connection is closed under it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;
/// Preface of HTTP/2 with prior knowledge.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves one request; whether its connection may carry another.
async fn request(worker: &Worker, line: &Line, head: RequestHead, mut client: ClientSide<'_>) -> bool {
    let mut visit = Visit::begin(worker, line, head);
    worker.shared.metrics.in_flight.inc();
    let before = client.bytes_out();
    let keep = walk(&mut visit, &mut client).await;
    visit.bytes_out += client.bytes_out() - before;
    worker.shared.metrics.in_flight.dec();
    record::close(&visit);
    keep
}

async fn walk(visit: &mut Visit<'_>, client: &mut ClientSide<'_>) -> bool {
    let draining = visit.worker.shared.draining.load(Ordering::Relaxed);
    let reusable = !draining
        && visit.head.version != Version::Http10
        && keeps_alive(&visit.head.fields, visit.head.version);
    let decided = decide(visit);
    let unread = !client.body_done();
    match decided {
        Err(failure) => {
            let close = !reusable || failure.closes() || unread;
            answer::failure(visit, client, failure, close).await;
            !close
        }
        Ok(Decision::Redirect(_)) => {
            let close = !reusable || unread;
            answer::redirect(visit, client, close).await;
            !close
        }
        // Both are turned into failures by `decide`.
        Ok(Decision::NoRoute(_)) => false,
        Ok(Decision::Forward { matched, group, scheme }) => {
            forward(visit, client, Way { matched, group, scheme }, !reusable).await
        }
    }
}

/// Facts, and the decision about them.
fn decide(visit: &mut Visit<'_>) -> Result<Decision, Failure> {
    let view = visit.view.clone();
    let table = &view.pinned.snapshot.table;
    let asked = arrive::read(&visit.head, visit.line, &table.settings)?;
    let facts = RequestFacts {
        scheme: visit.line.scheme,
        host: asked.host.as_str(),
        path: asked.path.as_str(),
        query: asked.query.as_ref().map(Text::as_str),
        client: asked.client,
        affinity: [None, None],
    };
    let fits = arrive::sni_fits(visit.line, asked.host.as_str(), table);
    let decision = for_request(table, &facts);
    visit.asked = Some(asked);
    if !fits {
        return Err(Failure::SniMismatch);
    }
    match decision {
        Decision::NoRoute(_) => return Err(Failure::NoRoute),
        Decision::Redirect(matched) | Decision::Forward { matched, .. } => visit.matched = Some(matched),
    }
    Ok(decision)
}

async fn forward(visit: &mut Visit<'_>, client: &mut ClientSide<'_>, way: Way, close: bool) -> bool {
    let websocket = visit.asked.as_ref().is_some_and(|asked| asked.websocket);
    let shared = visit.worker.shared.clone();
    if websocket {
        let most = visit.settings().limits.websockets;
        if shared.websockets.fetch_add(1, Ordering::Relaxed) >= most {
            shared.websockets.fetch_sub(1, Ordering::Relaxed);
            shared.metrics.refused("websockets");
            answer::failure(visit, client, Failure::TooManyWebSockets, close).await;
            return !close;
        }
        shared.metrics.websockets.inc();
    }
    let present = visit.worker.presences.add();
    let done = attempt::run(visit, client, &present.presence, way, close).await;
    if websocket {
        shared.websockets.fetch_sub(1, Ordering::Relaxed);
        shared.metrics.websockets.dec();
    }
    match done {
        Done::Delivered { reusable } => reusable,
        Done::Failed(Failure::ClientGone) => {
            visit.failure = Some(Failure::ClientGone);
            false
        }
        Done::Failed(failure) => {
            let close = close || failure.closes() || !client.body_done();
            answer::failure(visit, client, failure, close).await;
            !close
        }
        Done::Cut => {
            if let ClientSide::H1(conn) = client {
                conn.abort = conn.ends_by_closing() && !conn.sent_all();
            }
            if let ClientSide::H2(stream) = client
                && !stream.sent_all()
            {
                // A reset overtakes what is queued: the connection gets its turn to send that first.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                stream.reset(h2::Reason::INTERNAL_ERROR);
            }
            false
        }
    }
}

/// What a client's head may weigh.
const fn head_limits(limits: &Limits) -> HeadLimits {
    HeadLimits {
        target: limits.url_bytes,
        line: limits.header_bytes,
        total: limits.headers_bytes,
        count: limits.header_count,
    }
}

/// A connection that turned out to be HTTP/1, or plain HTTP/2 where that is on.
pub async fn connection(worker: &Worker, line: &Line, io: EdgeIo, mut drain: watch::Receiver<bool>) {
    let mut conn = Conn::new(io);
    let mut first = true;
    loop {
        // Nothing of a table is held while the connection waits: what is replaced meanwhile can go.
        let idle = {
            let view = worker.view();
            let settings = &view.pinned.snapshot.table.settings;
            if first { settings.client_header_timeout } else { settings.client_keep_alive }
        };
        let waiting = tokio::select! {
            biased;
            input = timeout(idle, conn.wait_for_input()) => input,
            // An idle connection has nothing to lose. One whose bytes are here already is served.
            _ = drain.wait_for(|drain| *drain) => return,
        };
        if !matches!(waiting, Ok(Ok(true))) {
            return;
        }
        let (limits, patience) = {
            let view = worker.view();
            let settings = &view.pinned.snapshot.table.settings;
            (head_limits(&settings.limits), settings.client_header_timeout)
        };
        if first && worker.shared.h2c && line.tls.is_none() && prior_knowledge(&mut conn, patience).await {
            return plain_h2(worker, line, conn, drain).await;
        }
        first = false;
        let deadline = tokio::time::Instant::now() + patience;
        let head = match timeout_at(deadline, conn.read_request(&limits)).await {
            Ok(Ok(Ok(Some(head)))) => head,
            Ok(Ok(Ok(None)) | Err(_)) => return,
            Ok(Ok(Err(error))) => {
                refuse(worker, line, &mut conn, refusal(error)).await;
                return linger(conn).await;
            }
            Err(_) => {
                refuse(worker, line, &mut conn, Failure::ClientStalled).await;
                return linger(conn).await;
            }
        };
        // Boxed, so that a connection that waits is small.
        if !Box::pin(request(worker, line, head, ClientSide::H1(&mut conn))).await {
            return linger(conn).await;
        }
    }
}

const fn refusal(error: HeadError) -> Failure {
    match error {
        HeadError::Malformed(what) => Failure::Malformed(what),
        HeadError::TargetTooLong => Failure::TargetTooLong,
        HeadError::HeadersTooLarge => Failure::HeadersTooLarge,
        HeadError::Version => Failure::Version,
    }
}

/// Answers a head that could not be read. It is a visit like any other: it has a reference and a line.
async fn refuse(worker: &Worker, line: &Line, conn: &mut Conn<EdgeIo>, failure: Failure) {
    let head = RequestHead {
        method: http::Method::GET,
        target: Bytes::new(),
        version: Version::Http11,
        authority: None,
        fields: Fields::default(),
        framing: Framing::Empty,
        bytes: conn.input().len(),
    };
    let mut visit = Visit::begin(worker, line, head);
    let mut client = ClientSide::H1(conn);
    let before = client.bytes_out();
    answer::failure(&mut visit, &mut client, failure, true).await;
    visit.bytes_out += client.bytes_out() - before;
    record::close(&visit);
}

/// Lets the client read its answer: closing with unread bytes would reset the connection under it.
async fn linger(mut conn: Conn<EdgeIo>) {
    if conn.abort {
        // Closing now resets the connection. A socket that cannot be told so is closed all the same.
        let _ = socket2::SockRef::from(conn.io().tcp()).set_linger(Some(Duration::ZERO));
        return;
    }
    let farewell = async {
        if poll_fn(|cx| conn.poll_flush(cx)).await.is_err()
            || poll_fn(|cx| conn.poll_shutdown(cx)).await.is_err()
        {
            return;
        }
        let mut left = LINGER_BYTES;
        while let Ok(read @ 1..) = conn.discard().await {
            left = match left.checked_sub(read) {
                Some(left) => left,
                None => return,
            };
        }
    };
    // Whoever takes longer has had its chance.
    let _ = timeout(LINGER, farewell).await;
}

/// Whether the client began with HTTP/2's preface.
async fn prior_knowledge(conn: &mut Conn<EdgeIo>, limit: Duration) -> bool {
    let whole = async {
        while conn.input().len() < PREFACE.len() && PREFACE.starts_with(conn.input()) {
            if !matches!(conn.read_more().await, Ok(1..)) {
                return false;
            }
        }
        conn.input().starts_with(PREFACE)
    };
    timeout(limit, whole).await.unwrap_or(false)
}

async fn plain_h2(worker: &Worker, line: &Line, conn: Conn<EdgeIo>, drain: watch::Receiver<bool>) {
    let (io, read) = conn.into_parts();
    h2_connection(worker, line, Box::new(super::io::Rewound::new(read.freeze(), io)), drain).await;
}

/// A connection of HTTP/2: every stream is a request, all of them in this one task.
pub async fn h2_connection(
    worker: &Worker,
    line: &Line,
    io: pingora::protocols::Stream,
    mut drain: watch::Receiver<bool>,
) {
    let (limits, keep_alive, handshake_limit) = {
        let view = worker.view();
        let settings = &view.pinned.snapshot.table.settings;
        (settings.limits.clone(), settings.client_keep_alive, settings.client_header_timeout)
    };
    let mut options = default_h2_options();
    options.max_header_list_size(u32::try_from(limits.headers_bytes).unwrap_or(u32::MAX));
    options.max_concurrent_streams(limits.h2_streams);
    options.initial_window_size(1 << 20);
    options.initial_connection_window_size(1 << 21);
    let Ok(Ok(mut conn)) = timeout(handshake_limit, handshake(io, Some(options))).await else { return };
    let mut running = FuturesUnordered::new();
    let mut draining = false;
    loop {
        let quiet = running.is_empty();
        tokio::select! {
            accepted = conn.accept() => match accepted {
                Some(Ok((request, respond))) => running.push(Box::pin(stream(worker, line, request, respond, &limits))),
                Some(Err(_)) | None => break,
            },
            Some(()) = running.next(), if !quiet => {}
            // A client that is silent for so long gets GOAWAY, and its socket is closed.
            () = tokio::time::sleep(keep_alive), if quiet => {
                conn.abrupt_shutdown(h2::Reason::NO_ERROR);
                let _ = timeout(LINGER, conn.accept()).await;
                break;
            }
            _ = drain.wait_for(|drain| *drain), if !draining => {
                draining = true;
                conn.graceful_shutdown();
            }
        }
    }
    drop(conn);
    // What was running sees that its client is gone, and is recorded so.
    while running.next().await.is_some() {}
}

async fn stream(
    worker: &Worker,
    line: &Line,
    request: http::Request<h2::RecvStream>,
    respond: SendResponse<Bytes>,
    limits: &Limits,
) {
    let (parts, body) = request.into_parts();
    let fields = Fields::from_map(&parts.headers);
    let target =
        parts.uri.path_and_query().map_or_else(Bytes::new, |p| Bytes::copy_from_slice(p.as_str().as_bytes()));
    let authority = parts.uri.authority().map(|a| Bytes::copy_from_slice(a.as_str().as_bytes()));
    let bytes = target.len() + fields.iter().map(|f| f.name.len() + f.value.len() + 4).sum::<usize>();
    let framing = match (body.is_end_stream(), fields.text(Known::ContentLength).map(str::parse)) {
        (true, _) => Framing::Empty,
        (false, Some(Ok(length))) => Framing::Length(length),
        (false, _) => Framing::Chunked,
    };
    let too_many = fields.len() > limits.header_count
        || fields.iter().any(|f| f.name.len() + f.value.len() > limits.header_bytes);
    let twice = fields.all(Known::ContentLength).count() > 1;
    let head = RequestHead {
        method: parts.method,
        target,
        version: Version::Http2,
        authority,
        fields,
        framing,
        bytes,
    };
    let mut client = ClientSide::H2(Box::new(ClientStream::new(respond, body)));
    if too_many || twice {
        let failure =
            if twice { Failure::Malformed("more than one Content-Length") } else { Failure::HeadersTooLarge };
        let mut visit = Visit::begin(worker, line, head);
        answer::failure(&mut visit, &mut client, failure, false).await;
        record::close(&visit);
        return;
    }
    request_boxed(worker, line, head, client).await;
}

async fn request_boxed(worker: &Worker, line: &Line, head: RequestHead, client: ClientSide<'_>) {
    Box::pin(request(worker, line, head, client)).await;
}

/// An answer for a connection that is one too many, before anything is read.
pub async fn too_many(io: EdgeIo) {
    let mut conn = Conn::new(io);
    conn.send_head(Framing::Empty, |out| {
        put_status_line(out, 503);
        put_field(out, b"Content-Length", b"0");
        put_field(out, b"Connection", b"close");
        out.put_slice(b"\r\n");
    });
    linger(conn).await;
}
