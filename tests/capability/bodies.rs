//! Bodies in both directions: streamed as they come, neither buffered nor changed.

use std::io::Write;

use crate::harness::{Client, Origin, Reply, TestEdge, exchange};
use crate::routing::table;

const HOST: &str = "Host: a.test\r\n";

/// FD-E1: HTTP/1.0 is accepted and answered with `Connection: close`; a chunked body is unchunked for it.
#[test]
fn http_1_0() {
    let origin = Origin::start(|_| {
        Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let answer = exchange(edge.http, "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("connection")),
        (200, "abc", Some("close"))
    );
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_eq!(origin.last().line(), "GET / HTTP/1.1");
    assert_eq!(origin.last().all("via"), ["1.0 Azure"]);
}

/// FD-E2: origins are asked in HTTP/1.1. Keep-alive: many requests share one connection on both sides.
#[test]
fn connections_are_reused() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start_with("", &table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    for _ in 0..50 {
        client.send(format!("GET / HTTP/1.1\r\n{HOST}\r\n"));
        assert_eq!(client.answer().expect("an answer").text(), "here");
    }
    assert_eq!(origin.got().len(), 50);
    // One of the two is the prober's.
    assert!(origin.connections.load(std::sync::atomic::Ordering::SeqCst) <= 3);
    client.send(format!("GET / HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"));
    assert_eq!(client.answer().expect("an answer").header("connection"), Some("close"));
    assert!(client.closed());
}

/// Bodies arrive as they were sent, with a length, chunked, and until the origin closes.
#[test]
fn bodies_in_every_framing() {
    let origin = Origin::start(|got| {
        let body = &got.body;
        match got.line().split(' ').nth(1) {
            Some("/chunked") => {
                let mut out =
                    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len())
                        .into_bytes();
                out.extend(body);
                out.extend(b"\r\n0\r\n\r\n");
                Reply::Bytes(out)
            }
            Some("/close") => Reply::Last([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), body].concat()),
            _ => Reply::Bytes(
                [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body]
                    .concat(),
            ),
        }
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    for size in [1, 1000, 5000, 70_000, 1_000_000] {
        let body: Vec<u8> = (0..size).map(|i| (i * 7 % 251) as u8).collect();
        for path in ["/length", "/chunked", "/close"] {
            let head = format!("POST {path} HTTP/1.1\r\n{HOST}Content-Length: {size}\r\n\r\n");
            let answer = exchange(edge.http, [head.as_bytes(), &body].concat());
            assert_eq!((answer.status, answer.body == body), (200, true), "{path} {size}");
            let mut chunked =
                format!("POST {path} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
            for piece in body.chunks(60_001) {
                chunked.extend(format!("{:X};ext=1\r\n", piece.len()).as_bytes());
                chunked.extend(piece);
                chunked.extend(b"\r\n");
            }
            chunked.extend(b"0\r\n\r\n");
            assert!(exchange(edge.http, chunked).body == body, "{path} {size} chunked");
        }
    }
}

/// FD-E4: a response is passed on as it comes: the first event is read while the origin has not ended.
#[test]
fn responses_are_streamed() {
    let origin = Origin::start(|_| {
        Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n".to_vec())
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    client.send(format!("GET /events HTTP/1.1\r\n{HOST}\r\n"));
    assert_eq!(client.head().expect("a head").status, 200);
    assert_eq!(client.chunk().as_deref(), Some(b"data: 1\n\n".as_slice()));
}

/// Uploads are passed on as they come, and both directions run at once: an origin that echoes while it reads gets
/// more than all socket buffers hold.
#[test]
fn both_directions_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    const SIZE: usize = 24 << 20;
    let echo = std::thread::spawn(move || {
        use std::io::Read;
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut bytes = vec![0; 64 << 10];
            let mut read = stream.read(&mut bytes).expect("a head");
            let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
            if head.contains("Edge Health Probe") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                continue;
            }
            let start = head.find("\r\n\r\n").expect("a whole head") + 4;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("a client");
            let mut left = SIZE;
            let mut from = start;
            while left > 0 {
                stream.write_all(&bytes[from..read]).expect("a client");
                left -= read - from;
                from = 0;
                if left > 0 {
                    read = stream.read(&mut bytes).expect("a body");
                }
            }
            return;
        }
    });
    let edge = TestEdge::start(&table(port, ""));
    let mut client = Client::plain(edge.http);
    client.send(format!("POST / HTTP/1.1\r\n{HOST}Content-Length: {SIZE}\r\n\r\n"));
    let mut writer = client.tcp.try_clone().expect("a copy");
    let sender = std::thread::spawn(move || {
        let piece = vec![7_u8; 64 << 10];
        (0..SIZE / piece.len()).for_each(|_| writer.write_all(&piece).expect("an edge"));
    });
    assert_eq!(client.head().expect("a head").status, 200);
    for _ in 0..SIZE / (1 << 20) {
        assert!(client.bytes(1 << 20).expect("an echo").iter().all(|b| *b == 7));
    }
    sender.join().expect("everything was sent");
    echo.join().expect("everything was echoed");
}

/// 100-continue is the origin's to say; the connection goes on afterwards.
#[test]
fn expect_continue() {
    let origin = Origin::start(|got| Reply::ok(&String::from_utf8_lossy(&got.body)));
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    for _ in 0..3 {
        client.send(format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
        assert_eq!(client.head().expect("an interim answer").status, 100);
        client.send("abc");
        assert_eq!(client.answer().expect("an answer").text(), "abc");
    }
}

/// 103 goes on to the client. HEAD, 204 and 304 have no body, and keep what they say of one.
#[test]
fn answers_without_a_body() {
    let origin = Origin::start(|got| match got.line().split(' ').nth(1) {
        Some("/hints") => Reply::raw(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        ),
        Some("/204") => Reply::raw("HTTP/1.1 204 No Content\r\n\r\n"),
        Some("/304") => Reply::raw("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"e\"\r\n\r\n"),
        _ => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"),
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    let mut ask = |method: &str, path: &str| {
        client.send(format!("{method} {path} HTTP/1.1\r\n{HOST}\r\n"));
        client
            .answer_to(method)
            .map(|a| (a.status, a.header("content-length").map(str::to_owned), a.header("link").is_some()))
    };
    assert_eq!(ask("HEAD", "/"), Some((200, Some("1234".into()), false)));
    assert_eq!(ask("GET", "/204"), Some((204, None, false)));
    assert_eq!(ask("GET", "/304"), Some((304, Some("99".into()), false)));
    assert_eq!(ask("GET", "/hints"), Some((103, None, true)));
    assert_eq!(client.answer().expect("the final answer").text(), "x");
}

/// Ranges are the origin's business: request and response headers pass as they are.
#[test]
fn ranges_pass() {
    let origin = Origin::start(|got| {
        assert_eq!(got.header("range"), Some("bytes=2-3"));
        Reply::raw(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/10\r\nContent-Length: 2\r\n\r\ncd",
        )
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let answer = exchange(edge.http, format!("GET / HTTP/1.1\r\n{HOST}Range: bytes=2-3\r\n\r\n"));
    assert_eq!(
        (answer.status, answer.text().as_str(), answer.header("content-range")),
        (206, "cd", Some("bytes 2-3/10"))
    );
}

/// Trailers of an HTTP/1 origin reach an HTTP/1 client.
#[test]
fn trailers() {
    let origin = Origin::start(|_| {
        Reply::raw(
            "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 9\r\n\r\n",
        )
    });
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    client.send(format!("GET / HTTP/1.1\r\n{HOST}\r\n"));
    let head = client.head().expect("a head");
    assert_eq!(head.header("trailer"), Some("X-Sum"));
    assert_eq!(client.chunk().as_deref(), Some(b"a".as_slice()));
    assert_eq!(client.bytes(3 + 10 + 2).as_deref(), Some(b"0\r\nX-Sum: 9\r\n\r\n".as_slice()));
}
