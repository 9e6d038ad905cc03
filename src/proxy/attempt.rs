//! One attempt at an origin: pick, connect, forward, deliver; and what a failure leads to (FD-D27 to FD-D31).

use bytes::BufMut;

use super::connect::{Carrier, Connected, Wish, connect};
use super::deliver::{Inbound, framing, put_status_line};
use super::exchange::{Delivered, Exchange, Patience};
use super::fail::{Failure, Retry, idempotent};
use super::forward::Outbound;
use super::http2::to_origin::OriginStream;
use super::line::Presence;
use super::pool::Peer;
use super::session;
use super::side::{ClientSide, OriginSide};
use super::tunnel::{self, Lifetime};
use super::visit::{Attempted, Visit};
use super::worker::WorkerDice;
use crate::decide::origin_path::forwarded;
use crate::decide::pick::{Pick, Tried, pick_origin};
use crate::decide::ports::Silent;
use crate::decide::request::Matched;
use crate::http1::conn::put_field;
use crate::http1::fields::Known;
use crate::http1::parse::{Framing, ResponseHead, Version, keeps_alive};
use crate::model::group::{GroupId, NameCheck, OriginHttp};
use crate::model::limits::{WEBSOCKET_IDLE_S, WEBSOCKET_TOTAL_S};
use crate::model::route::Scheme;

/// What became of a forwarded request.
#[derive(Debug)]
pub enum Done {
    /// Delivered; whether the client's connection may carry another request.
    Delivered { reusable: bool },
    /// Nothing was sent to the client yet.
    Failed(Failure),
    /// The client has a part and must see that it is not the whole.
    Cut,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    pub matched: Matched,
    pub group: GroupId,
    pub scheme: Scheme,
}

/// Tries origins until one answers, the failure allows no other, or the attempts are used up.
pub async fn run(
    visit: &mut Visit<'_>,
    client: &mut ClientSide<'_>,
    presence: &Presence,
    way: Way,
    close: bool,
) -> Done {
    let most = visit.settings().attempts.get();
    let mut tried = Tried::default();
    let mut same: Option<Pick> = None;
    let mut last = Failure::NoOrigin;
    while visit.attempts < most {
        let fresh = same.is_some();
        let Some(pick) = same.take().or_else(|| pick(visit, way.group, &tried)) else { break };
        visit.attempts += 1;
        let outcome = once(visit, client, presence, way, pick, fresh, close).await;
        let failure = match outcome {
            Ok(done) => return done,
            Err(failure) => failure,
        };
        let status = failure.logged_status(visit.settings());
        visit.view.pinned.metrics.origin_done(pick.origin, status, None);
        let allowed = match failure.retry() {
            Retry::Always => visit.upload.replay.possible(),
            Retry::IfIdempotent => {
                let harmless = idempotent(&visit.head.method) || visit.settings().retry_non_idempotent;
                harmless && visit.upload.replay.possible()
            }
            Retry::Never => false,
        };
        if !allowed {
            return Done::Failed(failure);
        }
        tried.add(pick.origin);
        // FD-D28 e: with nobody else left, a connection that had been idle may have died of age alone.
        let was_reused = visit.attempted.as_ref().is_some_and(|a| a.reused);
        if was_reused && self::pick(visit, way.group, &tried).is_none() {
            same = Some(pick);
        }
        visit.worker.shared.metrics.retried(failure.error_info());
        visit.upload.again();
        last = failure;
    }
    Done::Failed(last)
}

fn pick(visit: &Visit<'_>, group: GroupId, tried: &Tried) -> Option<Pick> {
    let snapshot = &visit.view.pinned.snapshot;
    let asked = visit.asked.as_ref()?;
    let cookies = if snapshot.table.group(group).session_affinity {
        [0, 1].map(|at| asked.affinity[at].as_ref().map(super::arrive::Text::as_str))
    } else {
        [None, None]
    };
    let mut dice = WorkerDice { worker: visit.worker, turns: &snapshot.turns };
    pick_origin(snapshot, group, cookies, tried, &mut dice, &mut Silent)
}

/// One attempt. The error says why another one may be needed; nothing was sent to the client then.
async fn once(
    visit: &mut Visit<'_>,
    client: &mut ClientSide<'_>,
    presence: &Presence,
    way: Way,
    pick: Pick,
    fresh: bool,
    close: bool,
) -> Result<Done, Failure> {
    let view = visit.view.clone();
    let table = &view.pinned.snapshot.table;
    let origin = table.origin(pick.origin);
    let region = origin.region.map(|id| &table.region(id).name);
    presence.enter(region);
    visit.attempted = Some(Attempted { pick, scheme: way.scheme, peer: Peer::default(), reused: false });
    let websocket = visit.asked.as_ref().is_some_and(|asked| asked.websocket);
    let connected = open(visit, way, pick, fresh, websocket).await?;
    let sent = tokio::time::Instant::now();
    let mut side = send_head(visit, way, pick, connected.carrier)?;
    let patience = patience(visit, way);
    let method = visit.head.method.clone();
    let body_max = visit.settings().limits.body_bytes;
    let version = visit.head.version;
    let mut upload = std::mem::take(&mut visit.upload);
    let mut exchange = Exchange {
        client,
        origin: &mut side,
        upload: &mut upload,
        presence,
        patience,
        body_max,
        method: &method,
    };
    let head = match exchange.head(|client, head| relay_interim(client, head, version)).await {
        Ok(head) if head.status == 101 => {
            visit.upload = upload;
            return upgrade(visit, client, presence, pick, side, &head, websocket).await;
        }
        Ok(head) => head,
        Err(failure) => {
            visit.upload = upload;
            return Err(failure);
        }
    };
    let closes = close || visit.worker.shared.draining.load(std::sync::atomic::Ordering::Relaxed);
    let reusable = deliver_head(visit, exchange.client, way, pick, &head, closes);
    let delivered = exchange.body(&mut visit.down).await;
    let complete = upload.complete();
    visit.upload = upload;
    let (status, took) = match &delivered {
        Delivered::Whole => (head.status, Some(sent.elapsed())),
        Delivered::ClientGone => (head.status, None),
        Delivered::Broken(failure) => (failure.logged_status(visit.settings()), None),
    };
    view.pinned.metrics.origin_done(pick.origin, status, took);
    match delivered {
        Delivered::Whole => {
            if complete {
                keep(visit, way, pick, side, &head);
            }
            Ok(Done::Delivered { reusable: reusable && complete })
        }
        Delivered::ClientGone => {
            visit.failure = Some(Failure::ClientGone);
            Ok(Done::Cut)
        }
        Delivered::Broken(failure) => {
            visit.failure = Some(failure);
            Ok(Done::Cut)
        }
    }
}

fn patience(visit: &Visit<'_>, way: Way) -> Patience {
    let settings = visit.settings();
    let route = visit.view.pinned.snapshot.table.route(way.matched.route);
    let seconds = route.response_timeout.unwrap_or(settings.response_timeout).get();
    Patience { origin: std::time::Duration::from_secs(seconds.into()), client: settings.client_stall }
}

async fn open(
    visit: &mut Visit<'_>,
    way: Way,
    pick: Pick,
    fresh: bool,
    http1_only: bool,
) -> Result<Connected, Failure> {
    let view = visit.view.clone();
    let origin = view.pinned.snapshot.table.origin(pick.origin);
    let settings = visit.settings();
    let patience = patience(visit, way);
    let limit = settings.connect_timeout.min(patience.origin);
    let tls = (way.scheme == Scheme::Https).then(|| view.pinned.tls.origin(pick.origin)).flatten();
    if way.scheme == Scheme::Https && tls.is_none() {
        return Err(Failure::OriginTls("SSLHandshakeError"));
    }
    // The certificate has to name the client's host: such a connection is good for that host only and is not kept.
    let by_host = origin.tls.name_check == NameCheck::IncomingHost && way.scheme == Scheme::Https;
    let host = visit.asked.as_ref().map_or("", |asked| asked.host.as_str());
    let for_host = tls.filter(|_| by_host).map(|tls| tls.for_incoming_host(host));
    let config = for_host.as_ref().or(tls.map(|tls| &tls.config));
    let tls = config.zip(tls.map(|tls| &tls.server_name));
    let http1_only = http1_only || by_host;
    let wish = Wish { limit, tls, http1_only, reuse: !fresh && !by_host };
    let connected = connect(view.slot(pick.origin, way.scheme), &wish).await?;
    if let Some(attempted) = visit.attempted.as_mut() {
        attempted.reused = connected.reused;
        attempted.peer = connected.peer;
    }
    visit.worker.shared.metrics.origin_connection(connected.reused);
    Ok(connected)
}

fn send_head(visit: &mut Visit<'_>, way: Way, pick: Pick, carrier: Carrier) -> Result<OriginSide, Failure> {
    let view = visit.view.clone();
    let table = &view.pinned.snapshot.table;
    let Some(asked) = &visit.asked else { return Err(Failure::Internal) };
    let route = table.route(way.matched.route);
    let path = forwarded(route.origin_path.as_deref(), way.matched.found, asked.path.as_str());
    let framing = visit.head.framing;
    let outbound = Outbound {
        head: &visit.head,
        asked,
        line: visit.line,
        settings: &table.settings,
        origin: table.origin(pick.origin),
        scheme: way.scheme,
        path: &path,
        reference: &visit.reference,
        framing,
    };
    let side = match carrier {
        Carrier::H1(mut conn) => {
            conn.send_head(framing, |out| outbound.write(out));
            OriginSide::H1(conn)
        }
        Carrier::H2(session) => {
            let mut stream = OriginStream::new(*session);
            let parts = outbound.parts().map_err(|_| Failure::Internal)?;
            stream.send_head(parts, framing == Framing::Empty).map_err(|_| Failure::Aborted)?;
            OriginSide::H2(Box::new(stream))
        }
    };
    let changed = matches!(path, std::borrow::Cow::Owned(_)).then(|| path.into_owned());
    visit.origin_path = changed;
    Ok(side)
}

/// 100 and 103 go on to HTTP/1.1 clients. HTTP/2 clients wait for the final answer, which RFC 9113 allows.
fn relay_interim(client: &mut ClientSide<'_>, head: &ResponseHead, version: Version) {
    if let (ClientSide::H1(conn), Version::Http11) = (client, version) {
        conn.send_head(Framing::Empty, |out| {
            put_status_line(out, head.status);
            for field in
                head.fields.iter().filter(|f| !f.known.hop_by_hop() && f.known != Known::ContentLength)
            {
                put_field(out, field.name, field.value);
            }
            out.put_slice(b"\r\n");
        });
    }
}

/// Hands the head to the client; whether its connection may carry another request.
fn deliver_head(
    visit: &mut Visit<'_>,
    client: &mut ClientSide<'_>,
    way: Way,
    pick: Pick,
    head: &ResponseHead,
    close: bool,
) -> bool {
    let cookies = session::cookies(visit, way, pick, head);
    let version = visit.head.version;
    let framing = framing(head, version);
    let close = close
        || framing == Framing::UntilClose
        || version == Version::Http10
        || !keeps_alive(&visit.head.fields, version);
    let debug = visit.asked.as_ref().is_some_and(|asked| asked.debug);
    let keep_length = visit.head.method == http::Method::HEAD || head.status == 304;
    let reference = visit.reference;
    let inbound =
        Inbound { head, reference: &reference, cookies: &cookies, debug, close, upgrade: false, keep_length };
    visit.tell(head.status);
    match client {
        ClientSide::H1(conn) => conn.send_head(framing, |out| inbound.write(framing, out)),
        ClientSide::H2(stream) => {
            visit.bytes_out += head.bytes as u64;
            // A stream that was reset meanwhile shows when its body is sent.
            let _ = stream.send_head(head.status, inbound.headers(), framing == Framing::Empty);
        }
    }
    !close
}

/// Gives an HTTP/1 connection back to its slot where both sides allow it.
fn keep(visit: &Visit<'_>, way: Way, pick: Pick, side: OriginSide, head: &ResponseHead) {
    let OriginSide::H1(conn) = side else { return };
    let origin = visit.view.pinned.snapshot.table.origin(pick.origin);
    let by_host = origin.tls.name_check == NameCheck::IncomingHost && way.scheme == Scheme::Https;
    let reusable =
        keeps_alive(&head.fields, head.version) && head.framing != Framing::UntilClose && conn.body_done();
    if reusable && !by_host && !conn.has_input() && origin.http == OriginHttp::Http1 {
        let most = visit.settings().limits.origin_idle;
        let peer = visit.attempted.as_ref().map_or_else(Peer::default, |attempted| attempted.peer);
        visit.view.slot(pick.origin, way.scheme).put(conn, peer, most);
    }
}

async fn upgrade(
    visit: &mut Visit<'_>,
    client: &mut ClientSide<'_>,
    presence: &Presence,
    pick: Pick,
    side: OriginSide,
    head: &ResponseHead,
    asked: bool,
) -> Result<Done, Failure> {
    let (true, ClientSide::H1(client), OriginSide::H1(mut origin)) = (asked, client, side) else {
        // Nobody asked for another protocol.
        return Err(Failure::InvalidResponse);
    };
    visit.view.pinned.metrics.origin_done(pick.origin, 101, None);
    visit.tell(101);
    visit.told.websocket = true;
    let reference = visit.reference;
    let debug = visit.asked.as_ref().is_some_and(|asked| asked.debug);
    let inbound = Inbound {
        head,
        reference: &reference,
        cookies: &[],
        debug,
        close: false,
        upgrade: true,
        keep_length: false,
    };
    client.send_head(Framing::Empty, |out| inbound.write(Framing::Empty, out));
    let before = client.bytes_in;
    let lifetime = Lifetime {
        idle: std::time::Duration::from_secs(WEBSOCKET_IDLE_S),
        total: std::time::Duration::from_secs(WEBSOCKET_TOTAL_S),
    };
    let closed = tunnel::run(client, &mut origin, presence, lifetime).await;
    visit.bytes_in += client.bytes_in - before;
    if closed == tunnel::Closed::Isolated {
        visit.failure = Some(Failure::Isolated);
    }
    Ok(Done::Cut)
}
