//! Signals and files: reload, drain, a file that changes, a file that breaks.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Folder, StandIn, get, table};

fn swapped(text: &str) -> String {
    text.replace("priority = 1\n", "priority = 3\n")
}

/// A saved file serves; a broken one, or one that cannot be served without a restart, changes nothing.
#[test]
fn a_file_that_changes_serves() {
    let stand_ins = [StandIn::start("from a"), StandIn::start("from b")];
    let text = table(&[stand_ins[0].port, stand_ins[1].port]);
    let folder = Folder::new();
    folder.write("routes.toml", &text);
    let edge = folder.serve();
    folder.write("routes.toml", &swapped(&text));
    let told = edge.wait_for("the table serves");
    assert_eq!((&told["generation"], &told["by"]), (&2.into(), &"file".into()));
    assert_eq!(get(edge.http, "a.test", "/"), (200, String::from("from b")));

    folder.write("routes.toml", &(text.clone() + "patern = [\"/*\"]\n"));
    let told = edge.wait_for("a change was refused and changed nothing");
    assert_eq!((&told["by"], &told["errors"]), (&"file".into(), &1.into()));
    assert!(told["first"].as_str().expect("a text").contains("patern"), "{told}");
    assert_eq!((edge.generation(), get(edge.http, "a.test", "/").1.as_str()), (2, "from b"));

    folder.write("routes.toml", &text.replace("workers = 1", "workers = 2"));
    let told = edge.wait_for("a change was refused and changed nothing");
    assert!(told["first"].as_str().expect("a text").contains("[edge] workers differs"), "{told}");
    assert_eq!(edge.generation(), 2);

    // An editor that writes beside the file and renames.
    folder.write("routes.toml.new", &text);
    std::fs::rename(folder.path("routes.toml.new"), folder.path("routes.toml")).expect("a rename");
    let told = edge.wait_for("the table serves");
    assert_eq!((&told["generation"], &told["by"]), (&3.into(), &"file".into()));
    assert_eq!(get(edge.http, "a.test", "/"), (200, String::from("from a")));
}

/// SIGHUP reads the file again, also where the file did not change and something else serves.
#[test]
fn hangup_reloads() {
    let stand_ins = [StandIn::start("from a"), StandIn::start("from b")];
    let text = table(&[stand_ins[0].port, stand_ins[1].port]);
    let folder = Folder::new();
    folder.write("routes.toml", &text);
    let edge = folder.serve();
    folder.write("other.toml", &swapped(&text));
    edge.ask(&folder, &["apply", "other.toml"]).ended(0).printed(&["generation 2 serves"]);
    assert_eq!(edge.wait_for("the table serves")["by"], "api");
    edge.signal("HUP");
    let told = edge.wait_for("the table serves");
    assert_eq!((&told["generation"], &told["by"]), (&3.into(), &"signal".into()));
    assert_eq!(get(edge.http, "a.test", "/"), (200, String::from("from a")));
}

/// SIGTERM: no new work, what is in flight finishes, exit 0.
#[test]
fn terminate_drains() {
    for signal in ["TERM", "INT"] {
        let stand_in = StandIn::start("at last");
        let folder = Folder::new();
        folder.write("routes.toml", &table(&[stand_in.port]));
        let edge = folder.serve();
        edge.until("/readyz", |status, _| status == 200);
        let mut in_flight = TcpStream::connect(edge.http).expect("a listener");
        in_flight.write_all(b"GET /wait HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("a write");
        stand_in.arrived.recv().expect("the request");
        edge.signal(signal);
        edge.wait_for("draining: no new connections");
        edge.until("/readyz", |status, _| status == 503);
        stand_in.answer.send(()).expect("a stand-in");
        let mut answer = String::new();
        in_flight.read_to_string(&mut answer).expect("a whole answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("at last"), "{signal}: {answer}");
        let line = edge.access_line();
        assert_eq!(line["properties"]["origin"], "a", "{line}");
        let (address, status) = (edge.http, edge.ended());
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(TcpStream::connect(address).is_err(), "{signal}: nobody listens any more");
    }
}

/// A drain ends: what takes longer than `drain_s` is cut.
#[test]
fn a_drain_has_an_end() {
    let stand_in = StandIn::start("too late");
    let folder = Folder::new();
    folder.write("routes.toml", &table(&[stand_in.port]).replace("workers", "drain_s = 0\nworkers"));
    let edge = folder.serve();
    let mut in_flight = TcpStream::connect(edge.http).expect("a listener");
    in_flight.write_all(b"GET /wait HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("a write");
    stand_in.arrived.recv().expect("the request");
    edge.signal("TERM");
    edge.wait_for("requests were cut: they took longer than drain_s");
    assert_eq!(edge.ended().code(), Some(0));
}
