//! An origin fails during a request or by its probes, and traffic moves (FD-D.6, FD-C, FD-N on sockets).

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::harness::edge::eventually;
use crate::harness::{Client, Origin, Reply, TestEdge, exchange, get};

pub fn two(settings: &str, first: u16, second: u16) -> String {
    format!(
        "{settings}\n[regions.west]\n[regions.north]\n[origin_groups.g]\nhealth_probe = {{ path = \"/health\", interval_s = 5 }}\n\
         load_balancing = {{ sample_size = 2, successful_samples_required = 2, additional_latency_ms = 1000 }}\n\
         [origin_groups.g.origins.one]\nregion = \"west\"\nhost = \"127.0.0.1\"\nhttp_port = {first}\npriority = 1\n\
         [origin_groups.g.origins.two]\nregion = \"north\"\nhost = \"127.0.0.1\"\nhttp_port = {second}\npriority = 2\n\
         [routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n"
    )
}

/// FD-D27, FD-D28 a, c, FD-N5: a refused connection is retried on another origin, for any method, with its body, and
/// the client sees nothing of it (checklist 4 of N.4). FD-J3: the line names the last attempt. FD-D31 is in affinity.
#[test]
fn refused_connections_cost_nothing() {
    let dead = Origin::fixed("x").port();
    let alive = Origin::start(|got| Reply::ok(&String::from_utf8_lossy(&got.body)));
    let edge = TestEdge::start(&two("", dead, alive.port()));
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        let answer = exchange(
            edge.http,
            format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc"),
        );
        assert_eq!((answer.status, answer.text().as_str()), (200, "abc"), "{method}");
        let line = edge.line(answer.reference());
        assert_eq!(line["errorInfo"], "NoError");
        assert_eq!(line["originIp"].as_str(), Some(alive.address.to_string().as_str()));
        assert_eq!((line["origin"].as_str(), line["region"].as_str()), (Some("two"), Some("north")));
    }
    assert_eq!(alive.got().len(), 4);
}

/// FD-D28 d: a close after the request was sent is retried for harmless methods only; the named setting changes it.
#[test]
fn closed_after_sending() {
    let closing = Origin::start(|_| Reply::Close);
    let alive = Origin::start(|got| Reply::ok(&String::from_utf8_lossy(&got.body)));
    for (settings, extra) in [("", false), ("[retry]\nnon_idempotent_after_send = true\n", true)] {
        let edge = TestEdge::start(&two(settings, closing.port(), alive.port()));
        for (method, retried) in [
            ("GET", true),
            ("OPTIONS", true),
            ("TRACE", true),
            ("PUT", true),
            ("DELETE", true),
            ("POST", extra),
            ("PATCH", extra),
        ] {
            let answer = exchange(
                edge.http,
                format!("{method} / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc"),
            );
            let want = if retried { (200, "abc".to_owned()) } else { (502, answer.text()) };
            assert_eq!((answer.status, answer.text()), want, "{method} {settings}");
        }
    }
}

/// FD-D28 d: a body is replayed while it fits into 64 KB, whatever its framing; beyond that the failure stands.
#[test]
fn replayed_bodies() {
    let closing = Origin::start(|_| Reply::Close);
    let alive = Origin::start(|got| {
        Reply::ok(&format!("{} {}", got.body.len(), got.body.iter().map(|b| u64::from(*b)).sum::<u64>()))
    });
    let edge = TestEdge::start(&two("", closing.port(), alive.port()));
    for (size, status) in [(0, 200), (1, 200), (65_536, 200), (65_537, 502)] {
        let body: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        let sum: u64 = body.iter().map(|b| u64::from(*b)).sum();
        let length = format!("PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {size}\r\n\r\n");
        let answer = exchange(edge.http, [length.as_bytes(), &body].concat());
        assert_eq!(answer.status, status, "{size}");
        if status == 200 {
            assert_eq!(answer.text(), format!("{size} {sum}"));
        }
        let mut chunked = b"PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        if size > 0 {
            chunked.extend([format!("{size:x}\r\n").as_bytes(), &body, b"\r\n"].concat());
        }
        chunked.extend(b"0\r\n\r\n");
        assert_eq!(exchange(edge.http, chunked).status, status, "{size} chunked");
    }
}

/// FD-D28 b: one retry unless the setting says otherwise.
#[test]
fn attempts_are_bounded() {
    let closing = [(); 3].map(|()| Origin::start(|_| Reply::Close));
    let table = |settings: &str| {
        let origins: String = closing
            .iter()
            .enumerate()
            .map(|(i, o)| {
                format!("[origin_groups.g.origins.o{i}]\nhost = \"127.0.0.1\"\nhttp_port = {}\n", o.port())
            })
            .collect();
        format!(
            "{settings}[origin_groups.g]\nhealth_probe = {{}}\n{origins}[routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n"
        )
    };
    for (settings, attempts) in
        [("", "2"), ("[retry]\nmax_attempts = 1\n", "1"), ("[retry]\nmax_attempts = 5\n", "3")]
    {
        let before: usize = closing.iter().map(|o| o.got().len()).sum();
        let edge = TestEdge::start(&table(settings));
        let answer = get(edge.http, "a.test", "/");
        assert_eq!(answer.status, 502);
        assert_eq!(edge.line(answer.reference())["attempts"].as_str(), Some(attempts), "{settings}");
        let after: usize = closing.iter().map(|o| o.got().len()).sum();
        assert_eq!((after - before).to_string(), attempts);
    }
}

/// FD-D28 e: with nobody else, an idle connection that died of age is replaced by a new one to the same origin.
#[test]
fn idle_connections_that_died() {
    // Closes its connection with the second request on it, before it answers.
    let alone =
        Origin::start(|got| if got.line().contains("/second") { Reply::Close } else { Reply::ok("first") });
    let calls = Arc::new(AtomicU16::new(0));
    let seen = calls.clone();
    let origin = Origin::start(move |got| {
        let again = got.line().contains("/second") && seen.fetch_add(1, Ordering::SeqCst) == 0;
        if again { Reply::Close } else { Reply::ok("here") }
    });
    let edge = TestEdge::start_with("", &crate::routing::table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    for path in ["/first", "/second"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        assert_eq!(client.answer().expect("an answer").status, 200, "{path}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    // A connection that was new is not tried again on the same origin.
    let edge = TestEdge::start(&crate::routing::table(alone.port(), ""));
    assert_eq!(get(edge.http, "a.test", "/second").status, 502);
    assert_eq!(alone.got().len(), 1);
}

/// FD-D29: no retry on a status (checklist 6 of N.4). FD-D30: a live failure does not change the window.
#[test]
fn statuses_are_passed_on() {
    let failing =
        Origin::start(|_| Reply::raw("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nown"));
    let alive = Origin::fixed("other");
    let edge = TestEdge::start(&two("", failing.port(), alive.port()));
    for _ in 0..5 {
        let answer = get(edge.http, "a.test", "/");
        assert_eq!((answer.status, answer.text().as_str()), (503, "own"));
    }
    assert!(alive.got().is_empty());
    assert!(edge.control.health().iter().all(|o| o.verdict == "up"));
}

/// FD-C17, FD-N6, FD-N7 on sockets: probes fail, the origin leaves the pool, traffic goes to the next tier without
/// a retry; it comes back with its probes, at once and wholly (FD-D5; checklist 8 of N.4).
#[test]
fn traffic_follows_the_probes() {
    let second = Origin::fixed("second");
    let first = Origin::fixed("first");
    let address = first.address;
    let edge = TestEdge::start(&two("", first.port(), second.port()));
    assert_eq!(get(edge.http, "a.test", "/").text(), "first");
    drop(first);
    edge.until_verdict("one", false);
    let answer = get(edge.http, "a.test", "/");
    let line = edge.line(answer.reference());
    assert_eq!(
        (answer.text().as_str(), line["attempts"].as_str(), line["why"].as_str()),
        ("second", Some("1"), Some("only-one-left"))
    );
    let _first = Origin::start_on(address, |_| Reply::ok("first again"));
    edge.until_verdict("one", true);
    for _ in 0..10 {
        assert_eq!(get(edge.http, "a.test", "/").text(), "first again");
    }
}

/// FD-C22 on a socket: with every probe failing, traffic goes on by priority (trace 5 of N.2; checklist 7 of N.4).
#[test]
fn everybody_unhealthy() {
    let (one, two_) = (Origin::fixed("one"), Origin::fixed("two"));
    let edge = TestEdge::start(&two("", one.port(), two_.port()));
    for origin in ["one", "two"] {
        edge.control
            .force_verdict("g", origin, Some(false), std::time::Duration::from_secs(60), "test")
            .expect("a known origin");
    }
    let answer = get(edge.http, "a.test", "/");
    assert_eq!(answer.text(), "one");
    assert_eq!(edge.line(answer.reference())["why"], "all-unhealthy");
    edge.control
        .force_verdict("g", "two", None, std::time::Duration::from_secs(1), "test")
        .expect("a known origin");
    eventually("the healthy one", || get(edge.http, "a.test", "/").text() == "two");
}

/// FD-N7: what is idle to an origin that left is closed at once.
#[test]
fn idle_connections_to_dead_origins_are_closed() {
    let (one, two_) = (Origin::fixed("one"), Origin::fixed("two"));
    let edge = TestEdge::start(&two("", one.port(), two_.port()));
    // A raw origin of our own would see the close; the edge counts what it keeps.
    for _ in 0..5 {
        get(edge.http, "a.test", "/");
    }
    let before = one.connections.load(Ordering::SeqCst);
    let hold = std::time::Duration::from_secs(60);
    edge.control.force_verdict("g", "one", Some(false), hold, "test").expect("a known origin");
    assert_eq!(get(edge.http, "a.test", "/").text(), "two");
    edge.control.force_verdict("g", "one", None, hold, "test").expect("a known origin");
    eventually("traffic is back", || get(edge.http, "a.test", "/").text() == "one");
    assert!(one.connections.load(Ordering::SeqCst) > before, "an old connection was used again");
}
