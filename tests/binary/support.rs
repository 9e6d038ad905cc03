//! Runs the program in a folder of its own, and follows what a serving one says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

/// The longest wait for anything; what is waited for comes in milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Looks at a thing that has to come true by itself.
const TRIES: usize = 1_000;

/// A folder with tables, gone with the test.
pub struct Folder(tempfile::TempDir);

/// What a command said.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The exit code, with everything said where it is another one.
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    pub fn said(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.err.contains(text), "{text:?} is not on stderr: {self:?}");
        }
    }

    pub fn printed(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.out.contains(text), "{text:?} is not on stdout: {self:?}");
        }
    }
}

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        for name in ["TIDEGATE_TOKEN", "RUST_LOG", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
            command.env_remove(name);
        }
        // Names that do not exist are found out quickly.
        command.env("RES_OPTIONS", "attempts:1 timeout:1");
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = self.program(arguments);
        let output = command.envs(environment.iter().copied()).output().expect("the program");
        Ran {
            code: output.status.code().expect("an exit code"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Starts `tidegate serve` on routes.toml, and waits until it serves.
    pub fn serve(&self) -> Serving {
        let mut command = self.program(&["--format", "json", "serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        let (said, lines) = channel();
        follow(child.stderr.take().expect("stderr"), said);
        let (printed, access) = channel();
        follow(child.stdout.take().expect("stdout"), printed);
        let mut serving = Serving { child, lines, access, http: nowhere(), admin: nowhere() };
        let line = serving.wait_for("the edge serves");
        let address = |key: &str| line[key].as_str().expect("an address").parse().expect("an address");
        serving.http = address("http");
        serving.admin = address("admin");
        serving
    }
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn follow(stream: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        // A test that ended reads no more.
        BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| to.send(line))
    });
}

/// A running edge; killed with the test unless it ended.
pub struct Serving {
    child: Child,
    lines: Receiver<String>,
    access: Receiver<String>,
    pub http: SocketAddr,
    pub admin: SocketAddr,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    /// The fields of the next log line with this message.
    pub fn wait_for(&self, message: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|e| panic!("{message:?}: {e}; said so far: {seen:#?}"));
            let value: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
            if value["fields"]["message"] == message {
                return value["fields"].clone();
            }
            seen.push(line);
        }
    }

    /// The next access line.
    pub fn access_line(&self) -> Value {
        let line = self.access.recv_timeout(PATIENCE).expect("an access line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// `kill -NAME`, by the shell.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    pub fn ended(mut self) -> ExitStatus {
        for _ in 0..TRIES * 30 {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the edge goes on");
    }

    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// A command that talks to this edge.
    pub fn ask(&self, folder: &Folder, arguments: &[&str]) -> Ran {
        let url = self.admin_url();
        let all: Vec<&str> = ["--admin", &url].into_iter().chain(arguments.iter().copied()).collect();
        folder.run(&all)
    }

    /// Asks the admin API until its answer is right.
    pub fn until(&self, path: &str, right: impl Fn(u16, &str) -> bool) -> String {
        let mut last = String::new();
        for _ in 0..TRIES {
            let (status, body) = get(self.admin, "localhost", path);
            if right(status, &body) {
                return body;
            }
            last = format!("{status} {body}");
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{path} stays {last}");
    }

    pub fn generation(&self) -> u64 {
        let (_, body) = get(self.admin, "localhost", "/v1/health");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        body["generation"].as_u64().expect("a generation")
    }
}

/// One request on a connection of its own: status and body.
pub fn get(to: SocketAddr, host: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(to).expect("a listener");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a write");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a whole answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    (status, body.to_owned())
}

/// A stand-in origin. It says its name, or first waits for a word where the path is `/wait`.
pub struct StandIn {
    pub port: u16,
    /// A word for every `/wait` that has come.
    pub arrived: Receiver<()>,
    /// Lets one `/wait` be answered.
    pub answer: Sender<()>,
}

impl StandIn {
    pub fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (came, arrived) = channel();
        let (answer, may) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that goes away, or a test that ended, is no trouble of the stand-in's.
                let _ = serve_one(stream, name, &came, &may);
            }
        });
        Self { port, arrived, answer }
    }
}

fn serve_one(
    mut stream: TcpStream,
    name: &str,
    came: &Sender<()>,
    may: &Receiver<()>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    if first.contains(" /wait ") {
        // The receiver lives as long as the test.
        let _ = came.send(());
        let _ = may.recv_timeout(PATIENCE);
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}", name.len())
}

/// A table with one group `g` of an origin per port; names a, b, c; a region each: `here`, then `there`.
pub fn table(ports: &[u16]) -> String {
    let mut text = String::from(
        "[edge]\nhttp = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\nworkers = 1\n\n\
         [regions.here]\n[regions.there]\n\n[origin_groups.g]\n",
    );
    if ports.len() > 1 {
        text.push_str("health_probe = { interval_s = 5, method = \"GET\" }\n");
    }
    for (at, port) in ports.iter().enumerate() {
        let (name, region) = (["a", "b", "c"][at], if at == 0 { "here" } else { "there" });
        text.push_str(&format!(
            "[origin_groups.g.origins.{name}]\nregion = \"{region}\"\nhost = \"127.0.0.1\"\nhttp_port = {port}\npriority = {}\n",
            at + 1
        ));
    }
    text + "\n[routes.r]\ndomains = [\"a.test\"]\nprotocols = [\"http\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n"
}
