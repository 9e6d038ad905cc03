//! Affinity cookies as browsers and origins see them (FD-D.5).

use crate::failover::two;
use crate::harness::{Answer, Origin, Reply, TestEdge, exchange, get};

fn sticky(settings: &str, a: u16, b: u16) -> String {
    two(settings, a, b)
        .replace("priority = 2", "priority = 1")
        .replace("[origin_groups.g]\n", "[origin_groups.g]\nsession_affinity = true\n")
}

fn no_store(name: &'static str) -> Origin {
    Origin::start(move |_| {
        Reply::raw(&format!(
            "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: {}\r\n\r\n{name}",
            name.len()
        ))
    })
}

fn ask(edge: &TestEdge, cookie: &str) -> Answer {
    exchange(edge.http, format!("GET / HTTP/1.1\r\nHost: a.test\r\nCookie: a=1; {cookie}; b=2\r\n\r\n"))
}

fn cookie(answer: &Answer) -> Option<String> {
    let value = answer.all("set-cookie").into_iter().find(|c| c.starts_with("ASLBSA="))?;
    Some(value.split(';').next().unwrap_or("").to_owned())
}

/// FD-D14: the setting is the group's. FD-D15, FD-D16: over plain HTTP one session cookie without Secure.
/// FD-D20: no cookie while the session holds. FD-D25: origins do not see them, other cookies pass.
#[test]
fn a_session_holds() {
    let (one, two_) = (no_store("one"), no_store("two"));
    let edge = TestEdge::start(&sticky("", one.port(), two_.port()));
    let first = get(edge.http, "a.test", "/");
    assert_eq!(first.all("set-cookie").len(), 1);
    let set = first.all("set-cookie")[0].to_owned();
    assert!(set.starts_with("ASLBSA=0003") && set.ends_with("; Path=/; HttpOnly"), "{set}");
    let session = cookie(&first).expect("a cookie");
    for _ in 0..10 {
        let next = ask(&edge, &session);
        assert_eq!((next.text(), next.all("set-cookie").len()), (first.text(), 0));
        assert_eq!(edge.line(next.reference())["why"], "affinity");
    }
    let holder = if first.text() == "one" { &one } else { &two_ };
    assert_eq!(holder.last().all("cookie"), ["a=1; b=2"]);
    // ASLBSACORS alone holds it as well (FD-D19).
    let cors = session.replace("ASLBSA=", "ASLBSACORS=");
    assert_eq!(ask(&edge, &cors).text(), first.text());
    let off = TestEdge::start(
        &sticky("", one.port(), two_.port()).replace("session_affinity = true", "session_affinity = false"),
    );
    assert!(get(off.http, "a.test", "/").all("set-cookie").is_empty());
    let seen = TestEdge::start(&sticky("[affinity]\nforward_cookies = true\n", one.port(), two_.port()));
    ask(&seen, "ASLBSA=x");
    assert!(one.got().iter().chain(&two_.got()).any(|g| g.header("cookie") == Some("a=1; ASLBSA=x; b=2")));
}

/// FD-D22: an ordinary 200 to a GET starts no session. FD-D21: a POST, or a 404, does.
#[test]
fn cacheable_answers_start_none() {
    let origins = [(); 2].map(|()| {
        Origin::start(|got| {
            let status = if got.line().contains("/missing") { "404 Not Found" } else { "200 OK" };
            Reply::raw(&format!(
                "HTTP/1.1 {status}\r\nCache-Control: no-cache, private\r\nContent-Length: 0\r\n\r\n"
            ))
        })
    });
    let edge = TestEdge::start(&sticky("", origins[0].port(), origins[1].port()));
    assert_eq!(cookie(&get(edge.http, "a.test", "/")), None);
    assert!(cookie(&get(edge.http, "a.test", "/missing")).is_some());
    assert!(
        cookie(&exchange(edge.http, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"))
            .is_some()
    );
}

/// FD-D23: a session whose origin leaves the pool is balanced as new, and its cookie replaced. FD-D31: after a retry
/// the cookie names the origin that answered (checklist 9 of N.4).
#[test]
fn sessions_move() {
    let (one, two_) = (no_store("one"), no_store("two"));
    let edge = TestEdge::start(&sticky("", one.port(), two_.port()));
    let first = get(edge.http, "a.test", "/");
    let session = cookie(&first).expect("a cookie");
    let (name, other) = if first.text() == "one" { ("one", "two") } else { ("two", "one") };
    edge.control
        .force_verdict("g", name, Some(false), std::time::Duration::from_secs(60), "test")
        .expect("a known origin");
    let moved = ask(&edge, &session);
    assert_eq!(moved.text(), other);
    let new = cookie(&moved).expect("a new cookie");
    assert_ne!(new, session);
    edge.control
        .force_verdict("g", name, None, std::time::Duration::from_secs(1), "test")
        .expect("a known origin");
    assert_eq!(ask(&edge, &new).text(), other);
    // The holder of the new session dies under a request: the answer comes from the other, and names it.
    drop(if other == "one" { one } else { two_ });
    let retried = ask(&edge, &new);
    assert_eq!((retried.text().as_str(), cookie(&retried)), (name, Some(session)));
}

/// FD-D18: host-only, unless the route matched through a wildcard domain.
#[test]
fn the_cookies_domain() {
    let (one, two_) = (no_store("one"), no_store("two"));
    let wild = sticky("", one.port(), two_.port()).replace("[\"a.test\"]", "[\"a.test\", \"*.w.test\"]");
    let edge = TestEdge::start(&wild);
    let set = |host: &str| get(edge.http, host, "/").all("set-cookie")[0].to_owned();
    assert!(!set("a.test").contains("Domain="));
    assert!(set("x.w.test").contains("; Domain=w.test;"));
}

/// FD-D26: a WebSocket's session counts on its upgrade request: the cookie names the origin of the whole tunnel.
#[test]
fn sessions_of_websockets() {
    use crate::harness::Client;
    let origins = ["one", "two"].map(|name| {
        Origin::start(move |got| {
            if got.header("upgrade").is_some() {
                return Reply::Echo;
            }
            Reply::raw(&format!("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n{name}"))
        })
    });
    let edge = TestEdge::start(&sticky("", origins[0].port(), origins[1].port()));
    let first = get(edge.http, "a.test", "/");
    let session = cookie(&first).expect("a cookie");
    for n in 0..6 {
        let mut client = Client::plain(edge.http);
        client.send(format!("GET /ws{n} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: {session}\r\n\r\n"));
        assert_eq!(client.head().expect("a head").status, 101);
        client.send(b"ping");
        assert_eq!(client.bytes(4).as_deref(), Some(b"ping".as_slice()));
    }
    let sockets = origins.map(|o| o.got().iter().filter(|g| g.line().contains("/ws")).count());
    let holder = usize::from(first.text() == "two");
    assert_eq!((sockets[holder], sockets[1 - holder]), (6, 0));
}

/// FD-D15, FD-D16 over HTTPS: two cookies of one value, both HttpOnly and Secure, the second with SameSite=None, and
/// neither outlives the browser.
#[test]
fn cookies_over_https() {
    let (one, two_) = (no_store("one"), no_store("two"));
    let certificate = "[certificates.c]\ndomains = [\"a.test\"]\nself_signed = true\n";
    let edge = TestEdge::start(&sticky(certificate, one.port(), two_.port()));
    let mut client = crate::harness::Client::tls(edge.https, "a.test", &edge.ca());
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let answer = client.answer().expect("an answer");
    let cookies = answer.all("set-cookie");
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    let value =
        |cookie: &str| cookie.split_once('=').and_then(|(_, v)| v.split(';').next()).map(str::to_owned);
    assert_eq!(value(cookies[0]), value(cookies[1]));
    assert!(
        cookies[0].starts_with("ASLBSA=0003") && cookies[0].ends_with("; Path=/; HttpOnly; Secure"),
        "{cookies:?}"
    );
    assert!(
        cookies[1].starts_with("ASLBSACORS=0003")
            && cookies[1].ends_with("; Path=/; HttpOnly; Secure; SameSite=None"),
        "{cookies:?}"
    );
    assert!(!cookies.iter().any(|c| c.contains("Expires") || c.contains("Max-Age")));
}
