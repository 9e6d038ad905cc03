//! What origins and clients are sent beside the body (sections E.2 to E.4).

use crate::harness::{Origin, Reply, TestEdge, exchange, get};
use crate::routing::table;

fn asked(edge: &TestEdge, lines: &str) -> crate::harness::Answer {
    exchange(edge.http, format!("GET /p?q HTTP/1.1\r\nHost: A.test:81\r\n{lines}\r\n"))
}

/// FD-E9: most headers pass, reserved ones do not. FD-E12: Via with the client's version, appended. FD-E13: the
/// socket's address at the end of X-Forwarded-For. FD-E14: X-Forwarded-Host and -Proto are never the client's.
/// FD-E15: `hops=1`. FD-E16: one reference in the origin's request, the client's response and the log.
/// FD-E21: the origin's headers pass.
#[test]
fn what_an_origin_is_sent() {
    let origin = Origin::start(|_| {
        Reply::raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: s\r\nVary: v\r\nETag: \"e\"\r\nX-Own: o\r\nSet-Cookie: a=b\r\nX-Azure-Ref: forged\r\nX-Cache: forged\r\n\r\n",
        )
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let answer = asked(
        &edge,
        "X-Custom: One\r\nx-custom: two\r\nAccept: */*\r\nVia: 1.0 first\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Host: evil\r\n\
         X-Forwarded-Proto: gopher\r\nX-FD-HealthProbes: 1\r\nX-FD-Anything: 1\r\nX-Azure-ClientIP: 1.1.1.1\r\nX-Azure-SocketIP: 1.1.1.1\r\n\
         X-Azure-Ref: forged\r\nX-Azure-FDID: forged\r\n",
    );
    let got = origin.last();
    assert_eq!(got.line(), "GET /p?q HTTP/1.1");
    assert_eq!(got.all("host"), ["A.test:81"]);
    assert_eq!(got.all("x-custom"), ["One", "two"]);
    assert_eq!(got.all("accept"), ["*/*"]);
    assert_eq!(got.all("via"), ["1.0 first, 1.1 Azure"]);
    assert_eq!(got.all("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"]);
    assert_eq!(got.all("x-forwarded-host"), ["A.test:81"]);
    assert_eq!(got.all("x-forwarded-proto"), ["http"]);
    assert_eq!(got.all("x-azure-clientip"), ["203.0.113.9"]);
    assert_eq!(got.all("x-azure-socketip"), ["127.0.0.1"]);
    assert_eq!(got.all("x-azure-requestchain"), ["hops=1"]);
    assert_eq!(got.all("x-azure-fdid"), ["00000000-0000-0000-0000-000000000000"]);
    assert_eq!(got.all("x-azure-ref"), [answer.reference()]);
    assert!(got.all("x-fd-healthprobes").is_empty() && got.all("x-fd-anything").is_empty());
    assert_eq!(edge.line(answer.reference())["trackingReference"], answer.reference());
    assert_eq!(answer.all("x-azure-ref").len(), 1);
    assert_eq!(answer.all("x-cache"), ["CONFIG_NOCACHE"]);
    for (name, value) in
        [("server", "s"), ("vary", "v"), ("etag", "\"e\""), ("x-own", "o"), ("set-cookie", "a=b")]
    {
        assert_eq!(answer.all(name), [value], "{name}");
    }
    assert_ne!(get(edge.http, "a.test", "/").reference(), answer.reference());
}

/// FD-E11: the origin's host header, or the client's host.
#[test]
fn the_host_header() {
    let origin = Origin::fixed("here");
    let own = table(origin.port(), "").replace("[routes.r]", "host_header = \"own.test:99\"\n[routes.r]");
    let edge = TestEdge::start(&own);
    get(edge.http, "a.test", "/");
    assert_eq!(origin.last().all("host"), ["own.test:99"]);
    assert_eq!(origin.last().all("x-forwarded-host"), ["a.test"]);
}

/// FD-E9: what is meant for one hop stays here, also what `Connection` nominates; RFC 9110 7.6.1.
#[test]
fn hop_by_hop_headers() {
    let origin = Origin::start(|_| {
        Reply::raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=9\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\n\r\n",
        )
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let answer = asked(
        &edge,
        "Connection: keep-alive, X-Nominated\r\nX-Nominated: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nProxy-Authorization: x\r\n",
    );
    let got = origin.last();
    for name in [
        "connection",
        "x-nominated",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
    ] {
        assert!(got.all(name).is_empty(), "{name} was passed on");
    }
    for name in ["x-mine", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert!(answer.all(name).is_empty(), "{name} was passed back");
    }
    // Nominating a forwarding header steals nothing: the service writes its own.
    asked(&edge, "Connection: X-Forwarded-For, Via\r\n");
    assert_eq!(origin.last().all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(origin.last().all("via"), ["1.1 Azure"]);
}

/// FD-E15: every pass counts, and above 5 the circle is broken with 508.
#[test]
fn loops() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for (hops, status) in
        [("hops=1", 200), ("hops=4", 200), ("hops=5", 508), ("hops=99", 508), ("nonsense", 200)]
    {
        assert_eq!(asked(&edge, &format!("X-Azure-RequestChain: {hops}\r\n")).status, status, "{hops}");
    }
    asked(&edge, "X-Azure-RequestChain: hops=4\r\n");
    assert_eq!(origin.last().all("x-azure-requestchain"), ["hops=5"]);
}

/// FD-E10, FD-L22: debug headers come only when asked for. FD-L16: an origin's own error is passed on, `NoError`.
#[test]
fn debug_headers() {
    let origin = Origin::start(|_| Reply::raw("HTTP/1.1 503 Own\r\nContent-Length: 3\r\n\r\nown"));
    let edge = TestEdge::start(&table(origin.port(), ""));
    let plain = asked(&edge, "");
    assert_eq!(
        (plain.status, plain.text().as_str(), plain.header("x-azure-originstatuscode")),
        (503, "own", None)
    );
    let debug = asked(&edge, "X-Azure-DebugInfo: 1\r\n");
    assert_eq!((debug.status, debug.header("x-azure-originstatuscode")), (503, Some("503")));
    assert_eq!(edge.line(debug.reference())["errorInfo"], "NoError");
    drop(origin);
    let refused = asked(&edge, "X-Azure-DebugInfo: 1\r\n");
    let external = refused.header("x-azure-externalerror").expect("a debug header").to_owned();
    let (code, word) = external.split_once(", ").expect("a code and a word");
    assert!(code.starts_with("0x") && u32::from_str_radix(&code[2..], 16).is_ok(), "{external}");
    assert_eq!(word, "OriginConnectionRefused");
    assert_eq!(asked(&edge, "").header("x-azure-externalerror"), None);
}

/// FD-E24: `Location` of an origin is not rewritten.
#[test]
fn locations_pass() {
    let origin = Origin::start(|_| {
        Reply::raw("HTTP/1.1 302 Found\r\nLocation: http://inner.test/x\r\nContent-Length: 0\r\n\r\n")
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    assert_eq!(get(edge.http, "a.test", "/").header("location"), Some("http://inner.test/x"));
}
