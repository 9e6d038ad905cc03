//! Stand-ins answer, report what they depend on, and can be killed and revived.

use super::*;
use crate::config;

fn table() -> Table {
    let text = "[regions.west]\n[regions.north]\n\
        [origin_groups.bot.origins.bot-west]\nregion = \"west\"\nhost = \"127.0.0.1\"\n\
        [origin_groups.qna.origins.qna-west]\nregion = \"west\"\nhost = \"127.0.0.1\"\n";
    let mut table = config::read("t", text).expect("a table").table;
    // Free ports: a table has none to say so.
    for origin in &mut table.origins {
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        origin.http_port = crate::model::bounds::Port::try_from(i64::from(free)).expect("a port");
    }
    table
}

fn ask(address: SocketAddr, method: &str, path: &str) -> Option<(u16, serde_json::Value)> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).unwrap_or_default()))
}

#[test]
fn stand_ins_name_themselves_and_their_dependencies() {
    let all = StandIns::start(&table()).expect("free ports");
    assert_eq!(all.regions(), ["west"]);
    for (instance, address, running) in all.list() {
        assert!(running);
        let (status, body) = ask(address, "GET", "/anything?x").expect("an answer");
        assert_eq!(
            (status, body["instance"].as_str(), body["region"].as_str()),
            (200, Some(instance), Some("west"))
        );
        let dependency = if instance.starts_with("qna") { "search-index" } else { "luis" };
        let health = |status: u16, works: bool| {
            let (got, body) = ask(address, "GET", "/health").expect("an answer");
            assert_eq!((got, body["dependencies"][dependency].as_bool()), (status, Some(works)));
        };
        health(200, true);
        assert_eq!(ask(address, "POST", &format!("/break/{dependency}")).map(|a| a.0), Some(200));
        health(503, false);
        assert_eq!(ask(address, "POST", &format!("/mend/{dependency}")).map(|a| a.0), Some(200));
        health(200, true);
        assert_eq!(ask(address, "POST", "/break/nothing").map(|a| a.0), Some(404));
    }
}

#[test]
fn regions_are_killed_and_revived() {
    let mut all = StandIns::start(&table()).expect("free ports");
    let address = all.list().next().expect("a service").1;
    let mut open = std::net::TcpStream::connect(address).expect("a connection");
    assert_eq!(all.kill("west"), 2);
    assert_eq!(std::io::Read::read(&mut open, &mut [0; 8]).unwrap_or(0), 0, "an open connection breaks");
    assert!(std::net::TcpStream::connect(address).is_err(), "a new one is refused");
    assert_eq!((all.kill("west"), all.kill("east")), (0, 0));
    assert_eq!(all.revive("west").expect("free ports"), 2);
    assert!(ask(address, "GET", "/health").is_some());
}
