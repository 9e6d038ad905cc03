//! Regions with a will: drain, isolate, dial, restore.

use tidegate::model::bounds::Percent;
use tidegate::model::region::RegionState;

use crate::failover::two;
use crate::harness::edge::eventually;
use crate::harness::{Client, Origin, Reply, TestEdge, get};

fn order(edge: &TestEdge, state: RegionState) {
    edge.control.order_region("west", Some(state), None, "test").expect("a region");
}

/// FD-M1, FD-M27: a drained region takes no new request, those in flight finish; restored, it has everything back.
#[test]
fn draining() {
    let slow = Origin::start(|got| {
        if got.line().contains("/stream") {
            Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc".to_vec())
        } else {
            Reply::ok("west")
        }
    });
    let other = Origin::fixed("north");
    let edge = TestEdge::start(&two("", slow.port(), other.port()));
    let mut stream = Client::plain(edge.http);
    stream.send("GET /stream HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(stream.head().expect("a head").status, 200);
    order(&edge, RegionState::Drained);
    for _ in 0..20 {
        assert_eq!(get(edge.http, "a.test", "/").text(), "north");
    }
    assert_eq!(stream.bytes(3).as_deref(), Some(b"abc".as_slice()), "the stream was cut");
    // The order stands above a new table.
    assert!(matches!(
        edge.apply(&two("[retry]\nmax_attempts = 3\n", slow.port(), other.port())),
        tidegate::control::change::Outcome::Applied { .. }
    ));
    assert_eq!(get(edge.http, "a.test", "/").text(), "north");
    order(&edge, RegionState::Active);
    assert_eq!(get(edge.http, "a.test", "/").text(), "west");
}

/// An isolated region is cut: streams and requests in flight end, WebSockets too; the rest is not touched.
#[test]
fn isolating() {
    let stalling = Origin::start(|got| {
        if got.line().contains("/ws") {
            Reply::Echo
        } else {
            Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc".to_vec())
        }
    });
    let other = Origin::start(|_| Reply::Echo);
    let edge = TestEdge::start(&two("", stalling.port(), other.port()));
    let upgrade = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let open = |request: &str| {
        let mut client = Client::plain(edge.http);
        client.send(request);
        assert!(client.head().expect("a head").status < 300);
        client
    };
    let mut stream = open("GET /stream HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(stream.bytes(3).as_deref(), Some(b"abc".as_slice()));
    let mut socket = open(upgrade);
    order(&edge, RegionState::Isolated);
    assert!(stream.closed() && socket.closed());
    let mut safe = open(upgrade);
    order(&edge, RegionState::Active);
    order(&edge, RegionState::Isolated);
    safe.send(b"still");
    assert_eq!(safe.bytes(5).as_deref(), Some(b"still".as_slice()));
    let isolated = edge.lines(2).iter().filter(|l| l["properties"]["errorInfo"] == "OriginError").count();
    assert_eq!(isolated, 2);
}

/// A dial moves its share: about 30 of 100 requests where it says 30, and none where it says 0.
#[test]
fn dialling() {
    let (west, north) = (Origin::fixed("west"), Origin::fixed("north"));
    let edge = TestEdge::start(&two("", west.port(), north.port()));
    let share = |percent: i64| {
        let dial = Percent::try_from(percent).expect("a percentage");
        edge.control.order_region("west", None, Some(dial), "test").expect("a region");
        (0..400).filter(|_| get(edge.http, "a.test", "/").text() == "west").count()
    };
    assert_eq!(share(0), 0);
    assert_eq!(share(100), 400);
    // 400 draws at 30 %: 120 on average, six deviations are 55.
    assert!((65..=175).contains(&share(30)));
}

/// With every region drained nobody is left, and the edge says so.
#[test]
fn everything_drained() {
    let (west, north) = (Origin::fixed("west"), Origin::fixed("north"));
    let edge = TestEdge::start(&two("", west.port(), north.port()));
    order(&edge, RegionState::Drained);
    edge.control.order_region("north", Some(RegionState::Drained), None, "test").expect("a region");
    let answer = get(edge.http, "a.test", "/");
    assert_eq!(answer.status, 503);
    assert_eq!(edge.line(answer.reference())["errorInfo"], "OriginError");
    eventually("the gauge says so", || edge.metric("tidegate_region_dial_percent{region=\"west\"}") == 0.0);
    assert!(
        edge.control
            .order_region("east", None, None, "test")
            .is_err_and(|e| e.to_string().contains("known: west, north"))
    );
}
