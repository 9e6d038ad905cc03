//! Probes on the wire: what is sent, and which answers count (FD-C.1, FD-C.2).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::app::edge::control;
use tidegate::health::monitor::{ProbeFailure, ProbeOrder, ProbeTarget};
use tidegate::model::group::{OriginId, ProbeMethod};
use tidegate::model::name::HostName;
use tidegate::model::route::Scheme;
use tidegate::probe::http::{Told, probe};

use crate::harness::secure::{ANY, SecureOrigin};

/// A server that gives every connection the same bytes, and tells what it was sent, connection by connection.
fn server(answer: &'static str) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sent, received) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = [0; 8192];
            let read = stream.read(&mut bytes).unwrap_or(0);
            if sent.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).is_err() {
                return;
            }
            if answer == "silence" {
                let _ = stream.read(&mut bytes);
                continue;
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, received)
}

fn order(scheme: Scheme, port: u16, method: ProbeMethod) -> ProbeOrder {
    let host = HostName::parse("127.0.0.1").expect("a host");
    let target = ProbeTarget {
        host,
        port,
        scheme,
        path: "/Health?x=Y".into(),
        method,
        host_header: "own.test".into(),
    };
    ProbeOrder { target, timeout: Duration::from_secs(1), origin: OriginId(0) }
}

fn ask(order: &ProbeOrder, keys: &str) -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("[origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\n{keys}\n");
    let control = control("t", text, folder.path().to_path_buf()).unwrap_or_else(|e| panic!("{e:?}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(probe(order, &control.live().pin()))
}

/// FD-C2, FD-C3, FD-C5: the request, byte for byte. FD-C6: a new connection each time. FD-C9: a WebSocket origin is
/// asked in plain HTTP like any other.
#[test]
fn what_is_sent() {
    let (port, received) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for method in [ProbeMethod::Head, ProbeMethod::Get] {
        assert!(ask(&order(Scheme::Http, port, method), "").outcome.is_ok());
        let sent = received.recv_timeout(Duration::from_secs(10)).expect("a connection of its own");
        assert_eq!(
            sent,
            format!(
                "{} /Health?x=Y HTTP/1.1\r\nHost: own.test\r\nUser-Agent: Edge Health Probe\r\nX-FD-HealthProbe: 1\r\n\
                 X-Azure-FDID: 00000000-0000-0000-0000-000000000000\r\nConnection: close\r\n\r\n",
                method.as_str()
            )
        );
    }
}

/// FD-C12: only 200 is a success; FD-C8: redirects are not followed (checklist 3 of N.4). FD-C13: 4,096 bytes of
/// headers. FD-C14: the timeout. FD-C15: only a success has a latency.
#[test]
fn what_counts() {
    let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(4096));
    let fits = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(4000));
    let large: &'static str = Box::leak(large.into_boxed_str());
    let fits: &'static str = Box::leak(fits.into_boxed_str());
    for (answer, want) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        ("HTTP/1.0 200 OK\r\n\r\nok", None),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        (fits, None),
        ("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Some("status 201")),
        ("HTTP/1.1 204 No Content\r\n\r\n", Some("status 204")),
        ("HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n", Some("status 206")),
        ("HTTP/1.1 301 Moved\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", Some("status 301")),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Some("status 404")),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", Some("status 500")),
        (large, Some("response headers over 4,096 bytes")),
        ("", Some("connection closed before a full answer")),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Some("connection closed before a full answer")),
        ("SSH-2.0-x\r\n\r\n", Some("malformed answer: the origin's answer is not HTTP/1")),
        ("silence", Some("no answer in time")),
    ] {
        let (port, _received) = server(answer);
        let told = ask(&order(Scheme::Http, port, ProbeMethod::Get), "");
        assert_eq!(told.outcome.as_ref().err().map(ToString::to_string).as_deref(), want, "{answer:.60?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("an address").port();
    assert_eq!(ask(&order(Scheme::Http, closed, ProbeMethod::Head), "").outcome, Err(ProbeFailure::Refused));
    let mut named = order(Scheme::Http, 80, ProbeMethod::Head);
    named.target.host = HostName::parse("no-such-host.invalid").expect("a host");
    assert!(matches!(ask(&named, "").outcome, Err(ProbeFailure::Dns { .. } | ProbeFailure::Timeout)));
}

/// FD-C7: a probe over HTTPS checks the certificate as traffic does. FD-C6: and its TLS session is a new one.
#[test]
fn probes_over_tls() {
    let origin = SecureOrigin::start(&ANY, None);
    let (port, trusted) = (origin.port, origin.trusted());
    let order = order(Scheme::Https, port, ProbeMethod::Head);
    assert!(matches!(ask(&order, "").outcome, Err(ProbeFailure::Tls { .. })));
    for _ in 0..2 {
        assert!(ask(&order, &trusted).outcome.is_ok());
    }
    let wrong = format!("{trusted}\ncertificate_subjects = [\"other.test\"]");
    assert!(
        matches!(ask(&order, &wrong).outcome, Err(ProbeFailure::Tls { detail }) if detail.contains("not valid for name"))
    );
    let kinds: Vec<_> = origin.handshakes.try_iter().map(|seen| seen.kind).collect();
    assert_eq!(kinds, [Some(rustls::HandshakeKind::Full); 2]);
}

/// Where log lines go while a test looks at them.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// FD-J6: one record per failed probe, with the fields of section J.3.
#[test]
fn the_probe_log() {
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let (port, _received) = server("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    let order = order(Scheme::Http, port, ProbeMethod::Get);
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\n".to_owned();
    let control = control("t", text, folder.path().to_path_buf()).unwrap_or_else(|e| panic!("{e:?}"));
    let told = ask(&order, "");
    let failure = told.outcome.clone().expect_err("a failure");
    tracing::subscriber::with_default(subscriber, || {
        tidegate::probe::http::log_failure(&order, &told, &failure, "edge-1", &control.live().pin());
    });
    let bytes = sink.0.lock().expect("no panic").clone();
    let record: serde_json::Value = serde_json::from_slice(&bytes).expect("one record");
    let fields = &record["fields"];
    for (name, value) in [
        ("POP", "edge-1".to_owned()),
        ("httpVerb", "GET".into()),
        ("result", "OriginError".into()),
        ("probeURL", format!("http://own.test:{port}/Health?x=Y")),
        ("originName", "o".into()),
        ("originIP", format!("127.0.0.1:{port}")),
        ("DNSLatencyMicroseconds", "N/A".into()),
        ("message", "FrontDoorHealthProbeLog".into()),
    ] {
        assert_eq!(fields[name].as_str(), Some(value.as_str()), "{name}");
    }
    assert_eq!(fields["httpStatusCode"], 503);
    assert!(fields["healthProbeId"].as_str().is_some_and(|id| id.len() == 16));
    assert!(fields["totalLatencyMilliseconds"].is_u64() && fields["connectionLatencyMilliseconds"].is_u64());
}
