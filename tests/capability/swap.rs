//! The table swaps while it serves (laws 3, 4, 5 and 8; FD-A5, FD-M1, FD-D32).

use std::time::Duration;

use tidegate::control::change::Outcome;
use tidegate::model::snapshot::Generation;

use crate::failover::two;
use crate::harness::{Client, Origin, Reply, TestEdge, get};
use crate::routing::table;

fn applied(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Applied { generation, .. } => generation.0,
        other => panic!("{other:?}"),
    }
}

/// FD-A5, FD-M1: a change serves at once, and as a whole. FD-D32: requests in flight finish on the table they began
/// on (law 3), and its generation is in their line.
#[test]
fn a_change_serves_at_once() {
    let old = Origin::start(|got| {
        if got.line().contains("/slow") {
            Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nold".to_vec())
        } else {
            Reply::ok("old")
        }
    });
    let new = Origin::fixed("new");
    let edge = TestEdge::start(&table(old.port(), ""));
    assert_eq!(get(edge.http, "a.test", "/").text(), "old");
    let mut slow = Client::plain(edge.http);
    slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let head = slow.head().expect("a head");
    assert_eq!(applied(edge.apply(&table(new.port(), ""))), 2);
    let answer = get(edge.http, "a.test", "/");
    assert_eq!(
        (answer.text().as_str(), edge.line(answer.reference())["generation"].as_str()),
        ("new", Some("2"))
    );
    assert_eq!(slow.bytes(3).as_deref(), Some(b"old".as_slice()), "the running response was cut");
    drop(slow);
    assert_eq!(edge.line(head.reference())["generation"], "1");
}

/// Law 5: a refused change changes nothing and says where; a stale writer is refused; the same table is no change; a
/// change of [edge] says that it needs a restart.
#[test]
fn refused_changes_change_nothing() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    match edge.apply("[routes.r]\ndomains = [\"a.test\"]\norigin_group = \"gone\"\n") {
        Outcome::Refused(diagnostics) => {
            assert!(diagnostics.0.iter().any(|d| d.code == "dangling-reference" && d.line > 1))
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(edge.apply(&table(origin.port(), "")), Outcome::Unchanged(Generation(1))));
    let (_, text) = edge.control.table();
    let stale = edge.control.apply(&text, Some(Generation(9)), "test");
    assert!(matches!(stale, Outcome::Conflict { base: Generation(9), current: Generation(1) }));
    match edge.control.apply(&text.replace("workers = 2", "workers = 3"), None, "test") {
        Outcome::Refused(d) => {
            assert_eq!(d.0[0].code, "edge-needs-restart");
            assert!(
                d.0[0].message.contains("workers")
                    && d.0[0].help.as_deref().is_some_and(|h| h.contains("restart"))
            );
        }
        other => panic!("{other:?}"),
    }
    let missing = table(origin.port(), "")
        + "[certificates.c]\ndomains = [\"a.test\"]\ncert_file = \"gone.pem\"\nkey_file = \"gone.key\"\n";
    match edge.apply(&missing) {
        Outcome::Refused(d) => assert!(d.0[0].message.contains("gone.pem"), "{d:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(get(edge.http, "a.test", "/").text(), "here");
    assert_eq!(edge.control.table().0, Generation(1));
}

/// History and rollback: back to the generation before, as a new generation.
#[test]
fn rollback() {
    let (one, two_) = (Origin::fixed("one"), Origin::fixed("two"));
    let edge = TestEdge::start(&table(one.port(), ""));
    applied(edge.apply(&table(two_.port(), "")));
    assert_eq!(get(edge.http, "a.test", "/").text(), "two");
    assert_eq!(applied(edge.control.rollback(None, "test").expect("a generation")), 3);
    assert_eq!(get(edge.http, "a.test", "/").text(), "one");
    let history = edge.control.history();
    let rows: Vec<_> = history.iter().map(|h| (h.generation, h.current, h.by.as_str())).collect();
    assert_eq!(rows, [(3, true, "test: rollback to 1"), (2, false, "test"), (1, false, "start")]);
    assert!(history[1].changes.iter().any(|c| c.what.ends_with("origins.o.http_port")));
    assert!(
        edge.control
            .rollback(Some(Generation(77)), "test")
            .is_err_and(|e| e.to_string().contains("known: 1, 2, 3"))
    );
}

/// Law 4: verdicts survive a swap.
#[test]
fn verdicts_survive() {
    let dead = Origin::fixed("x").port();
    let alive = Origin::fixed("alive");
    let edge = TestEdge::start(&two("", dead, alive.port()));
    edge.until_verdict("one", false);
    applied(edge.apply(&two("[retry]\nmax_attempts = 1\n", dead, alive.port())));
    for _ in 0..5 {
        assert_eq!(get(edge.http, "a.test", "/").text(), "alive");
    }
}

/// A table that was replaced goes, also while connections that came under it stay open and wait.
#[test]
fn replaced_tables_go() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut idle = Client::plain(edge.http);
    idle.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(idle.answer().expect("an answer").text(), "here");
    let old = std::sync::Arc::downgrade(&edge.control.live().pin().snapshot.table);
    applied(edge.apply(&table(origin.port(), "patterns = [\"/*\", \"/more\"]")));
    crate::harness::edge::eventually("the old table is gone", || old.strong_count() == 0);
    idle.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(idle.answer().expect("an answer").text(), "here");
}

/// Law 8: with the files gone the edge goes on serving what it last knew.
#[test]
fn without_its_files() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    std::fs::remove_dir_all(edge.folder.path()).expect("a folder");
    tidegate::control::files::reload(&edge.control, &edge.folder.path().join("routes.toml"), "test");
    edge.control.reload_certificates();
    assert_eq!(get(edge.http, "a.test", "/").text(), "here");
}

/// Drain: no new connections, what runs finishes, then it ends.
#[test]
fn draining() {
    let slow = Origin::start(|got| match got.line().contains("/slow") {
        true => {
            std::thread::sleep(Duration::from_millis(300));
            Reply::ok("whole")
        }
        false => Reply::ok("quick"),
    });
    let mut edge = TestEdge::start(&table(slow.port(), ""));
    let mut idle = Client::plain(edge.http);
    idle.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(idle.answer().expect("an answer").text(), "quick");
    let mut running = Client::plain(edge.http);
    running.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
    crate::harness::edge::eventually("it runs", || slow.got().len() == 2);
    let address = edge.http;
    let ending = edge.edge.take().expect("a running edge");
    let drained = std::thread::spawn(move || ending.drain(Duration::from_secs(20)));
    let answer = running.answer().expect("an answer");
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("whole", Some("close")));
    assert!(idle.closed());
    assert!(drained.join().expect("no panic"), "something was cut");
    assert!(std::net::TcpStream::connect(address).is_err());
}
