//! Answers that the edge makes itself: redirects and errors (FD-B20, FD-E22, FD-E23, section L).

use std::future::poll_fn;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::deliver::{CACHE_STATUS, put_status_line};
use super::fail::{Failure, page};
use super::side::ClientSide;
use super::visit::Visit;
use crate::ambient;
use crate::http1::body::Frame;
use crate::http1::conn::put_field;
use crate::http1::parse::Framing;
use crate::model::route::Scheme;

/// Answers with a failure's page; counts and remembers it.
pub async fn failure(visit: &mut Visit<'_>, client: &mut ClientSide<'_>, failure: Failure, close: bool) {
    let settings = visit.settings();
    let status = failure.status(settings);
    let body = page(status, failure.detail(), visit.reference.as_str());
    let mut extra: Vec<(&str, String)> = Vec::new();
    if status == 405 {
        extra.push(("Allow", String::from("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE")));
    }
    if visit.asked.as_ref().is_some_and(|asked| asked.debug) {
        extra.extend(failure.external_error().map(|text| ("X-Azure-ExternalError", text)));
        extra.extend(failure.internal_error().map(|text| ("X-Azure-InternalError", text.to_owned())));
    }
    visit.unlogged = failure == Failure::LengthRequired;
    visit.failure = Some(failure);
    send(visit, client, status, &extra, body, close).await;
}

/// FD-B20: to the same host, path and query on https.
pub async fn redirect(visit: &mut Visit<'_>, client: &mut ClientSide<'_>, close: bool) {
    let status = visit.settings().https_redirect_status;
    let location = location(visit);
    let body = page(status, "this site is served over https", visit.reference.as_str());
    send(visit, client, status, &[("Location", location)], body, close).await;
}

fn location(visit: &Visit<'_>) -> String {
    let Some(asked) = &visit.asked else { return String::new() };
    let written = asked.host_header.as_str();
    let bare = match written.rfind(':') {
        Some(at) if !written[at..].contains(']') => &written[..at],
        _ => written,
    };
    // A client that named the port of our plain listener is sent to the port of our TLS listener.
    let port = match visit.worker.shared.https_port {
        Some(port) if bare.len() != written.len() && port != Scheme::Https.default_port() => {
            format!(":{port}")
        }
        _ => String::new(),
    };
    let query = asked.query.as_ref().map_or(String::new(), |q| format!("?{}", q.as_str()));
    format!("https://{bare}{port}{}{query}", asked.path.as_str())
}

async fn send(
    visit: &mut Visit<'_>,
    client: &mut ClientSide<'_>,
    status: u16,
    extra: &[(&str, String)],
    body: String,
    close: bool,
) {
    let without_body = visit.head.method == http::Method::HEAD;
    let length = body.len().to_string();
    let date = http_date(ambient::wall());
    let reference = visit.reference;
    let lines = [
        ("Date", date.as_str()),
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", length.as_str()),
        ("X-Azure-Ref", reference.as_str()),
        ("X-Cache", CACHE_STATUS),
    ];
    let lines = lines.into_iter().chain(extra.iter().map(|(name, value)| (*name, value.as_str())));
    visit.tell(status);
    let sent = match client {
        ClientSide::H1(conn) => {
            let framing = if without_body { Framing::Empty } else { Framing::Length(body.len() as u64) };
            conn.send_head(framing, |out| {
                put_status_line(out, status);
                lines.for_each(|(name, value)| put_field(out, name.as_bytes(), value.as_bytes()));
                if close {
                    out.put_slice(b"Connection: close\r\n");
                }
                out.put_slice(b"\r\n");
            });
            Ok(())
        }
        ClientSide::H2(stream) => {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                if let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
                {
                    headers.insert(name, value);
                }
            }
            stream.send_head(status, headers, without_body)
        }
    };
    let bytes = body.len() as u64;
    let sent = sent
        .and_then(|()| if without_body { Ok(()) } else { client.send(Frame::Data(Bytes::from(body)), true) });
    if !without_body {
        visit.down.bytes += bytes;
    }
    // A client that is gone cannot be told; the visit is recorded all the same.
    if sent.is_ok() {
        let flushed = poll_fn(|cx| client.poll_flush(cx));
        let _ = tokio::time::timeout(visit.settings().client_stall, flushed).await;
    }
}

/// The time as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(0))
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
