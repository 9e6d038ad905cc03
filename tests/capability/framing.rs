//! Requests that two parsers might read in two ways: each is refused, and its connection is closed. An origin that
//! records every byte never sees one (sections E and L, RFC 9112).

use crate::harness::{Client, Origin, TestEdge, exchange};
use crate::routing::table;

const HOST: &str = "Host: a.test\r\n";

fn rows() -> Vec<(String, u16)> {
    let row = |text: String| (text, 400_u16);
    let mut out: Vec<(String, u16)> = Vec::new();
    for line in [
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n",
        "Content-Length: 3 3\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X-Folded: a\r\n b\r\n",
        "X-Nul: a\0b\r\n",
        "X-Cr: a\rb\r\n",
        "X-Bare: a\nContent-Length: 3\r\n",
        "X Space: a\r\n",
        ": nameless\r\n",
        "No-Colon\r\n",
        "Host: b.test\r\n",
    ] {
        out.push(row(format!("POST / HTTP/1.1\r\n{HOST}{line}\r\nabc")));
    }
    for request in [
        format!("GET / HTTP/1.1\n{HOST}\r\n"),
        format!("GET  / HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET /a b HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET /\x01 HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET /#x HTTP/1.1\r\n{HOST}\r\n"),
        format!("G@T / HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET a.test/ HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET ftp://a.test/ HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET http://b.test/ HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET * HTTP/1.1\r\n{HOST}\r\n"),
        format!("OPTIONS * HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET /../x HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET /%2e%2e/x HTTP/1.1\r\n{HOST}\r\n"),
        format!("GET / HTTP/1.1\r\n X: y\r\n{HOST}\r\n"),
        format!("POST / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        "\x16\x03\x01\x02\x00\x01\x00".to_owned() + "\r\n\r\n",
    ] {
        out.push(row(request));
    }
    for (version, status) in
        [("HTTP/2.0", 505), ("HTTP/1.2", 505), ("HTTP/9.9", 505), ("HTTP/1", 400), ("http/1.1", 400)]
    {
        out.push((format!("GET / {version}\r\n{HOST}\r\n"), status));
    }
    out
}

/// FD-L1: malformed requests are 400 (an unspoken version 505) with a reference, and the connection ends; the origin
/// sees nothing.
#[test]
fn ambiguous_heads_are_refused() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for (request, status) in rows() {
        let mut client = Client::plain(edge.http);
        client.send(&request);
        let answer = client.answer().unwrap_or_else(|| panic!("no answer to {request:?}"));
        assert_eq!(answer.status, status, "{request:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{request:?}");
        assert!(client.closed(), "{request:?}: the connection goes on");
        assert!(!answer.reference().is_empty());
    }
    assert!(origin.got().is_empty(), "{:?}", origin.got());
}

/// A body that is not framed as its head says is refused, and never completed towards the origin.
#[test]
fn broken_chunks_are_refused() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for body in [
        "x\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3 x\r\nabc\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabc",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nContent-Length: 4\r\n\r\n",
        "3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
    ] {
        let request = format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(exchange(edge.http, &request).status, 400, "{body:?}");
    }
    assert!(origin.got().is_empty(), "an incomplete body was taken for a whole one: {:?}", origin.got());
}

/// FD-E8, FD-L3, FD-J4: POST, PUT and PATCH without a length are 411 over HTTP/1, and not logged.
#[test]
fn length_required() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(exchange(edge.http, format!("{method} / HTTP/1.1\r\n{HOST}\r\n")).status, 411, "{method}");
    }
    for method in ["GET", "DELETE", "OPTIONS"] {
        assert_eq!(exchange(edge.http, format!("{method} / HTTP/1.1\r\n{HOST}\r\n")).status, 200, "{method}");
    }
    assert_eq!(
        exchange(edge.http, format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n")).status,
        200
    );
    let lines = edge.lines(4);
    assert!(lines.iter().all(|l| l["properties"]["httpStatusCode"] == "200"), "{lines:?}");
    assert_eq!(lines.len(), 4);
}

/// FD-L18 and the table of E.5: 414 for the URL and the query, 431 for one header, all of them and their number, 413
/// for the body; 400 for each in `legacy`.
#[test]
fn size_limits() {
    let origin = Origin::fixed("here");
    let legacy = "[compat]\nerror_codes = \"legacy\"\n";
    for (settings, old) in [("", false), (legacy, true)] {
        let edge = TestEdge::start(&(settings.to_owned() + &table(origin.port(), "")));
        let url = "http://a.test".len();
        let many = |n: usize| (0..n).map(|i| format!("X-{i}: y\r\n")).collect::<String>();
        for (what, request, status) in [
            ("longest URL", format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "x".repeat(8191 - url)), 200),
            ("URL", format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "x".repeat(8192 - url)), 414),
            ("longest query", format!("GET /?{} HTTP/1.1\r\n{HOST}\r\n", "x".repeat(4096)), 200),
            ("query", format!("GET /?{} HTTP/1.1\r\n{HOST}\r\n", "x".repeat(4097)), 414),
            ("endless target", format!("GET /{}", "x".repeat(200_000)), 414),
            ("one header", format!("GET / HTTP/1.1\r\n{HOST}X: {}\r\n\r\n", "x".repeat(65_536)), 431),
            ("a large header", format!("GET / HTTP/1.1\r\n{HOST}X: {}\r\n\r\n", "x".repeat(65_000)), 200),
            (
                "headers",
                format!("GET / HTTP/1.1\r\n{HOST}X: {0}\r\nY: {0}\r\nZ: {0}\r\n\r\n", "x".repeat(50_000)),
                431,
            ),
            ("endless headers", format!("GET / HTTP/1.1\r\n{HOST}X: {}", "x".repeat(300_000)), 431),
            ("most headers", format!("GET / HTTP/1.1\r\n{HOST}{}\r\n", many(99)), 200),
            ("one header more", format!("GET / HTTP/1.1\r\n{HOST}{}\r\n", many(100)), 431),
            ("far too many", format!("GET / HTTP/1.1\r\n{HOST}{}\r\n", many(500)), 431),
            ("body", format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 2147483649\r\n\r\n"), 413),
        ] {
            let status = if old && status != 200 { 400 } else { status };
            assert_eq!(exchange(edge.http, request).status, status, "{what} {settings}");
        }
    }
}

/// FD-L18: a chunked body is counted as it comes; above its limit it is 413, and the origin gets no whole body.
#[test]
fn chunked_bodies_are_counted() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&("[limits]\nbody_bytes = 10\n".to_owned() + &table(origin.port(), "")));
    let chunked = |body: &str| {
        exchange(edge.http, format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{body}"))
    };
    assert_eq!(chunked("a\r\n0123456789\r\n0\r\n\r\n").status, 200);
    assert_eq!(chunked("a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n").status, 413);
    assert_eq!(origin.got().len(), 1);
}

/// Pipelined requests are answered in order, each read once.
#[test]
fn pipelining() {
    let origin = Origin::start(|got| crate::harness::Reply::ok(got.line()));
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    let request = |n: usize| format!("POST /{n} HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\nabc");
    client.send((0..20).map(request).collect::<String>());
    for n in 0..20 {
        assert_eq!(client.answer().expect("an answer").text(), format!("POST /{n} HTTP/1.1"));
    }
    // Empty lines between requests are read over (RFC 9112 2.2).
    client.send(format!("\r\n\r\nGET /last HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(client.answer().expect("an answer").text(), "GET /last HTTP/1.1");
}

/// The absolute form is read as what it says, and forwarded as a path.
#[test]
fn absolute_form() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for (target, line) in [
        ("http://a.test/x?y", "GET /x?y HTTP/1.1"),
        ("HTTP://A.TEST/x", "GET /x HTTP/1.1"),
        ("http://a.test", "GET / HTTP/1.1"),
    ] {
        assert_eq!(
            exchange(edge.http, format!("GET {target} HTTP/1.1\r\n{HOST}\r\n")).status,
            200,
            "{target}"
        );
        assert_eq!(origin.last().line(), line);
    }
}
