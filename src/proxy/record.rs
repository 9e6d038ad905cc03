//! Every visit ends here: one access line, and the counts.

use std::borrow::Cow;

use super::deliver::CACHE_STATUS;
use super::fail::Failure;
use super::visit::Visit;
use crate::ambient;
use crate::http1::fields::Known;
use crate::model::route::Scheme;
use crate::telemetry::access_log::record::{AccessRecord, OriginRecord};

/// Bytes of a usual line.
const LINE: usize = 1536;

/// Closes a visit.
pub fn close(visit: &Visit<'_>) {
    let took = visit.started.elapsed();
    let settings = visit.settings();
    let status = match &visit.failure {
        Some(failure @ (Failure::OriginTimeout | Failure::ClientGone)) => failure.logged_status(settings),
        _ => visit.told.status,
    };
    let shared = &visit.worker.shared;
    let pinned = &visit.view.pinned;
    // WebSockets: total latency counts only the establishment (FD-E49).
    let counted = if visit.told.websocket { visit.told.first_byte.unwrap_or(took) } else { took };
    pinned.metrics.visited(visit.matched.map(|m| m.route), status, counted);
    let (bytes_in, bytes_out) = bytes(visit);
    shared.metrics.bytes_in.inc_by(bytes_in);
    shared.metrics.bytes_out.inc_by(bytes_out);
    if let Some(failure) = &visit.failure {
        shared.metrics.failed(failure.error_info());
    }
    if shared.log.is_on() && !visit.unlogged {
        let mut line = Vec::with_capacity(LINE);
        write(visit, took, status, (bytes_in, bytes_out), &mut line);
        shared.log.line(line);
    }
}

/// Heads and bodies as they were written (HTTP/2: bodies, and heads before compression); for WebSockets what the
/// tunnel carried as well (FD-E49).
fn bytes(visit: &Visit<'_>) -> (u64, u64) {
    (visit.bytes_in + visit.upload.direction.bytes, visit.bytes_out)
}

fn write(visit: &Visit<'_>, took: std::time::Duration, status: u16, bytes: (u64, u64), line: &mut Vec<u8>) {
    let table = &visit.view.pinned.snapshot.table;
    let asked = visit.asked.as_ref();
    let secure = visit.line.scheme == Scheme::Https;
    let request_protocol = match (visit.told.websocket, secure) {
        (true, true) => "WSS",
        (true, false) => "WS",
        (false, true) => "HTTPS",
        (false, false) => "HTTP",
    };
    let target = origin_target(visit);
    let why = match (&visit.attempted, &visit.failure) {
        (Some(attempted), _) => attempted.pick.reason.as_str(),
        (None, Some(_)) => "not-forwarded",
        (None, None) => "redirect",
    };
    let record = AccessRecord {
        time: ambient::wall(),
        tracking_reference: visit.reference.as_str(),
        method: visit.head.method.as_str(),
        http_version: visit.head.version.as_str(),
        scheme: visit.line.scheme.as_str(),
        host_header: asked.map_or("", |a| a.host_header.as_str()),
        host: asked.map_or("", |a| a.host.as_str()),
        target: &visit.head.target,
        sni: visit.line.sni.as_deref().unwrap_or(""),
        request_bytes: bytes.0,
        response_bytes: bytes.1,
        user_agent: visit.head.fields.first(Known::UserAgent).unwrap_or(b""),
        referer: visit.head.fields.first(Known::Referer).unwrap_or(b""),
        client_ip: asked.map_or(visit.line.peer.ip(), |a| a.client),
        socket: visit.line.peer,
        first_byte: visit.told.first_byte,
        took,
        request_protocol,
        tls: visit.line.tls,
        route: visit.matched.map_or("", |m| table.route(m.route).name.as_str()),
        endpoint: visit.matched.and_then(|m| table.route(m.route).endpoint.as_ref()),
        status,
        pop: &visit.worker.shared.edge,
        cache_status: if asked.is_some() { CACHE_STATUS } else { "N/A" },
        error_info: visit.failure.as_ref().map_or("NoError", Failure::error_info),
        origin: visit.attempted.as_ref().map(|attempted| {
            let origin = table.origin(attempted.pick.origin);
            OriginRecord {
                name: origin.name.as_str(),
                group: table.group(origin.group).name.as_str(),
                region: origin.region.map_or("", |id| table.region(id).name.as_str()),
                scheme: attempted.scheme.as_str(),
                host: origin.host.as_str(),
                port: origin.port(attempted.scheme).get(),
                target: &target,
                address: attempted.peer.address,
                tls: attempted.peer.tls,
            }
        }),
        generation: visit.view.pinned.snapshot.generation.0,
        attempts: visit.attempts,
        why,
    };
    record.write(line);
}

/// Path and query as the origin got them.
fn origin_target<'t>(visit: &'t Visit<'_>) -> Cow<'t, str> {
    let Some(asked) = &visit.asked else { return Cow::Borrowed("") };
    let path = visit.origin_path.as_deref().unwrap_or(asked.path.as_str());
    match &asked.query {
        Some(query) => Cow::Owned(format!("{path}?{}", query.as_str())),
        None => Cow::Borrowed(path),
    }
}
