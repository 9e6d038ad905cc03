//! `[edge]`: what needs a restart, or a zero-downtime upgrade.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Note, Section};
use super::{AccessLog, EdgeSettings};

impl Default for EdgeSettings {
    fn default() -> Self {
        Self {
            name: String::from("edge-1"),
            http: Vec::new(),
            https: Vec::new(),
            admin: SocketAddr::from(([127, 0, 0, 1], 8900)),
            admin_token_file: None,
            workers: None,
            h2c: false,
            drain: Duration::from_secs(30),
            certificates_folder: PathBuf::from("certs"),
            access_log: AccessLog::Stdout,
            upgrade_socket: None,
            history_file: None,
        }
    }
}

pub fn read(root: &Section<'_, '_>) -> EdgeSettings {
    let mut edge = EdgeSettings::default();
    let Some(section) = root.section("edge") else { return edge };
    if let Some(name) = section.text("name") {
        if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(|c| c.is_ascii_graphic())
        {
            section
                .error("name", Note::new("edge-name", "an edge's name has 1 to 64 visible ASCII characters"));
        }
        name.value.clone_into(&mut edge.name);
    }
    edge.http = addresses(&section, "http");
    edge.https = addresses(&section, "https");
    if section.has("dns") {
        let note = Note::new("not-built", "DNS steering is not part of this version").help("remove `dns`");
        section.error("dns", note);
    }
    if let Some(admin) = section.parsed("admin", note_on_address(), address) {
        edge.admin = admin.value;
    }
    edge.admin_token_file = section.text("admin_token_file").map(|t| PathBuf::from(t.value));
    if !edge.admin.ip().is_loopback() && edge.admin_token_file.is_none() {
        let message = format!("the admin address {} is not loopback, and there is no token", edge.admin);
        section.error(
            "admin",
            Note::new("admin-open", message).help("set `admin_token_file`, or use 127.0.0.1"),
        );
    }
    let range = |code| Note::new(code, "");
    edge.workers =
        section.within("workers", 1, 256, range("workers-range")).and_then(|n| usize::try_from(n).ok());
    edge.h2c = section.flag("h2c").unwrap_or(false);
    if let Some(s) = section.within("drain_s", 0, 3600, range("drain-range")) {
        edge.drain = Duration::from_secs(s.unsigned_abs());
    }
    if let Some(folder) = section.text("certificates_folder") {
        edge.certificates_folder = PathBuf::from(folder.value);
    }
    edge.access_log = match section.text("access_log").map(|t| t.value) {
        None | Some("stdout") => AccessLog::Stdout,
        Some("off") => AccessLog::Off,
        Some(path) => AccessLog::File(PathBuf::from(path)),
    };
    edge.upgrade_socket = section.text("upgrade_socket").map(|t| PathBuf::from(t.value));
    edge.history_file = section.text("history_file").map(|t| PathBuf::from(t.value));
    section.finish();
    edge
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "not an IP address and a port from 0 to 65535")
}

fn note_on_address() -> Note {
    Note::new("address", "").help("write an address of this machine and a port, such as \"127.0.0.1:8080\"")
}

fn addresses(section: &Section<'_, '_>, key: &'static str) -> Vec<SocketAddr> {
    let mut out: Vec<SocketAddr> = Vec::new();
    for text in section.list(key).unwrap_or_default() {
        let Some(address) = section.parse_at(&text, note_on_address(), address) else { continue };
        if address.value.port() != 0 && out.contains(&address.value) {
            let message = format!("{} is listed twice", address.value);
            section.reader.error(&text.span, Note::new("duplicate-address", message).help("remove one"));
        }
        out.push(address.value);
    }
    out
}
