//! FD-E7: IPv6 and IPv4 on both sides. And access lines can be off.

use crate::harness::{Origin, Reply, TestEdge, exchange, get};

/// FD-E7: a client over IPv6, an origin over IPv6, and both mixed with IPv4.
#[test]
fn both_families() {
    let Ok(probe) = std::net::TcpListener::bind("[::1]:0") else {
        // A machine without IPv6 has nothing to prove here.
        return;
    };
    drop(probe);
    let origin = Origin::start_on("[::1]:0".parse().expect("an address"), |_| Reply::ok("six"));
    let text = crate::routing::table(origin.port(), "").replace("host = \"127.0.0.1\"", "host = \"::1\"");
    let edge = TestEdge::start_with("", &text);
    let answer = get(edge.http, "a.test", "/");
    assert_eq!(answer.text(), "six");
    assert_eq!(edge.line(answer.reference())["originIp"].as_str(), Some(origin.address.to_string().as_str()));
    // An address as a host name is written in brackets, and matched without them.
    let literal = TestEdge::start(&text.replace("a.test", "::1"));
    assert_eq!(exchange(literal.http, "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").text(), "six");
    let six = TestEdge::start_six(&text);
    let answer = get(six.http, "a.test", "/");
    assert_eq!(
        (answer.text().as_str(), six.line(answer.reference())["socketIp"].as_str()),
        ("six", Some("::1"))
    );
    assert_eq!(origin.last().header("x-forwarded-for"), Some("::1"));
}

/// Access lines are written where the file says, and nowhere when it says `off`.
#[test]
fn logs_can_be_off() {
    let origin = Origin::fixed("here");
    let silent = TestEdge::start_silent(&crate::routing::table(origin.port(), ""));
    assert_eq!(get(silent.http, "a.test", "/").status, 200);
    assert!(!silent.edge.as_ref().is_some_and(|e| e.shared.log.is_on()));
    assert!(!silent.folder.path().join("access.log").exists());
    let telling = TestEdge::start(&crate::routing::table(origin.port(), ""));
    get(telling.http, "a.test", "/");
    assert_eq!(telling.lines(1).len(), 1);
}
