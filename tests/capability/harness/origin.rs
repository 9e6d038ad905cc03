//! An origin that does what a test says, and remembers what it was sent, byte for byte.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What an origin does with one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, and the connection stays.
    Bytes(Vec<u8>),
    /// These bytes, then the connection closes.
    Last(Vec<u8>),
    /// Closes without an answer.
    Close,
    /// Says nothing until the edge gives up.
    Silence,
    /// The first bytes, then silence.
    Stall(Vec<u8>),
    /// 101 and an echo of whatever comes.
    Echo,
}

impl Reply {
    pub fn ok(body: &str) -> Self {
        Self::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
    }

    pub fn raw(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Got {
    pub head: String,
    pub body: Vec<u8>,
}

impl Got {
    /// All values under a name, in order.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|l| l.split_once(':'))
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim())
            .collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or("")
    }
}

type Script = Arc<dyn Fn(&Got) -> Reply + Send + Sync>;

pub struct Origin {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    got: Arc<Mutex<Vec<Got>>>,
    stop: Arc<AtomicBool>,
    /// Connections that are open, by their number.
    open: Arc<Mutex<BTreeMap<usize, TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Answers every request as `script` says; probes (`X-FD-HealthProbe`) get 200 and are not remembered.
    pub fn start(script: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_on("127.0.0.1:0".parse().expect("an address"), script)
    }

    pub fn start_on(address: SocketAddr, script: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (connections, got) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (stop, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeMap::new())));
        let script: Script = Arc::new(script);
        let shared = (connections.clone(), got.clone(), stop.clone(), open.clone());
        let thread = std::thread::spawn(move || {
            let (connections, got, stop, open) = shared;
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let number = connections.fetch_add(1, Ordering::SeqCst);
                open.lock().expect("no panic").insert(number, stream.try_clone().expect("a copy"));
                let (script, got, open) = (script.clone(), got.clone(), open.clone());
                std::thread::spawn(move || {
                    serve(stream, &script, &got);
                    // The copy that is kept for the end would hold it open.
                    if let Some(copy) = open.lock().expect("no panic").remove(&number) {
                        let _ = copy.shutdown(Shutdown::Both);
                    }
                });
            }
        });
        Self { address, connections, got, stop, open, thread: Some(thread) }
    }

    /// Always the same small answer.
    pub fn fixed(body: &'static str) -> Self {
        Self::start(move |_| Reply::ok(body))
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("no panic").clone()
    }

    pub fn last(&self) -> Got {
        self.got().last().cloned().expect("a request")
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        let _ = TcpStream::connect(self.address);
        // A test that has failed already must not fail twice.
        let open = self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for stream in open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(open);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, script: &Script, got: &Mutex<Vec<Got>>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer) {
        if request.header("x-fd-healthprobe").is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
        got.lock().expect("no panic").push(request.clone());
        match script(&request) {
            Reply::Bytes(bytes) => {
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Reply::Last(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Reply::Close => return,
            Reply::Silence => return wait_for_end(&mut stream),
            Reply::Stall(bytes) => {
                let _ = stream.write_all(&bytes);
                return wait_for_end(&mut stream);
            }
            Reply::Echo => return echo(&mut stream),
        }
    }
}

fn wait_for_end(stream: &mut TcpStream) {
    let mut bytes = [0; 1024];
    while matches!(stream.read(&mut bytes), Ok(1..)) {}
}

fn echo(stream: &mut TcpStream) {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
    let mut bytes = [0; 4096];
    if stream.write_all(head).is_err() {
        return;
    }
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}

/// One request; 100-continue is answered when a request asks for it.
fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Got> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, buffer)?;
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut got = Got { head, body: Vec::new() };
    if got.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    if let Some(length) = got.header("content-length").and_then(|v| v.parse::<usize>().ok()) {
        while buffer.len() < length {
            more(stream, buffer)?;
        }
        got.body = buffer.drain(..length).collect();
    } else if got.header("transfer-encoding").is_some() {
        loop {
            let line_end = loop {
                if let Some(at) = buffer.windows(2).position(|w| w == b"\r\n") {
                    break at;
                }
                more(stream, buffer)?;
            };
            let size =
                usize::from_str_radix(std::str::from_utf8(&buffer[..line_end]).ok()?.trim(), 16).ok()?;
            while buffer.len() < line_end + 2 + size + 2 {
                more(stream, buffer)?;
            }
            got.body.extend_from_slice(&buffer[line_end + 2..line_end + 2 + size]);
            buffer.drain(..line_end + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    }
    Some(got)
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 16 << 10];
    let read = stream.read(&mut bytes).ok().filter(|n| *n > 0)?;
    buffer.extend_from_slice(&bytes[..read]);
    Some(())
}
