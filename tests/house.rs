//! Rules of the house: which room may know what, how large a file grows, what every file opens with.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms without windows: no clock, socket, file, runtime, log or hidden dice.
const PURE: [&str; 4] = ["model", "decide", "health", "config"];

/// What a pure room may not say, and what it does instead.
const WINDOWS: [(&str, &str); 13] = [
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("tokio", "pure rooms do not wait"),
    ("pingora", "only the corridor knows it"),
    ("std::fs", "control and tls read files"),
    ("TcpStream", "sockets are the corridor's"),
    ("TcpListener", "sockets are the corridor's"),
    ("lookup_host", "names are resolved by the prober and the corridor"),
    ("tracing::", "transitions and diagnostics are values, their teller is elsewhere"),
    ("RandomState::new", "chance is handed in"),
    ("std::env", "only cli knows the environment"),
    ("rustls", "tls owns certificates"),
    ("crate::ambient", "ask for a value or a port"),
];

/// Rooms in the order of the arrows: a room may know those to its right.
const ARROWS: [&[&str]; 5] = [
    &["cli", "app"],
    &["admin", "proxy", "probe", "demo"],
    &["control"],
    &["tls", "telemetry", "http1"],
    &["config", "decide", "health", "model"],
];

/// Files that may be longer than 400 lines, and why. There is none.
const LONG: [&str; 0] = [];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            out.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
    out.sort();
    out
}

fn everywhere() -> Vec<PathBuf> {
    ["src", "tests", "benches"].iter().flat_map(|folder| rust_files(&root().join(folder))).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Code without comments: words in prose are free.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

#[test]
fn pure_rooms_have_no_windows() {
    for room in PURE {
        for path in rust_files(&root().join("src").join(room)) {
            let text = code(&read(&path));
            for (word, instead) in WINDOWS {
                assert!(!text.contains(word), "{}: `{word}`: {instead}", shown(&path));
            }
        }
    }
}

#[test]
fn arrows_point_down() {
    for (rank, rooms) in ARROWS.iter().enumerate() {
        let above: Vec<&str> = ARROWS[..rank].iter().flat_map(|r| r.iter().copied()).collect();
        let files = rooms.iter().flat_map(|room| rust_files(&root().join("src").join(room)));
        // A test may build whatever it needs.
        for path in files.filter(|path| !shown(path).contains("tests")) {
            let text = code(&read(&path));
            for room in &above {
                assert!(
                    !text.contains(&format!("crate::{room}::")),
                    "{} knows `{room}`, which is above it",
                    shown(&path)
                );
            }
        }
    }
}

#[test]
fn only_the_corridor_knows_pingora() {
    for path in rust_files(&root().join("src")) {
        let text = code(&read(&path));
        let inside = shown(&path).starts_with("src/proxy");
        assert!(inside || !text.contains("pingora::"), "{}", shown(&path));
    }
}

#[test]
fn files_stay_small() {
    for path in everywhere() {
        let lines = read(&path).lines().count();
        let name = shown(&path);
        assert!(lines <= 400 || LONG.contains(&name.as_str()), "{name} has {lines} lines: make it a folder");
    }
}

#[test]
fn every_file_has_a_door_plate() {
    for path in everywhere() {
        let text = read(&path);
        assert!(
            text.trim().is_empty() || text.starts_with("//!"),
            "{} does not say what it owns",
            shown(&path)
        );
    }
}

#[test]
fn no_room_for_odds_and_ends() {
    for path in everywhere() {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("");
        let folder = path.parent().and_then(Path::file_name).and_then(|s| s.to_str()).unwrap_or("");
        for banned in ["utils", "util", "common", "helpers", "helper", "misc"] {
            assert!(stem != banned && folder != banned, "{}: name it for what it owns", shown(&path));
        }
    }
}

#[test]
fn one_word_per_thing() {
    for path in rust_files(&root().join("src")) {
        let text = read(&path).to_lowercase();
        for word in ["backend", "upstream"] {
            assert!(!text.contains(word), "{}: `{word}`: say origin or group", shown(&path));
        }
    }
}

#[test]
fn nothing_is_left_undone() {
    for path in everywhere().into_iter().filter(|p| !p.ends_with("house.rs")) {
        let text = read(&path);
        for word in ["todo!", "unimplemented!", "FIXME", "XXX", "TODO", "dbg!(", "#[ignore"] {
            assert!(!text.contains(word), "{}: {word}", shown(&path));
        }
    }
}

/// No key is committed: the certificates' folder holds its description, and nothing else that git knows.
#[test]
fn keys_stay_at_home() {
    let ignored = read(&root().join(".gitignore"));
    assert!(ignored.contains("/certs/*") && ignored.contains("!/certs/README.md"));
}
