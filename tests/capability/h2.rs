//! HTTP/2: towards clients by ALPN and with prior knowledge, towards origins as a named setting, gRPC through both.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::SendRequest;
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};

use crate::harness::client::tls_config;
use crate::harness::{Origin, Reply, TestEdge};
use crate::routing::table;

pub fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

const CERTIFICATE: &str = "[certificates.c]\ndomains = [\"a.test\"]\nself_signed = true\n";

fn secure(port: u16, route: &str) -> String {
    format!("{CERTIFICATE}{}", table(port, route))
}

pub async fn open(edge: &TestEdge) -> SendRequest<Bytes> {
    let tcp = TcpStream::connect(edge.https).await.expect("a connection");
    let connector = tokio_rustls::TlsConnector::from(tls_config(&edge.ca(), &[b"h2"]));
    let tls =
        connector.connect(ServerName::try_from("a.test").expect("a name"), tcp).await.expect("a handshake");
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (sender, connection) = h2::client::handshake(tls).await.expect("HTTP/2");
    tokio::spawn(async move { drop(connection.await) });
    sender
}

pub fn request(method: &str, path: &str) -> http::request::Builder {
    http::Request::builder()
        .method(method)
        .uri(format!("https://a.test{path}"))
        .version(http::Version::HTTP_2)
}

async fn body(mut stream: h2::RecvStream) -> Result<(Vec<u8>, Option<http::HeaderMap>), h2::Error> {
    let mut out = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        out.extend_from_slice(&data);
    }
    Ok((out, stream.trailers().await?))
}

pub async fn get(sender: &mut SendRequest<Bytes>, path: &str) -> (u16, http::HeaderMap, Vec<u8>) {
    let mut ready = sender.clone().ready().await.expect("a ready connection");
    let (response, _) =
        ready.send_request(request("GET", path).body(()).expect("a request"), true).expect("a stream");
    let response = response.await.expect("a response");
    let (parts, stream) = response.into_parts();
    (parts.status.as_u16(), parts.headers, body(stream).await.expect("a body").0)
}

/// FD-E1: HTTP/2 by ALPN; FD-E2: the origin is asked in HTTP/1.1. FD-E12: Via says 2.0. Many streams at once, bodies
/// up and down. FD-E8 does not hold for HTTP/2: a POST without a length is fine. FD-E50: no extended CONNECT.
#[test]
fn streams_side_by_side() {
    let origin = Origin::start(|got| Reply::ok(&format!("{} {}", got.line(), got.body.len())));
    let edge = TestEdge::start(&secure(origin.port(), ""));
    block(async {
        let mut sender = open(&edge).await;
        let mut tasks = Vec::new();
        for n in 0..100 {
            let mut sender = sender.clone();
            tasks.push(tokio::spawn(async move { (n, get(&mut sender, &format!("/{n}?q")).await) }));
        }
        for task in tasks {
            let (n, (status, headers, body)) = task.await.expect("no panic");
            assert_eq!((status, body), (200, format!("GET /{n}?q HTTP/1.1 0").into_bytes()));
            assert!(headers.contains_key("x-azure-ref") && !headers.contains_key("connection"));
        }
        let (response, mut up) = sender
            .send_request(request("POST", "/up").body(()).expect("a request"), false)
            .expect("a stream");
        for piece in 0..20 {
            up.send_data(Bytes::from(vec![piece; 10_000]), piece == 19).expect("room");
        }
        let (_, stream) = response.await.expect("a response").into_parts();
        assert_eq!(body(stream).await.expect("a body").0, b"POST /up HTTP/1.1 200000");
        let (status, _, _) = get(&mut sender, "/").await;
        assert_eq!(status, 200);
    });
    assert_eq!(origin.last().all("via"), ["2.0 Azure"]);
    assert!(origin.got().iter().all(|g| g.all("host") == ["a.test"]));
}

/// A response that breaks off resets its stream, and only that one (FD-E41).
#[test]
fn broken_bodies_reset_their_stream() {
    let origin = Origin::start(|got| {
        if got.line().contains("/broken") {
            Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec())
        } else {
            Reply::ok("whole")
        }
    });
    let edge = TestEdge::start(&secure(origin.port(), ""));
    block(async {
        let mut sender = open(&edge).await;
        let (response, _) = sender
            .send_request(request("GET", "/broken").body(()).expect("a request"), true)
            .expect("a stream");
        let (parts, stream) = response.await.expect("a head").into_parts();
        assert_eq!(parts.status, 200);
        assert!(body(stream).await.is_err_and(|e| e.is_reset()));
        assert_eq!(get(&mut sender, "/").await.2, b"whole");
    });
}

/// Errors of the edge over HTTP/2: no route, a Host that differs from `:authority`, two Content-Lengths, too many
/// headers, a client that resets its stream (499).
#[test]
fn errors_over_h2() {
    let origin =
        Origin::start(|got| if got.line().contains("/silent") { Reply::Silence } else { Reply::ok("x") });
    let edge = TestEdge::start(&secure(origin.port(), "patterns = [\"/a/*\", \"/silent\"]"));
    block(async {
        let mut sender = open(&edge).await;
        assert_eq!(get(&mut sender, "/other").await.0, 404);
        let mut send = |builder: http::request::Builder| {
            let (response, _) =
                sender.send_request(builder.body(()).expect("a request"), true).expect("a stream");
            response
        };
        let status = |r: http::Response<h2::RecvStream>| r.status().as_u16();
        assert_eq!(send(request("GET", "/a/").header("host", "b.test")).await.map(status).ok(), Some(400));
        assert_eq!(send(request("GET", "/a/../../x")).await.map(status).ok(), Some(400));
        let many = (0..101).fold(request("GET", "/a/"), |b, n| b.header(format!("x-{n}"), "y"));
        assert_eq!(send(many).await.map(status).ok(), Some(431));
        let silent = send(request("GET", "/silent"));
        crate::harness::edge::eventually("the origin has it", || {
            origin.got().iter().any(|g| g.line().contains("/silent"))
        });
        drop(silent);
    });
    let left = edge
        .lines(5)
        .into_iter()
        .find(|l| l["properties"]["requestUri"].as_str().is_some_and(|u| u.ends_with("/silent")));
    assert_eq!(left.expect("a line")["properties"]["httpStatusCode"], "499");
}

/// An origin that speaks HTTP/2 with prior knowledge and answers as gRPC does: metadata, messages, trailers.
pub async fn grpc_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut connection) = h2::server::handshake(tcp).await else { return };
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    tokio::spawn(async move {
                        let (parts, mut incoming) = request.into_parts();
                        assert_eq!(
                            parts.headers.get("te").map(|v| v.as_bytes()),
                            Some(b"trailers".as_slice())
                        );
                        assert_eq!(parts.uri.path(), "/v2/bot.Chat/Say");
                        // The scheme of this connection, whatever the client's was.
                        assert_eq!(parts.uri.scheme_str(), Some("http"));
                        let head = http::Response::builder()
                            .header("content-type", "application/grpc")
                            .body(())
                            .expect("a head");
                        let mut out = respond.send_response(head, false).expect("a stream");
                        // Every message is answered before the next one has come: both directions at once.
                        while let Some(Ok(data)) = incoming.data().await {
                            let _ = incoming.flow_control().release_capacity(data.len());
                            out.send_data(data, false).expect("room");
                        }
                        let mut trailers = http::HeaderMap::new();
                        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
                        out.send_trailers(trailers).expect("trailers");
                    });
                }
            });
        }
    });
    address
}

/// FD-M13: gRPC through an origin with `http_version = "2"`: bidirectional, with trailers. FD-E3: without the
/// setting it is forwarded as HTTP/1.1, and no special error is made.
#[test]
fn grpc() {
    block(async {
        let origin = grpc_origin().await;
        let text = secure(origin.port(), "patterns = [\"/*\"]\norigin_path = \"/v2/\"")
            .replace("[routes.r]", "http_version = \"2\"\n[routes.r]");
        let edge = TestEdge::start(&text);
        let mut sender = open(&edge).await;
        for _ in 0..3 {
            let head = request("POST", "/bot.Chat/Say")
                .header("te", "trailers")
                .header("content-type", "application/grpc");
            let (response, mut up) =
                sender.send_request(head.body(()).expect("a request"), false).expect("a stream");
            up.send_data(Bytes::from_static(b"first"), false).expect("room");
            let (parts, mut down) = response.await.expect("a head").into_parts();
            assert_eq!(
                parts.headers.get("content-type").map(|v| v.as_bytes()),
                Some(b"application/grpc".as_slice())
            );
            let echo = down.data().await.expect("a message").expect("data");
            assert_eq!(&echo[..], b"first");
            up.send_data(Bytes::from_static(b"second"), true).expect("room");
            let (rest, trailers) = body(down).await.expect("a body");
            assert_eq!(rest, b"second");
            assert_eq!(
                trailers.expect("trailers").get("grpc-status").map(|v| v.as_bytes()),
                Some(b"0".as_slice())
            );
        }
        // One connection carried all of them, and every line names its address.
        let connections = |kind| edge.metric(&format!("tidegate_origin_connections_total{{kind={kind:?}}}"));
        assert_eq!((connections("opened"), connections("reused")), (1.0, 2.0));
        for line in edge.lines(3) {
            assert_eq!(line["properties"]["originIp"].as_str(), Some(origin.to_string().as_str()));
        }
    });
    let plain = Origin::start(|got| Reply::ok(got.line()));
    let edge = TestEdge::start(&secure(plain.port(), ""));
    block(async {
        let mut sender = open(&edge).await;
        let head = request("POST", "/bot.Chat/Say")
            .header("te", "trailers")
            .header("content-type", "application/grpc");
        let (response, mut up) =
            sender.send_request(head.body(()).expect("a request"), false).expect("a stream");
        up.send_data(Bytes::from_static(b"hello"), true).expect("room");
        let (_, stream) = response.await.expect("a head").into_parts();
        assert_eq!(body(stream).await.expect("a body").0, b"POST /bot.Chat/Say HTTP/1.1");
    });
}

/// HTTP/2 with prior knowledge is off by default, and a setting turns it on; HTTP/1 works beside it.
#[test]
fn prior_knowledge() {
    let origin = Origin::fixed("here");
    let ask = |edge: &TestEdge| {
        let address = edge.http;
        block(async move {
            let tcp = TcpStream::connect(address).await.ok()?;
            let (mut sender, connection) = h2::client::handshake(tcp).await.ok()?;
            let driving = tokio::spawn(connection);
            let request = http::Request::builder().uri("http://a.test/").body(()).ok()?;
            let (response, _) = sender.send_request(request, true).ok()?;
            let response = response.await.ok()?;
            let status = response.status().as_u16();
            driving.abort();
            Some(status)
        })
    };
    let off = TestEdge::start(&table(origin.port(), ""));
    assert_eq!(ask(&off), None);
    let on = TestEdge::start_with("h2c = true", &table(origin.port(), ""));
    assert_eq!(ask(&on), Some(200));
    assert_eq!(crate::harness::get(on.http, "a.test", "/").text(), "here");
}

/// One connection for many edges' worth of settings: what the handshake announces is bounded.
#[test]
fn concurrent_streams_are_bounded() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&("[limits]\nh2_streams = 7\n".to_owned() + &secure(origin.port(), "")));
    block(async {
        let mut sender = open(&edge).await;
        get(&mut sender, "/").await;
        assert_eq!(sender.current_max_send_streams(), 7);
    });
}

/// RFC 9113 8.2.3: a cookie that came in pieces reaches the origin in one, without the affinity cookies (FD-D25).
#[test]
fn cookie_crumbs() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&secure(origin.port(), ""));
    block(async {
        let mut sender = open(&edge).await;
        let head = request("GET", "/")
            .header("cookie", "a=1")
            .header("cookie", "ASLBSA=x")
            .header("cookie", "b=2; ASLBSACORS=y");
        let (response, _) = sender.send_request(head.body(()).expect("a request"), true).expect("a stream");
        assert_eq!(response.await.expect("a response").status(), 200);
    });
    assert_eq!(origin.last().all("cookie"), ["a=1; b=2"]);
}
