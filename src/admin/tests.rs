//! The admin API over a socket, without an edge behind it: problems, If-Match, orders, events, description.

mod guarded;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{AdminState, openapi, serve};
use crate::control::change::Control;
use crate::model::limits::EVENT_SUBSCRIBERS;
use crate::probe;

/// The longest wait for anything that has to come.
const PATIENCE: Duration = Duration::from_secs(30);

const TABLE: &str = "[regions.here]\n[origin_groups.g.origins.a]\nregion = \"here\"\nhost = \"127.0.0.1\"\n\
                     [routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\nprotocols = [\"http\"]\n";

fn heavier() -> String {
    TABLE.replace("host =", "weight = 7\nhost =")
}

struct Api {
    address: SocketAddr,
    control: Arc<Control>,
    ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|l| l.split_once(": "))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|h| h.1)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.head, self.body))
    }

    /// RFC 9457: the media type, and the members that a program and a person need.
    fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body = self.json();
        assert_eq!((&body["type"], &body["status"]), (&json!(kind), &json!(status)), "{body}");
        assert!(
            ["title", "detail"].iter().all(|key| body[key].as_str().is_some_and(|t| !t.is_empty())),
            "{body}"
        );
        body
    }
}

impl Api {
    async fn start(token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let control = crate::app::edge::control("routes.toml", TABLE.to_owned(), folder.path().to_path_buf());
        let control = control.expect("a good table");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let ready = Arc::new(AtomicBool::new(true));
        let state = AdminState::new(control.clone(), token.map(str::to_owned), address, ready.clone());
        let stop = watch::Sender::new(false);
        tokio::spawn(serve(listener, state, stop.subscribe()));
        Self { address, control, ready, stop, _folder: folder }
    }

    async fn open(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a listener");
        let host =
            if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let head =
            format!("{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.expect("a write");
        stream.write_all(body).await.expect("a write");
        stream
    }

    async fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let headers = format!("{headers}Connection: close\r\n");
        let mut stream = self.open(method, path, &headers, body.as_bytes()).await;
        let mut text = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await;
        read.expect("an answer in time").expect("a whole answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "", "").await
    }

    fn generation(&self) -> u64 {
        self.control.table().0.0
    }
}

/// Everything that goes wrong is a problem document, the framework's own refusals too.
#[tokio::test]
async fn problems() {
    let api = Api::start(Some("s3cret")).await;
    let ok = "Authorization: Bearer s3cret\r\n";
    let rows: [(&str, &str, &str, &str, u16, &str); 13] = [
        ("GET", "/v1/nothing", "", "", 404, "/problems/not-found"),
        ("PUT", "/v1/table", "If-Match: *\r\n", "", 401, "/problems/token"),
        ("GET", "/v1/table", "Host: evil.test\r\n", "", 421, "/problems/host"),
        (
            "POST",
            "/v1/rollback",
            "Authorization: Bearer s3cret\r\nOrigin: http://evil.test\r\n",
            "",
            403,
            "/problems/origin",
        ),
        ("DELETE", "/v1/table", ok, "", 405, "/problems/method"),
        ("POST", "/v1/explain", ok, "{", 400, "/problems/bad-request"),
        ("POST", "/v1/explain", ok, "{\"url\":\"http://a.test/\",\"dwon\":[]}", 400, "/problems/bad-request"),
        ("POST", "/v1/explain", ok, "{\"url\":\"ftp://a.test/\"}", 400, "/problems/bad-request"),
        (
            "POST",
            "/v1/explain",
            ok,
            "{\"url\":\"http://a.test/\",\"down\":[\"region:x\"]}",
            400,
            "/problems/bad-request",
        ),
        ("POST", "/v1/rollback", ok, "{\"generation\":9}", 404, "/problems/not-found"),
        ("PUT", "/v1/regions/mars", ok, "{\"state\":\"drained\"}", 404, "/problems/not-found"),
        ("PUT", "/v1/regions/here", ok, "{\"dial\":101}", 400, "/problems/bad-request"),
        ("PUT", "/v1/regions/here", ok, "{\"state\":\"gone\"}", 400, "/problems/bad-request"),
    ];
    for (method, path, headers, body, status, kind) in rows {
        api.call(method, path, headers, body).await.problem(status, kind);
    }
    let detail = api.call("PUT", "/v1/regions/mars", ok, "{}").await.json()["detail"].to_string();
    assert!(detail.contains("known: here"), "{detail}");
    assert!(api.call("DELETE", "/v1/table", ok, "").await.header("allow").is_some_and(|a| a.contains("PUT")));
    assert_eq!(api.generation(), 1);
}

/// 428 without If-Match, 412 for a stale generation, 200 for the present one and for `*`; the ETag goes along.
#[tokio::test]
async fn if_match() {
    let api = Api::start(None).await;
    let table = api.get("/v1/table").await;
    assert_eq!((table.status, table.header("etag"), table.body.as_str()), (200, Some("\"1\""), TABLE));
    assert_eq!(table.header("content-type"), Some("application/toml"));
    let head = api.call("HEAD", "/v1/table", "", "").await;
    assert_eq!((head.status, head.header("etag"), head.body.as_str()), (200, Some("\"1\""), ""));

    api.call("PUT", "/v1/table", "", &heavier()).await.problem(428, "/problems/if-match");
    api.call("PUT", "/v1/table", "If-Match: \"0\"\r\n", &heavier())
        .await
        .problem(412, "/problems/stale-generation");
    api.call("PUT", "/v1/table", "If-Match: \"new\"\r\n", &heavier())
        .await
        .problem(400, "/problems/bad-request");
    assert_eq!((api.generation(), &*api.control.table().1), (1, TABLE));

    let swapped = api.call("PUT", "/v1/table", "If-Match: \"1\"\r\n", &heavier()).await;
    assert_eq!((swapped.status, swapped.header("etag")), (200, Some("\"2\"")), "{}", swapped.body);
    let body = swapped.json();
    assert_eq!((&body["outcome"], &body["generation"]), (&json!("applied"), &json!(2)));
    let change =
        json!({ "kind": "changed", "what": "origin_groups.g.origins.a.weight", "from": "50", "to": "7" });
    assert_eq!(body["changes"], json!([change]));

    let same = api.call("PUT", "/v1/table", "If-Match: *\r\n", &heavier()).await;
    assert_eq!(
        (same.status, same.header("etag"), &same.json()["outcome"]),
        (200, Some("\"2\""), &json!("unchanged"))
    );
    api.call("PUT", "/v1/table", "If-Match: \"1\"\r\n", TABLE)
        .await
        .problem(412, "/problems/stale-generation");
    assert_eq!(api.call("PUT", "/v1/table", "If-Match: *\r\n", TABLE).await.header("etag"), Some("\"3\""));
}

/// 422 with every diagnostic, and nothing changed; the gate without the swap says the same.
#[tokio::test]
async fn refused_tables() {
    let api = Api::start(None).await;
    let bad = format!("{TABLE}patern = []\nresponse_timeout_s = 1\n");
    for (method, path) in [("PUT", "/v1/table"), ("POST", "/v1/table/check")] {
        let body =
            api.call(method, path, "If-Match: *\r\n", &bad).await.problem(422, "/problems/table-refused");
        let found = &body["diagnostics"];
        assert_eq!((&found[0]["code"], &found[0]["line"]), (&json!("unknown-key"), &json!(10)), "{body}");
        assert_eq!((&found[1]["code"], &found[1]["rule"]), (&json!("timeout-range"), &json!("FD-A7")));
        assert!(found[0]["help"].as_str().is_some_and(|h| h.contains("`patterns`")) && found[2].is_null());
        assert!(body["detail"].as_str().is_some_and(|d| d.starts_with("2 mistakes")));
    }
    let restart = format!("[edge]\nname = \"other\"\n{TABLE}");
    let body = api
        .call("PUT", "/v1/table", "If-Match: *\r\n", &restart)
        .await
        .problem(422, "/problems/table-refused");
    assert_eq!(body["diagnostics"][0]["code"], "edge-needs-restart");
    let checked = api.call("POST", "/v1/table/check", "", &heavier()).await;
    assert_eq!((checked.status, &checked.json()["outcome"]), (200, &json!("would_apply")));
    assert_eq!((api.generation(), &*api.control.table().1), (1, TABLE));
}

/// A forced verdict acts at once, is shown as such, and ends by itself.
#[tokio::test]
async fn overrides_expire() {
    let api = Api::start(None).await;
    let mut events = api.control.events();
    let prober = tokio::spawn(probe::run(api.control.clone(), api.stop.subscribe()));
    let path = "/v1/origin-groups/g/origins/a/override";
    for body in [
        "{\"verdict\":\"down\",\"for_s\":0}",
        "{\"verdict\":\"down\",\"for_s\":86401}",
        "{\"verdict\":\"sick\"}",
    ] {
        api.call("PUT", path, "", body).await.problem(400, "/problems/bad-request");
    }
    for missing in ["/v1/origin-groups/h/origins/a/override", "/v1/origin-groups/g/origins/b/override"] {
        api.call("PUT", missing, "", "{\"verdict\":\"down\"}").await.problem(404, "/problems/not-found");
    }
    let shown = || async {
        let health = api.get("/v1/health").await.json();
        (health["origins"][0]["verdict"].clone(), health["origins"][0]["source"].clone())
    };
    assert_eq!(shown().await, (json!("up"), json!("no_probe")));
    let forced = api.call("PUT", path, "", "{\"verdict\":\"down\"}").await;
    assert_eq!((forced.status, &forced.json()["verdict"]), (200, &json!("down")));
    assert_eq!(shown().await, (json!("down"), json!("override")));
    api.call("PUT", path, "", "{\"verdict\":null}").await;
    assert_eq!(shown().await, (json!("up"), json!("no_probe")));

    api.call("PUT", path, "", "{\"verdict\":\"down\",\"for_s\":1}").await;
    assert_eq!(shown().await.1, json!("override"));
    let mut turns = Vec::new();
    while turns.len() < 4 {
        let event = tokio::time::timeout(PATIENCE, events.recv()).await.expect("in time").expect("an event");
        let event = serde_json::to_value(&*event).expect("JSON");
        if event["event"] == "transition" {
            turns.push(event["up"].clone());
        }
    }
    assert_eq!(turns, [json!(false), json!(true), json!(false), json!(true)]);
    assert_eq!(shown().await, (json!("up"), json!("no_probe")));
    api.stop.send_replace(true);
    prober.await.expect("a prober that ends");
}

async fn next_event(reader: &mut BufReader<TcpStream>) -> Value {
    loop {
        let mut line = String::new();
        let read =
            tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await.expect("an event in time");
        assert!(read.expect("an open stream") > 0, "the stream ended");
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).expect("JSON");
        }
    }
}

async fn subscribe(api: &Api) -> BufReader<TcpStream> {
    let mut reader = BufReader::new(api.open("GET", "/v1/events", "", b"").await);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).await.expect("a head") > 0);
    }
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
    reader
}

/// Swaps, refusals, conflicts and orders reach whoever follows; readers are bounded, and one that left makes room.
#[tokio::test]
async fn events() {
    let api = Api::start(None).await;
    let mut reader = subscribe(&api).await;
    api.call("PUT", "/v1/table", "If-Match: *\r\n", &heavier()).await;
    assert_eq!(
        next_event(&mut reader).await,
        json!({ "event": "swap", "generation": 2, "by": "api", "changes": 1 })
    );
    api.call("PUT", "/v1/table", "If-Match: *\r\n", "[edge]\nnmae = \"x\"\n").await;
    let refusal = next_event(&mut reader).await;
    assert_eq!((&refusal["event"], &refusal["errors"]), (&json!("refusal"), &json!(1)));
    api.call("PUT", "/v1/table", "If-Match: \"1\"\r\n", TABLE).await;
    assert_eq!(
        next_event(&mut reader).await,
        json!({ "event": "conflict", "by": "api", "base": 1, "current": 2 })
    );
    api.call("PUT", "/v1/regions/here", "", "{\"state\":\"drained\"}").await;
    let region = json!({ "event": "region", "region": "here", "state": "drained", "dial": 100, "by": "api" });
    assert_eq!(next_event(&mut reader).await, region);

    let mut others = Vec::new();
    for _ in 1..EVENT_SUBSCRIBERS {
        others.push(subscribe(&api).await);
    }
    api.get("/v1/events").await.problem(503, "/problems/subscribers");
    others.pop();
    let mut tries = 0;
    while first_line(&api).await != "HTTP/1.1 200 OK\r\n" {
        tries += 1;
        assert!(tries < 1_000, "a reader that left keeps its place");
        tokio::task::yield_now().await;
    }
}

async fn first_line(api: &Api) -> String {
    let mut line = String::new();
    BufReader::new(api.open("GET", "/v1/events", "", b"").await).read_line(&mut line).await.expect("a line");
    line
}

#[tokio::test]
async fn readiness() {
    let api = Api::start(None).await;
    assert_eq!(api.get("/livez").await.status, 200);
    assert_eq!(api.get("/readyz").await.status, 200);
    api.ready.store(false, Ordering::Release);
    assert_eq!((api.get("/livez").await.status, api.get("/readyz").await.status), (200, 503));
    assert!(api.get("/metrics").await.body.contains("tidegate_"));
}

/// The description lists exactly the calls of the router, and every call answers.
#[tokio::test]
async fn description() {
    let source = include_str!("mod.rs");
    let mut routed = BTreeSet::new();
    for line in source.lines().filter_map(|l| l.trim().strip_prefix(".route(\"")) {
        let (path, methods) = line.split_once('"').expect("a path");
        for method in ["get", "put", "post", "delete", "patch"] {
            if methods.contains(&format!("{method}(")) {
                routed.insert((method, path));
            }
        }
    }
    let described: BTreeSet<(&str, &str)> =
        openapi::CALLS.iter().filter(|c| c.0 != "head").map(|c| (c.0, c.1)).collect();
    assert_eq!(described, routed);
    let api = Api::start(None).await;
    let document = api.get("/v1/openapi.json").await.json();
    for (method, path, summary) in openapi::CALLS {
        assert_eq!(document["paths"][path][method]["summary"], summary);
        let names = document["paths"][path][method]["parameters"].as_array().map_or(0, Vec::len);
        assert_eq!(names, path.matches('{').count(), "{path}");
        if path != "/v1/events" {
            let status =
                api.call(&method.to_uppercase(), &path.replace(['{', '}'], "x"), "", "").await.status;
            assert!(status != 405 && status < 500, "{method} {path}: {status}");
        }
    }
}
