//! WebSockets (section E.7).

use crate::harness::edge::eventually;
use crate::harness::{Client, Origin, Reply, TestEdge};
use crate::routing::table;

pub const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn open(edge: &TestEdge) -> (Client, crate::harness::Answer) {
    let mut client = Client::plain(edge.http);
    client.send(UPGRADE);
    let answer = client.head().expect("an answer");
    (client, answer)
}

/// FD-E45, FD-E46: works without configuration; after 101 bytes are relayed untouched. FD-E49: the line comes at the
/// close, with protocol WS and the bytes of the whole connection.
#[test]
fn bytes_are_relayed_untouched() {
    let origin = Origin::start(|_| Reply::Echo);
    let edge = TestEdge::start(&table(origin.port(), ""));
    let (mut client, answer) = open(&edge);
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("sec-websocket-accept"), Some("x"));
    let got = origin.last();
    assert_eq!(
        (got.header("upgrade"), got.header("connection"), got.header("sec-websocket-key")),
        (Some("websocket"), Some("Upgrade"), Some("x"))
    );
    let frame: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for piece in frame.chunks(10_000) {
        client.send(piece);
        assert!(client.bytes(piece.len()).as_deref() == Some(piece));
    }
    assert_eq!(edge.metric("tidegate_websockets "), 1.0);
    drop(client);
    let line = edge.line(answer.reference());
    assert_eq!(
        (line["requestProtocol"].as_str(), line["httpStatusCode"].as_str()),
        (Some("WS"), Some("101"))
    );
    let bytes = |key: &str| line[key].as_str().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    assert!(bytes("requestBytes") >= 100_000 && bytes("responseBytes") >= 100_000, "{line}");
    eventually("the count falls", || edge.metric("tidegate_websockets ") == 0.0);
}

/// FD-E48: above the number that is set, an upgrade is answered 503.
#[test]
fn websockets_are_counted() {
    let origin = Origin::start(|_| Reply::Echo);
    let edge = TestEdge::start(&("[limits]\nwebsockets = 2\n".to_owned() + &table(origin.port(), "")));
    let held: Vec<_> = (0..2).map(|_| open(&edge)).collect();
    assert!(held.iter().all(|(_, a)| a.status == 101));
    assert_eq!(open(&edge).1.status, 503);
    assert_eq!(edge.metric("tidegate_refused_total{limit=\"websockets\"}"), 1.0);
    drop(held);
    eventually("a place is free", || open(&edge).1.status == 101);
}

/// An origin that refuses the upgrade is heard; an upgrade to anything else is a plain request.
#[test]
fn refused_and_other_upgrades() {
    let origin = Origin::fixed("plain");
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    client.send(UPGRADE);
    assert_eq!(client.answer().expect("an answer").text(), "plain");
    client.send(UPGRADE.replace("websocket", "h2c"));
    assert_eq!(client.answer().expect("an answer").text(), "plain");
    assert_eq!(origin.last().header("upgrade"), None);
}

/// Many upgrades in a row, each used at once: none is torn down.
#[test]
fn a_thousand_upgrades() {
    let origin = Origin::start(|_| Reply::Echo);
    let edge = TestEdge::start(&table(origin.port(), ""));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..250 {
                    let (mut client, answer) = open(&edge);
                    assert_eq!(answer.status, 101, "{n}");
                    client.send(b"ping");
                    assert_eq!(client.bytes(4).as_deref(), Some(b"ping".as_slice()), "{n}");
                }
            });
        }
    });
}
