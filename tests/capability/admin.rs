//! The admin API on its own socket.

use serde_json::{Value, json};

use crate::failover::two;
use crate::harness::edge::eventually;
use crate::harness::{Answer, Client, Origin, TestEdge, exchange, get};

fn call(edge: &TestEdge, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    exchange(edge.admin(), head + body)
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.text()))
}

fn started() -> (TestEdge, Origin, Origin) {
    let (one, two_) = (Origin::fixed("one"), Origin::fixed("two"));
    (TestEdge::start(&two("", one.port(), two_.port())), one, two_)
}

/// Reading and replacing the table: ETag, If-Match, 428, 412, 422 with diagnostics, 200 with the changes.
#[test]
fn the_table() {
    let (edge, _one, _two) = started();
    let read = call(&edge, "GET", "/v1/table", "", "");
    assert_eq!(
        (read.status, read.header("etag"), read.header("content-type")),
        (200, Some("\"1\""), Some("application/toml"))
    );
    assert_eq!(call(&edge, "HEAD", "/v1/table", "", "").header("etag"), Some("\"1\""));
    let next = read.text().replace("priority = 2", "priority = 3");
    assert_eq!(call(&edge, "PUT", "/v1/table", "", &next).status, 428);
    let stale = call(&edge, "PUT", "/v1/table", "If-Match: \"7\"\r\n", &next);
    assert_eq!((stale.status, stale.header("content-type")), (412, Some("application/problem+json")));
    let refused =
        call(&edge, "PUT", "/v1/table", "If-Match: *\r\n", &next.replace("priority = 3", "priority = 9"));
    assert_eq!((refused.status, &json(&refused)["diagnostics"][0]["code"]), (422, &json!("priority-range")));
    let checked = call(&edge, "POST", "/v1/table/check", "", &next);
    assert_eq!((checked.status, &json(&checked)["outcome"]), (200, &json!("would_apply")));
    assert_eq!(call(&edge, "GET", "/v1/table", "", "").header("etag"), Some("\"1\""));
    let applied = json(&call(&edge, "PUT", "/v1/table", "If-Match: \"1\"\r\n", &next));
    assert_eq!((&applied["generation"], &applied["changes"][0]["to"]), (&json!(2), &json!("3")));
    assert_eq!(json(&call(&edge, "PUT", "/v1/table", "If-Match: \"2\"\r\n", &next))["outcome"], "unchanged");
    let history = json(&call(&edge, "GET", "/v1/history", "", ""));
    assert_eq!(
        (history["generations"].as_array().map(Vec::len), &history["generations"][0]["by"]),
        (Some(2), &json!("api"))
    );
    assert_eq!(json(&call(&edge, "POST", "/v1/rollback", "", ""))["generation"], 3);
    assert_eq!(call(&edge, "POST", "/v1/rollback", "", "{\"generation\": 99}").status, 404);
}

/// Health, regions, forced verdicts, explain; what does not exist is told with what does.
#[test]
fn orders_and_answers() {
    let (edge, _one, _two) = started();
    assert_eq!(call(&edge, "GET", "/livez", "", "").status, 200);
    assert_eq!(call(&edge, "GET", "/readyz", "", "").status, 200);
    assert!(call(&edge, "GET", "/metrics", "", "").text().contains("tidegate_generation 1"));
    let drained = call(&edge, "PUT", "/v1/regions/west", "", "{\"state\": \"drained\"}");
    assert_eq!(
        (drained.status, json(&drained)),
        (200, json!({ "name": "west", "state": "drained", "dial": 100 }))
    );
    assert_eq!(get(edge.http, "a.test", "/").text(), "two");
    let answer = json(&call(&edge, "POST", "/v1/explain", "", "{\"url\": \"http://a.test/x\"}"));
    assert_eq!((&answer["origin"], &answer["region"]), (&json!("two"), &json!("north")));
    assert!(
        answer["steps"].as_array().is_some_and(|s| s.iter().any(|l| l == "one left: region west is drained")),
        "{answer}"
    );
    let health = json(&call(&edge, "GET", "/v1/health", "", ""));
    assert_eq!(
        (&health["regions"][0]["state"], health["origins"].as_array().map(Vec::len)),
        (&json!("drained"), Some(2))
    );
    assert_eq!(
        call(&edge, "PUT", "/v1/regions/west", "", "{\"state\": \"active\", \"dial\": 100}").status,
        200
    );
    assert_eq!(call(&edge, "PUT", "/v1/regions/west", "", "{\"dial\": 101}").status, 400);
    let unknown = call(&edge, "PUT", "/v1/regions/east", "", "{\"dial\": 10}");
    assert_eq!(
        (unknown.status, json(&unknown)["detail"].as_str()),
        (404, Some("no region is called \"east\"; known: west, north"))
    );
    let path = "/v1/origin-groups/g/origins/one/override";
    assert_eq!(call(&edge, "PUT", path, "", "{\"verdict\": \"down\", \"for_s\": 60}").status, 200);
    assert_eq!(get(edge.http, "a.test", "/").text(), "two");
    assert_eq!(call(&edge, "PUT", path, "", "{\"verdict\": null}").status, 200);
    eventually("it is back", || get(edge.http, "a.test", "/").text() == "one");
    assert_eq!(call(&edge, "PUT", path, "", "{\"verdict\": \"down\", \"for_s\": 0}").status, 400);
    assert_eq!(call(&edge, "GET", "/v1/nothing", "", "").status, 404);
}

/// Every route of the API is in its description.
#[test]
fn the_description_is_whole() {
    let (edge, _one, _two) = started();
    let paths = json(&call(&edge, "GET", "/v1/openapi.json", "", ""))["paths"].clone();
    let paths = paths.as_object().expect("paths");
    for (path, calls) in paths {
        for method in calls.as_object().expect("calls").keys() {
            let real = path.replace("{name}", "west").replace("{group}", "g").replace("{origin}", "one");
            if real == "/v1/events" {
                continue;
            }
            let answer = call(&edge, &method.to_uppercase(), &real, "", "");
            assert!(
                answer.status != 405 && !answer.text().contains("is not a path of this API"),
                "{method} {path}"
            );
        }
    }
    assert_eq!(paths.len(), 14);
}

/// A page of another site cannot use the API: neither by a name that it points here, nor by a form.
#[test]
fn foreign_pages() {
    let (edge, _one, _two) = started();
    let ask = |host: &str, more: &str, method: &str| {
        exchange(edge.admin(), format!("{method} /v1/rollback HTTP/1.1\r\nHost: {host}\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n")).status
    };
    assert_eq!(ask("rebound.test", "", "POST"), 421);
    assert_eq!(ask("localhost", "Origin: http://evil.test\r\n", "POST"), 403);
    let own = edge.admin().to_string();
    assert_eq!(
        ask(&own, &format!("Origin: http://{own}\r\n"), "POST"),
        404,
        "there is nothing to roll back to"
    );
}

/// With a token, mutations need it; reading on loopback does not.
#[test]
fn tokens() {
    let origin = Origin::fixed("x");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "secret\n").expect("a file");
    let edge = TestEdge::start_with(
        &format!("admin_token_file = {:?}", file.path().display().to_string()),
        &two("", origin.port(), 1),
    );
    assert_eq!(call(&edge, "GET", "/v1/table", "", "").status, 200);
    let put = |headers: &str| call(&edge, "PUT", "/v1/regions/west", headers, "{\"dial\": 50}").status;
    assert_eq!(
        (put(""), put("Authorization: Bearer wrong\r\n"), put("Authorization: Bearer secret\r\n")),
        (401, 401, 200)
    );
}

/// The event stream tells what happens, as it happens.
#[test]
fn events() {
    let (edge, _one, _two) = started();
    let mut stream = Client::plain(edge.admin());
    stream.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(stream.head().expect("a head").status, 200);
    edge.control
        .order_region("west", Some(tidegate::model::region::RegionState::Drained), None, "test")
        .expect("a region");
    let event = String::from_utf8(stream.chunk().expect("an event")).expect("text");
    let data: Value = serde_json::from_str(event.trim().strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!(
        data,
        json!({ "event": "region", "region": "west", "state": "drained", "dial": 100, "by": "test" })
    );
}

/// A body above the table's limit is refused.
#[test]
fn large_bodies() {
    let (edge, _one, _two) = started();
    let mut client = Client::plain(edge.admin());
    client.send(format!(
        "PUT /v1/table HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\nContent-Length: {}\r\n\r\n",
        9 << 20
    ));
    assert_eq!(client.head().expect("a head").status, 413);
}
