//! What goes wrong with an origin, and what the client and the log are told (section L).

use crate::harness::{Client, Origin, Reply, TestEdge, exchange, get};
use crate::routing::table;

const LEGACY: &str = "[compat]\nerror_codes = \"legacy\"\n";

/// Status and errorInfo of a GET, in both generations of codes.
fn both(table: &str) -> Vec<(u16, String, String)> {
    ["", LEGACY]
        .into_iter()
        .map(|settings| {
            let edge = TestEdge::start(&format!("{settings}{table}"));
            let answer = get(edge.http, "a.test", "/");
            let line = edge.line(answer.reference());
            let text = |key: &str| line[key].as_str().unwrap_or("").to_owned();
            (answer.status, text("errorInfo"), text("httpStatusCode"))
        })
        .collect()
}

fn rows(current: u16, legacy: u16, word: &str) -> Vec<(u16, String, String)> {
    [current, legacy].map(|status| (status, word.to_owned(), status.to_string())).to_vec()
}

/// FD-L9: no enabled origin. FD-A24.
#[test]
fn no_origin() {
    assert_eq!(
        both(&table(1, "").replace("[routes.r]", "enabled = false\n[routes.r]")),
        rows(503, 503, "OriginError")
    );
}

/// FD-L10: refused. FD-N5, first row, without another origin.
#[test]
fn refused() {
    let port = Origin::fixed("x").port();
    assert_eq!(both(&table(port, "")), rows(502, 503, "OriginConnectionRefused"));
}

/// FD-L11: closed before a whole head.
#[test]
fn aborted() {
    let origin = Origin::start(|_| Reply::Close);
    assert_eq!(both(&table(origin.port(), "")), rows(502, 503, "OriginConnectionAborted"));
    let partial = Origin::start(|_| Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()));
    assert_eq!(both(&table(partial.port(), "")), rows(502, 503, "OriginConnectionAborted"));
}

/// FD-L12: a name that does not exist. (`.invalid` never does.)
#[test]
fn unknown_names() {
    let text = table(80, "").replace("127.0.0.1", "no-such-host.invalid");
    let got = both(&text);
    assert_eq!((got[0].0, got[1].0), (502, 503));
    assert!(got.iter().all(|g| g.1 == "DNSNameNotResolved" || g.1 == "DNSFailure"), "{got:?}");
}

/// FD-L13: what is not valid HTTP, or has two readings.
#[test]
fn invalid_responses() {
    for bytes in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    ] {
        let origin = Origin::start(move |_| Reply::Last(bytes.as_bytes().to_vec()));
        assert_eq!(both(&table(origin.port(), "")), rows(502, 503, "OriginInvalidResponse"), "{bytes:?}");
    }
}

/// FD-L15: response headers above our bound.
#[test]
fn large_response_headers() {
    let origin = Origin::start(|_| {
        Reply::Last(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000)).into_bytes())
    });
    assert_eq!(both(&table(origin.port(), "")), rows(502, 503, "ResponseHeaderTooBig"));
}

/// FD-L17, FD-E44: a client that goes away before the answer is logged as 499, ClientDisconnected.
#[test]
fn clients_that_leave() {
    let origin = Origin::start(|_| Reply::Silence);
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    client.send("GET /left HTTP/1.1\r\nHost: a.test\r\n\r\n");
    crate::harness::edge::eventually("the origin has the request", || !origin.got().is_empty());
    drop(client);
    let line = edge.lines(1)[0]["properties"].clone();
    assert_eq!(
        (line["httpStatusCode"].as_str(), line["errorInfo"].as_str()),
        (Some("499"), Some("ClientDisconnected"))
    );
}

/// FD-E41: a body that breaks off is not made to look whole: the connection ends, without a page behind it.
#[test]
fn bodies_that_break_off() {
    for (head, part) in [("Content-Length: 10", "abc"), ("Transfer-Encoding: chunked", "3\r\nabc\r\n")] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{part}").into_bytes();
        let origin = Origin::start(move |_| Reply::Last(bytes.clone()));
        let edge = TestEdge::start(&table(origin.port(), ""));
        let mut client = Client::plain(edge.http);
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let answer = client.head().expect("a head");
        assert_eq!(answer.status, 200);
        let whole = if head.starts_with("Content") {
            client.bytes(10)
        } else {
            client.chunk().and_then(|_| client.chunk())
        };
        assert_eq!(whole, None, "{head}: the broken body looks whole");
        let line = edge.line(answer.reference());
        assert_eq!(
            (line["httpStatusCode"].as_str(), line["errorInfo"].as_str()),
            (Some("200"), Some("OriginConnectionAborted"))
        );
    }
}

/// FD-L21: exactly one word; a request that succeeded in the end is NoError.
#[test]
fn one_word_per_line() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    let answer = exchange(edge.http, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(edge.line(answer.reference())["errorInfo"], "NoError");
    assert_eq!(edge.metric("tidegate_errors_total"), 0.0);
}

/// The same towards HTTP/1.0, where only the end of the connection ends a body: it ends in a reset.
#[test]
fn broken_bodies_over_http_1_0() {
    use std::io::{Read, Write};
    let origin = Origin::start(|_| {
        Reply::Last(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec())
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut tcp = std::net::TcpStream::connect(edge.http).expect("a connection");
    tcp.write_all(b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").expect("a request");
    let mut bytes = Vec::new();
    let ended = tcp.read_to_end(&mut bytes);
    assert_eq!(
        ended.map_err(|e| e.kind()),
        Err(std::io::ErrorKind::ConnectionReset),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
}
