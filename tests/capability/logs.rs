//! Access lines and metrics of real requests (section J).

use crate::failover::two;
use crate::harness::edge::eventually;
use crate::harness::{Client, Origin, Reply, TestEdge, get};
use crate::routing::table;
use crate::websocket::UPGRADE;

/// Section J.2 on a socket: every property of its table is there, and is a string.
#[test]
fn the_fields_of_a_line() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    let mut client = Client::plain(edge.http);
    client.send(
        "GET /a?b=c HTTP/1.1\r\nHost: A.test:81\r\nUser-Agent: \"agent\"\r\nReferer: http://r/\r\n\r\n",
    );
    let answer = client.answer().expect("an answer");
    let line = edge.lines(1)[0].clone();
    assert_eq!(
        (line["category"].as_str(), line["operationName"].as_str()),
        (Some("FrontDoorAccessLog"), Some("Microsoft.Cdn/Profiles/AccessLog/Write"))
    );
    assert!(line["time"].as_str().is_some_and(|t| t.ends_with('Z') && t.len() == 24), "{line}");
    let properties = line["properties"].as_object().expect("properties").clone();
    let port = origin.port();
    let client_port = client.tcp.local_addr().expect("an address").port().to_string();
    for (name, value) in [
        ("trackingReference", answer.reference().to_owned()),
        ("httpMethod", "GET".into()),
        ("httpVersion", "1.1".into()),
        ("requestUri", "http://A.test:81/a?b=c".into()),
        ("hostName", "a.test".into()),
        ("domain", "A.test:81".into()),
        ("sni", String::new()),
        ("userAgent", "\"agent\"".into()),
        ("referer", "http://r/".into()),
        ("clientIp", "127.0.0.1".into()),
        ("socketIp", "127.0.0.1".into()),
        ("clientPort", client_port),
        ("requestProtocol", "HTTP".into()),
        ("routingRuleName", "r".into()),
        ("httpStatusCode", "200".into()),
        ("httpStatusDetails", "200".into()),
        ("pop", "test-edge".into()),
        ("cacheStatus", "CONFIG_NOCACHE".into()),
        ("errorInfo", "NoError".into()),
        ("result", "N/A".into()),
        ("originUrl", format!("http://127.0.0.1:{port}/a?b=c")),
        ("originIp", format!("127.0.0.1:{port}")),
        ("originName", format!("127.0.0.1:{port}")),
        ("originCryptProtocol", "N/A".into()),
        ("generation", "1".into()),
        ("attempts", "1".into()),
        ("why", "only-origin".into()),
    ] {
        assert_eq!(properties.get(name).and_then(|v| v.as_str()), Some(value.as_str()), "{name}");
    }
    let number = |name: &str| properties[name].as_str().and_then(|v| v.parse::<usize>().ok());
    let asked =
        "GET /a?b=c HTTP/1.1\r\nHost: A.test:81\r\nUser-Agent: \"agent\"\r\nReferer: http://r/\r\n\r\n".len();
    assert_eq!(number("requestBytes"), Some(asked), "headers and body");
    assert_eq!(number("responseBytes"), Some(answer.head.len() + answer.body.len()), "headers and body");
    for name in ["timeToFirstByte", "timeTaken"] {
        let seconds = properties[name].as_str().expect("a text");
        assert!(seconds.split_once('.').is_some_and(|(_, d)| d.len() == 3), "{name}: {seconds}");
    }
    for (name, value) in &properties {
        assert!(value.is_string() || name == "rulesEngineMatchNames", "{name} is {value}");
    }
}

/// `endpoint` is the default domain of the route's endpoint; a route may have none.
#[test]
fn the_endpoint_of_a_line() {
    let origin = Origin::fixed("here");
    let text = table(origin.port(), "endpoint = \"e\"") + "[endpoints.e]\ndefault_domain = \"e.test\"\n";
    for (text, want) in [(text, "e.test"), (table(origin.port(), ""), "")] {
        let edge = TestEdge::start(&text);
        let answer = get(edge.http, "a.test", "/");
        assert_eq!(edge.line(answer.reference())["endpoint"], want);
    }
}

/// The counts of section J.1 move with traffic: requests and latency by route, requests and latency by origin, bytes.
#[test]
fn metrics_move_with_traffic() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port(), ""));
    for _ in 0..3 {
        get(edge.http, "a.test", "/");
    }
    get(edge.http, "other.test", "/");
    edge.lines(4);
    let text = edge.control.metrics().text();
    for line in [
        "tidegate_requests_total{route=\"r\",status=\"2xx\"} 3",
        "tidegate_requests_total{route=\"-\",status=\"4xx\"} 1",
        "tidegate_request_seconds_count{route=\"r\"} 3",
        "tidegate_origin_requests_total{group=\"g\",origin=\"o\",status=\"2xx\"} 3",
        "tidegate_origin_seconds_count{group=\"g\",origin=\"o\"} 3",
        "tidegate_errors_total{error=\"InvalidRequest\"} 1",
        "tidegate_generation 1",
        "tidegate_limit{name=\"websockets\"} 3000",
        "tidegate_origin_up{group=\"g\",origin=\"o\"} 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(
        edge.metric("tidegate_request_bytes_total") > 100.0
            && edge.metric("tidegate_response_bytes_total") > 12.0
    );
}

/// OriginRequestCount: every attempt counts once at its origin, whatever became of it; OriginLatency: whole answers
/// only, and no WebSocket.
#[test]
fn every_attempt_is_counted_once() {
    let first = Origin::start(|got| match got.line().split(' ').nth(1) {
        Some("/retried") => Reply::Close,
        Some("/cut") => Reply::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()),
        Some("/ws") => Reply::Echo,
        _ => Reply::ok("whole"),
    });
    let second = Origin::fixed("second");
    let edge = TestEdge::start(&two("", first.port(), second.port()));
    assert_eq!(get(edge.http, "a.test", "/retried").text(), "second");
    assert_eq!(get(edge.http, "a.test", "/").text(), "whole");
    let mut client = Client::plain(edge.http);
    client.send("GET /cut HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(client.answer().is_none(), "it is not whole");
    let mut client = Client::plain(edge.http);
    client.send(UPGRADE);
    assert_eq!(client.head().expect("an answer").status, 101);
    drop(client);
    edge.lines(4);
    let text = edge.control.metrics().text();
    for (origin, status, count) in [
        ("one", "0", 0),
        ("one", "1xx", 1),
        ("one", "2xx", 1),
        ("one", "4xx", 0),
        ("one", "5xx", 2),
        ("two", "2xx", 1),
        ("two", "5xx", 0),
    ] {
        let line = format!(
            "tidegate_origin_requests_total{{group=\"g\",origin=\"{origin}\",status=\"{status}\"}} {count}"
        );
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert_eq!(edge.metric("tidegate_origin_seconds_count{group=\"g\",origin=\"one\"}"), 1.0);
    assert_eq!(edge.metric("tidegate_retries_total{cause=\"OriginConnectionAborted\"}"), 1.0);
}

/// Series of routes, origins and regions that left the table leave with them, those that stay keep their counts; the
/// gauge of idle connections follows the pool.
#[test]
fn series_follow_the_table() {
    let (first, second) = (Origin::fixed("x"), Origin::fixed("y"));
    let edge = TestEdge::start(&two("", first.port(), second.port()));
    get(edge.http, "a.test", "/");
    eventually("a connection is kept", || edge.metric("tidegate_origin_idle_connections ") == 1.0);
    eventually("a probe", || edge.control.metrics().text().contains("tidegate_probes_total{"));
    edge.apply(&table(first.port(), ""));
    let text = edge.control.metrics().text();
    for gone in ["origin=\"one\"", "origin=\"two\"", "region=\"west\""] {
        assert!(!text.contains(gone), "{gone} is still in\n{text}");
    }
    assert!(text.contains("tidegate_requests_total{route=\"r\",status=\"2xx\"} 1"), "{text}");
    edge.apply(&table(second.port(), ""));
    eventually("what was kept is closed", || edge.metric("tidegate_origin_idle_connections ") == 0.0);
}

/// A name that stands twice would be registered once, and counted by nobody else.
#[test]
fn names_of_metrics_are_unique() {
    let source = include_str!("../../src/telemetry/metrics.rs");
    let mut names: Vec<&str> = source.split('"').filter(|text| text.starts_with("tidegate_")).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all > 20), (all, true), "{names:?}");
}
