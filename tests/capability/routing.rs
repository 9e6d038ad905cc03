//! From a request on a socket to its route and origin (section B, and who answers when nobody is there).

use crate::harness::{Origin, Reply, TestEdge, exchange, get};

pub fn table(port: u16, route: &str) -> String {
    format!(
        "[origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\nhttp_port = {port}\n\
         [routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n{route}\n"
    )
}

/// FD-B4: the host is compared without case, port and trailing dot. FD-B8: the query is no part of the match, and is
/// passed on. FD-B13: the client's letters are kept.
#[test]
fn hosts_as_they_are_written() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), "patterns = [\"/x/*\"]"));
    for host in ["a.test", "A.TEST", "a.test:8080", "a.test.", "A.Test.:80"] {
        assert_eq!(get(edge.http, host, "/X/Path?q=/y/").status, 200, "{host}");
        assert_eq!(origin.last().line(), "GET /X/Path?q=/y/ HTTP/1.1");
    }
}

/// FD-B14, FD-B15, FD-L2: no route is 404, 400 in `legacy` or by its own setting, and nothing is forwarded.
/// FD-E22, FD-E23, FD-M23: the page names the reference and the reason.
#[test]
fn no_route() {
    let origin = Origin::fixed("here");
    let own = table(origin.port(), "patterns = [\"/api/*\"]\nprotocols = [\"http\"]");
    for (settings, status) in [
        ("", 404),
        ("[compat]\nerror_codes = \"legacy\"\n", 400),
        ("[compat]\nno_route_status = 400\n", 400),
        ("[compat]\nerror_codes = \"legacy\"\nno_route_status = 404\n", 404),
    ] {
        let edge = TestEdge::start(&format!("{settings}{own}"));
        for (host, path) in [("unknown.test", "/api/"), ("a.test", "/other")] {
            let answer = get(edge.http, host, path);
            assert_eq!(answer.status, status, "{settings} {host}{path}");
            assert!(answer.text().contains(answer.reference()), "{}", answer.text());
            assert!(answer.text().contains("no route"), "{}", answer.text());
            let line = edge.line(answer.reference());
            assert_eq!(
                (line["errorInfo"].as_str(), line["originUrl"].as_str()),
                (Some("InvalidRequest"), Some("N/A"))
            );
        }
    }
    assert!(origin.got().is_empty());
}

/// FD-B20: to the same host, path and query on https, before anything is forwarded. FD-B21: 301, settable.
#[test]
fn the_built_in_redirect() {
    let origin = Origin::fixed("here");
    for (settings, status) in [
        ("", 301),
        ("[compat]\nhttps_redirect_status = 307\n", 307),
        ("[compat]\nhttps_redirect_status = 308\n", 308),
    ] {
        let edge = TestEdge::start(&(settings.to_owned() + &table(origin.port(), "https_redirect = true")));
        let answer = get(edge.http, "a.test", "/A/b?c=d&e");
        assert_eq!((answer.status, answer.header("location")), (status, Some("https://a.test/A/b?c=d&e")));
        // A client that names our plain port is led to our TLS port.
        let answer = get(edge.http, &format!("a.test:{}", edge.http.port()), "/");
        assert_eq!(
            answer.header("location"),
            Some(format!("https://a.test:{}/", edge.https.port()).as_str())
        );
    }
    assert!(origin.got().is_empty());
}

/// FD-B26 on a socket: the origin path stands for the pattern's prefix, and the query is kept (FD-B29).
#[test]
fn the_origin_path() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), "patterns = [\"/docs/*\"]\norigin_path = \"/v2/\""));
    let answer = get(edge.http, "a.test", "/docs/a/B/?q=1");
    assert_eq!(origin.last().line(), "GET /v2/a/B/?q=1 HTTP/1.1");
    let url = edge.line(answer.reference())["originUrl"].clone();
    assert_eq!(url.as_str(), Some(format!("http://127.0.0.1:{}/v2/a/B/?q=1", origin.port()).as_str()));
}

/// FD-B18: no Host is 400, over HTTP/1.0 as well, where nothing could be routed.
#[test]
fn a_request_without_host() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a test\r\n\r\n",
    ] {
        assert_eq!(exchange(edge.http, request).status, 400, "{request:?}");
    }
    assert!(origin.got().is_empty());
}

/// FD-E6: any method but CONNECT is passed on. FD-L19: CONNECT is 405, 400 in `legacy`.
#[test]
fn methods() {
    let origin = Origin::start(|_| Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let edge = TestEdge::start(&table(origin.port(), ""));
    for method in
        ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "PROPFIND", "MKCOL", "X-ODD"]
    {
        let answer =
            exchange(edge.http, format!("{method} /m HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(answer.status, 200, "{method}");
        assert_eq!(origin.last().line(), format!("{method} /m HTTP/1.1"));
    }
    let seen = origin.got().len();
    let connect = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(exchange(edge.http, connect).status, 405);
    let legacy =
        TestEdge::start(&("[compat]\nerror_codes = \"legacy\"\n".to_owned() + &table(origin.port(), "")));
    assert_eq!(exchange(legacy.http, connect).status, 400);
    assert_eq!(origin.got().len(), seen);
}

/// FD-M24, FD-E17: the client's address is the left-most valid one of X-Forwarded-For, where its sender is trusted.
#[test]
fn the_clients_address() {
    let origin = Origin::fixed("here");
    let ask = |settings: &str, forwarded: &str| {
        let edge = TestEdge::start(&(settings.to_owned() + &table(origin.port(), "")));
        let header =
            if forwarded.is_empty() { String::new() } else { format!("X-Forwarded-For: {forwarded}\r\n") };
        let answer = exchange(edge.http, format!("GET / HTTP/1.1\r\nHost: a.test\r\n{header}\r\n"));
        let line = edge.line(answer.reference());
        assert_eq!(line["socketIp"], "127.0.0.1");
        assert_eq!(line["clientIp"].as_str(), origin.last().header("x-azure-clientip"));
        line["clientIp"].as_str().map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(ask("", ""), "127.0.0.1");
    assert_eq!(ask("", "203.0.113.9, 10.0.0.1"), "203.0.113.9");
    assert_eq!(ask("", "unknown, 2001:db8::1"), "2001:db8::1");
    assert_eq!(ask("", "nonsense"), "127.0.0.1");
    assert_eq!(ask("[client_ip]\ntrusted_proxies = [\"10.0.0.0/8\"]\n", "203.0.113.9"), "127.0.0.1");
    assert_eq!(ask("[client_ip]\ntrusted_proxies = [\"127.0.0.0/8\"]\n", "203.0.113.9"), "203.0.113.9");
}
