//! Lines are JSON whatever a client sent, and the writer neither blocks nor loses without counting.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::record::{AccessRecord, OriginRecord, rfc3339};
use super::*;

fn record<'r>(target: &'r [u8], agent: &'r [u8], text: &'r str) -> AccessRecord<'r> {
    AccessRecord {
        time: UNIX_EPOCH + Duration::from_millis(1_793_000_000_123),
        tracking_reference: "ref",
        method: "GET",
        http_version: "2.0",
        scheme: "https",
        host_header: text,
        host: text,
        target,
        sni: text,
        request_bytes: 1,
        response_bytes: 2,
        user_agent: agent,
        referer: agent,
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        socket: SocketAddr::from(([127, 0, 0, 1], 9)),
        first_byte: Some(Duration::from_micros(1_234_567)),
        took: Duration::from_secs(61),
        request_protocol: "HTTPS",
        tls: Some(("TLS 1.3", "TLS_AES_256_GCM_SHA384", "X25519")),
        route: "r",
        status: 200,
        endpoint: None,
        pop: "edge-1",
        cache_status: "CONFIG_NOCACHE",
        error_info: "NoError",
        origin: Some(OriginRecord {
            name: "o",
            group: "g",
            region: "west",
            scheme: "http",
            host: "127.0.0.1",
            port: 9001,
            target: text,
            address: None,
            tls: None,
        }),
        generation: 7,
        attempts: 2,
        why: "weight",
    }
}

fn parsed(record: &AccessRecord<'_>) -> serde_json::Value {
    let mut line = Vec::new();
    record.write(&mut line);
    serde_json::from_slice(&line).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&line)))
}

#[test]
fn times_have_their_forms() {
    let line = parsed(&record(b"/", b"", "h"));
    assert_eq!(line["time"], rfc3339(UNIX_EPOCH + Duration::from_millis(1_793_000_000_123)));
    assert_eq!(line["time"].as_str().map(str::len), Some(24));
    assert_eq!(line["properties"]["timeToFirstByte"], "1.234");
    assert_eq!(line["properties"]["timeTaken"], "61.000");
}

proptest! {
    /// Any bytes of a client give one line of JSON that says them back, but for what is no UTF-8.
    #[test]
    fn any_bytes_are_json(target in prop::collection::vec(any::<u8>(), 0..60), agent in prop::collection::vec(any::<u8>(), 0..60), text in ".{0,30}") {
        let record = record(&target, &agent, &text);
        let mut line = Vec::new();
        record.write(&mut line);
        prop_assert!(!line.contains(&b'\n'));
        let line = parsed(&record);
        let lossy = String::from_utf8_lossy(&agent);
        prop_assert_eq!(line["properties"]["userAgent"].as_str(), Some(lossy.as_ref()));
        prop_assert_eq!(line["properties"]["hostName"].as_str(), Some(text.as_str()));
    }
}

fn counter() -> IntCounter {
    IntCounter::new("dropped", "lines").expect("a name")
}

#[test]
fn lines_are_written_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let log = AccessLog::start(Target::File(path.clone()), counter()).expect("a file");
    (0..1000).for_each(|n| log.line(format!("line {n}").into_bytes()));
    log.flush();
    let text = std::fs::read_to_string(&path).expect("a file");
    assert!(text.lines().enumerate().all(|(n, line)| line == format!("line {n}")));
    assert_eq!(text.lines().count(), 1000);
    // Rotation: the old file was moved away, the next line goes into a new one.
    std::fs::rename(&path, folder.path().join("old.log")).expect("a file");
    log.reopen();
    log.line(b"after".to_vec());
    log.flush();
    assert_eq!(std::fs::read_to_string(&path).expect("a new file"), "after\n");
}

/// Law 6: a writer that cannot keep up costs lines, which are counted, and never a request's time.
#[test]
fn a_full_queue_drops_and_counts() {
    let (queue, lines) = sync_channel(2);
    let log = AccessLog { queue: Some(queue), dropped: counter() };
    (0..5).for_each(|_| log.line(b"x".to_vec()));
    assert_eq!(log.dropped.get(), 3);
    drop(lines);
    log.flush();
    let off = AccessLog::start(Target::Off, counter()).expect("nothing to open");
    off.line(b"x".to_vec());
    off.flush();
    assert!(!off.is_on() && off.dropped.get() == 0);
}
