//! An edge in this process, with a folder and a log file of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tidegate::app::edge::{Edge, Sockets, control};
use tidegate::control::change::{Control, Outcome};

/// How long an event is waited for before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct TestEdge {
    pub edge: Option<Edge>,
    pub control: Arc<Control>,
    pub folder: TempDir,
    pub http: SocketAddr,
    pub https: SocketAddr,
    edge_section: String,
}

impl TestEdge {
    /// `table` is everything but `[edge]`.
    pub fn start(table: &str) -> Self {
        Self::start_with("", table)
    }

    /// With further keys of `[edge]`.
    pub fn start_with(edge_keys: &str, table: &str) -> Self {
        Self::build("127.0.0.1:0", "access.log", edge_keys, table)
    }

    /// Listens on IPv6.
    pub fn start_six(table: &str) -> Self {
        Self::build("[::1]:0", "access.log", "", table)
    }

    /// Writes no access lines.
    pub fn start_silent(table: &str) -> Self {
        Self::build("127.0.0.1:0", "off", "", table)
    }

    fn build(listen: &str, log: &str, edge_keys: &str, table: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = if log == "off" { log.to_owned() } else { folder.path().join(log).display().to_string() };
        let edge_section = format!(
            "[edge]\nname = \"test-edge\"\nhttp = [{listen:?}]\nhttps = [{listen:?}]\nadmin = \"127.0.0.1:0\"\n\
             workers = 2\naccess_log = {log:?}\ncertificates_folder = {:?}\n{edge_keys}\n",
            folder.path().join("certs").display().to_string(),
        );
        let text = format!("{edge_section}\n{table}");
        let control =
            control("routes.toml", text, folder.path().to_path_buf()).unwrap_or_else(|e| panic!("{e:?}"));
        let sockets = Sockets::bind(control.edge()).expect("free ports");
        let edge = Edge::start(control.clone(), sockets).expect("an edge");
        let (http, https) = (edge.http[0], edge.https[0]);
        Self { edge: Some(edge), control, folder, http, https, edge_section }
    }

    pub fn admin(&self) -> SocketAddr {
        self.edge.as_ref().expect("a running edge").admin
    }

    /// Another table serves.
    pub fn apply(&self, table: &str) -> Outcome {
        self.control.apply(&format!("{}\n{table}", self.edge_section), None, "test")
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("certs/ca.pem")
    }

    /// The access lines so far, once there are at least `n`.
    pub fn lines(&self, n: usize) -> Vec<serde_json::Value> {
        let path = self.folder.path().join("access.log");
        let mut lines = Vec::new();
        eventually(&format!("{n} access lines"), || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            lines = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
            lines.len() >= n
        });
        lines
    }

    /// The properties of the line with this reference.
    pub fn line(&self, reference: &str) -> serde_json::Value {
        let path = self.folder.path().join("access.log");
        let mut found = None;
        eventually(&format!("the line of {reference}"), || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let lines = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
            found = lines.map(|l| l["properties"].clone()).find(|p| p["trackingReference"] == reference);
            found.is_some()
        });
        found.expect("a line")
    }

    /// Waits until decisions take an origin of group 0 as up or down.
    pub fn until_verdict(&self, origin: &str, up: bool) {
        eventually(&format!("{origin} {}", if up { "up" } else { "down" }), || {
            self.control.health().iter().any(|o| o.origin == origin && (o.verdict == "up") == up)
        });
    }

    pub fn metric(&self, name: &str) -> f64 {
        let text = self.control.metrics().text();
        let line = text.lines().find(|l| l.starts_with(name) && !l.starts_with('#'));
        line.and_then(|l| l.rsplit(' ').next()).and_then(|v| v.parse().ok()).unwrap_or(0.0)
    }
}

/// Looks again and again until something is so; fails after a bounded time.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
