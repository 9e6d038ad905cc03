//! Swaps under load: HTTP/1.1, HTTP/2, WebSocket and gRPC at once, without one failed request or cut stream (laws 3
//! and 4). A few hundred swaps by default; `TIDEGATE_SWAPS=10000` for the long run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidegate::control::change::Outcome;

use crate::h2::{block, get, grpc_origin, open, request};
use crate::harness::origin::Got;
use crate::harness::{Client, Origin, Reply, TestEdge};

/// What all loads look at.
#[derive(Default)]
struct Progress {
    stop: AtomicBool,
    asked: AtomicUsize,
}

impl Progress {
    fn running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn answered(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }
}

/// The main route's origin is the swapping one; gRPC has its own, which never changes.
fn table(port: u16, grpc: u16) -> String {
    format!(
        "[certificates.c]\ndomains = [\"a.test\"]\nself_signed = true\n\
         [origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\nhttp_port = {port}\n\
         [origin_groups.rpc.origins.p]\nhost = \"127.0.0.1\"\nhttp_port = {grpc}\nhttp_version = \"2\"\n\
         [routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n\
         [routes.rpc]\ndomains = [\"a.test\"]\npatterns = [\"/bot.Chat/*\"]\norigin_path = \"/v2/bot.Chat/\"\n\
         origin_group = \"rpc\"\nforwarding_protocol = \"http_only\"\n"
    )
}

fn echo_or(name: &'static str) -> impl Fn(&Got) -> Reply + Send + Sync {
    move |got| if got.line().contains("/ws") { Reply::Echo } else { Reply::ok(name) }
}

/// One client: a request and a WebSocket message in turn, each on a connection that stays.
fn plain(edge: &TestEdge, progress: &Progress) {
    let mut client = Client::plain(edge.http);
    let mut socket = Client::plain(edge.http);
    socket.send("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(socket.head().expect("a head").status, 101);
    while progress.running() {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let answer = client.answer().expect("an answer");
        assert!(answer.status == 200 && matches!(answer.text().as_str(), "one" | "two"), "{answer:?}");
        socket.send(b"ping");
        assert_eq!(socket.bytes(4).as_deref(), Some(b"ping".as_slice()), "a stream was cut");
        progress.answered();
    }
}

/// One HTTP/2 connection: requests, and a gRPC stream that stays open all the while.
fn multiplexed(edge: &TestEdge, progress: &Progress) {
    block(async {
        let mut sender = open(edge).await;
        let head = request("POST", "/bot.Chat/Say")
            .header("te", "trailers")
            .header("content-type", "application/grpc");
        let (response, mut up) =
            sender.send_request(head.body(()).expect("a request"), false).expect("a stream");
        up.send_data(Bytes::from_static(b"hello"), false).expect("room");
        let mut down = response.await.expect("a head").into_body();
        assert_eq!(down.data().await.expect("a message").expect("data"), "hello");
        while progress.running() {
            let (status, _, body) = get(&mut sender, "/").await;
            assert!(status == 200 && (body == b"one" || body == b"two"), "{status} {body:?}");
            up.send_data(Bytes::from_static(b"again"), false).expect("room");
            let echo = down.data().await.expect("the gRPC stream was cut").expect("data");
            assert_eq!(echo, "again");
            let _ = down.flow_control().release_capacity(echo.len());
            progress.answered();
        }
        up.send_data(Bytes::new(), true).expect("room");
        while down.data().await.is_some() {}
        let trailers = down.trailers().await.expect("trailers").expect("trailers");
        assert_eq!(trailers.get("grpc-status").map(|v| v.as_bytes()), Some(b"0".as_slice()));
    });
}

/// Ends the loads also when a swap fails.
struct Ending<'p>(&'p Progress);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn swaps_under_load() {
    let swaps = std::env::var("TIDEGATE_SWAPS").ok().and_then(|n| n.parse().ok()).unwrap_or(300_usize);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let grpc = runtime.block_on(grpc_origin()).port();
    let origins = [Origin::start(echo_or("one")), Origin::start(echo_or("two"))];
    let edge = TestEdge::start(&table(origins[0].port(), grpc));
    let progress = Progress::default();
    std::thread::scope(|scope| {
        let _ending = Ending(&progress);
        for _ in 0..2 {
            scope.spawn(|| plain(&edge, &progress));
            scope.spawn(|| multiplexed(&edge, &progress));
        }
        let started = Instant::now();
        for n in 1..=swaps {
            let outcome = edge.apply(&table(origins[n % 2].port(), grpc));
            assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
            // A table that nobody has used yet may be replaced; every tenth one is waited for.
            let before = progress.asked.load(Ordering::Relaxed);
            while n % 10 == 0 && progress.asked.load(Ordering::Relaxed) == before {
                assert!(started.elapsed() < Duration::from_secs(1200), "nobody is served");
                std::thread::yield_now();
            }
        }
    });
    assert_eq!(edge.control.table().0.0, swaps as u64 + 1);
    assert!(progress.asked.load(Ordering::Relaxed) >= swaps / 10);
    let errors = edge.control.metrics().text();
    assert!(!errors.contains("status=\"5xx\"} 1"), "{errors}");
}
