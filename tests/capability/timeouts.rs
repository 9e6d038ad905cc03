//! Every timer of section E.6 that can be set low enough for a test, and the origin's at its lowest, 16 seconds.

use std::time::Instant;

use crate::harness::{Client, Origin, Reply, TestEdge, get};
use crate::routing::table;

const QUICK: &str = "[client]\nheader_s = 1\nkeep_alive_s = 1\nstall_s = 1\n";

/// E.6: headers complete within their time after connecting, or 408 and closed; byte by byte does not help.
#[test]
fn slow_headers_are_cut() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&(QUICK.to_owned() + &table(origin.port(), "")));
    let mut silent = Client::plain(edge.http);
    assert!(silent.closed(), "a connection without a byte is closed without one");
    let mut slow = Client::plain(edge.http);
    let mut writer = slow.tcp.try_clone().expect("a copy");
    let dripping = std::thread::spawn(move || {
        use std::io::Write;
        for byte in b"GET / HTTP/1.1\r\nHost: a.test\r\nX-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            .iter()
            .cycle()
            .take(500)
        {
            if writer.write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    assert_eq!(slow.answer().expect("an answer").status, 408);
    dripping.join().expect("the drip ends with the connection");
    assert!(origin.got().is_empty());
}

/// FD-E25: between requests the keep-alive time counts, inside one the stall time: a body that stops coming ends
/// with 408.
#[test]
fn idle_and_stalled_clients() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&(QUICK.to_owned() + &table(origin.port(), "")));
    let mut idle = Client::plain(edge.http);
    idle.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(idle.answer().expect("an answer").status, 200);
    assert!(idle.closed());
    let mut stalled = Client::plain(edge.http);
    stalled.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(stalled.answer().expect("an answer").status, 408);
    assert!(stalled.closed());
}

/// FD-E25: the defaults are 90, 61 and 5 seconds.
#[test]
fn client_timer_defaults() {
    let settings = tidegate::model::settings::Settings::default();
    let seconds = [settings.client_keep_alive, settings.client_stall, settings.client_header_timeout]
        .map(|d| d.as_secs());
    assert_eq!(seconds, [90, 61, 5]);
    assert_eq!(settings.connect_timeout.as_secs(), 5);
}

/// FD-E40, FD-L7, FD-J1: no first byte in time is 504 (503 in `legacy`), OriginTimeout, logged as 0, not retried
/// (FD-D29; checklist 5 of N.4). FD-M14: the route may have its own time. FD-E41: a gap in the body cuts the client's
/// connection.
#[test]
fn silent_origins() {
    let silent = Origin::start(|_| Reply::Silence);
    let other = Origin::fixed("other");
    let gap = Origin::start(|_| Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()));
    let route = |settings: &str, port: u16| {
        crate::failover::two(settings, port, other.port())
            .replace("forwarding_protocol", "response_timeout_s = 16\nforwarding_protocol")
    };
    let current = TestEdge::start(&route("", silent.port()));
    let legacy = TestEdge::start(&route("[compat]\nerror_codes = \"legacy\"\n", silent.port()));
    let cut = TestEdge::start(&route("", gap.port()));
    std::thread::scope(|scope| {
        for (edge, status) in [(&current, 504), (&legacy, 503)] {
            scope.spawn(move || {
                let before = Instant::now();
                let answer = get(edge.http, "a.test", "/");
                assert_eq!(answer.status, status);
                assert!(before.elapsed().as_secs() >= 16, "it was given up early");
                let line = edge.line(answer.reference());
                assert_eq!(
                    (line["httpStatusCode"].as_str(), line["errorInfo"].as_str(), line["attempts"].as_str()),
                    (Some("0"), Some("OriginTimeout"), Some("1"))
                );
                assert!(
                    edge.control.metrics().text().contains(
                        "tidegate_origin_requests_total{group=\"g\",origin=\"one\",status=\"0\"} 1"
                    )
                );
            });
        }
        scope.spawn(|| {
            let mut client = Client::plain(cut.http);
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            assert_eq!(client.head().expect("a head").status, 200);
            assert_eq!(client.bytes(3).as_deref(), Some(b"abc".as_slice()));
            assert!(client.closed());
        });
    });
    assert!(other.got().is_empty());
}

/// FD-E43: a connection that is not made in time counts as failed, and another origin is tried (FD-D27, FD-N5, FD-N8:
/// the next attempt has the whole time again).
#[test]
fn connect_timeout() {
    // A listener whose queue is full answers no further SYN: as silent as a dropped packet.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address").into()).expect("a port");
    socket.listen(0).expect("a queue");
    let address = socket.local_addr().expect("an address").as_socket().expect("an IP address");
    let filling: Vec<_> = (0..4)
        .filter_map(|_| {
            std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(200)).ok()
        })
        .collect();
    let alive = Origin::fixed("alive");
    let edge = TestEdge::start(&crate::failover::two(
        "[origin]\nconnect_timeout_s = 1\n",
        address.port(),
        alive.port(),
    ));
    let answer = get(edge.http, "a.test", "/");
    assert_eq!((answer.status, answer.text().as_str()), (200, "alive"));
    let line = edge.line(answer.reference());
    assert_eq!((line["attempts"].as_str(), line["errorInfo"].as_str()), (Some("2"), Some("NoError")));
    drop(filling);
}
