//! The stage: an origin and three proxies, started here and ended here.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A proxy under measurement.
pub struct Proxy {
    pub name: &'static str,
    pub http: u16,
    pub https: u16,
    /// The process that does the work.
    pid: u32,
    child: Child,
}

pub struct Stage {
    pub proxies: Vec<Proxy>,
    origin: Child,
    _folder: TempDir,
}

const ORIGIN: u16 = 19_101;

impl Stage {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        fs::set_permissions(at, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
        fs::create_dir(at.join("www")).expect("a folder");
        fs::write(at.join("www/1k"), vec![b'x'; 1024]).expect("a file");
        fs::write(at.join("www/64k"), vec![b'x'; 64 << 10]).expect("a file");
        certificate(at);
        fs::write(at.join("origin.conf"), origin_conf(at)).expect("a file");
        fs::write(at.join("nginx.conf"), nginx_conf(at)).expect("a file");
        fs::write(at.join("haproxy.cfg"), haproxy_conf(at)).expect("a file");
        fs::write(at.join("routes.toml"), routes(at)).expect("a file");
        let path = |name: &str| at.join(name).display().to_string();
        let origin = pinned(1, "nginx", &["-c", &path("origin.conf"), "-p", &at.display().to_string()]);
        wait(ORIGIN);
        let tidegate = env!("CARGO_BIN_EXE_tidegate");
        let started = [
            (
                "nginx",
                19_102,
                19_103,
                pinned(0, "nginx", &["-c", &path("nginx.conf"), "-p", &at.display().to_string()]),
            ),
            ("haproxy", 19_112, 19_113, pinned(0, "haproxy", &["-f", &path("haproxy.cfg"), "-db"])),
            ("tidegate", 19_122, 19_123, pinned(0, tidegate, &["serve", "--config", &path("routes.toml")])),
        ];
        let proxies = started.map(|(name, http, https, child)| {
            wait(http);
            wait(https);
            let pid = if name == "nginx" { worker_of(child.id()) } else { child.id() };
            Proxy { name, http, https, pid, child }
        });
        Self { proxies: proxies.into(), origin, _folder: folder }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let children = self.proxies.iter_mut().map(|p| &mut p.child).chain([&mut self.origin]);
        for child in children {
            // nginx's master takes its worker with it on SIGTERM, which kill() is not.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Proxy {
    /// User and kernel time of the process so far, microseconds.
    pub fn cpu_us(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("a process");
        let rest = stat.rsplit(')').next().unwrap_or("");
        let fields: Vec<f64> = rest.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
        // utime and stime in clock ticks, of which Linux has 100 a second.
        (fields[11] + fields[12]) * 10_000.0
    }

    pub fn rss_kb(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("a process");
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or("");
        line.split_whitespace().nth(1).and_then(|v| v.parse().ok()).unwrap_or(0.0)
    }
}

fn pinned(core: u8, program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect(program)
}

fn wait(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn worker_of(master: u32) -> u32 {
    let list = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap_or_default();
    list.split_whitespace().next().and_then(|p| p.parse().ok()).expect("nginx has a worker")
}

/// One P-256 key and certificate for everybody.
fn certificate(at: &Path) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let cert = rcgen::CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
    fs::write(at.join("cert.pem"), cert.pem()).expect("a file");
    fs::write(at.join("key.pem"), key.serialize_pem()).expect("a file");
    fs::write(at.join("both.pem"), cert.pem() + &key.serialize_pem()).expect("a file");
}

fn origin_conf(at: &Path) -> String {
    let at = at.display();
    format!(
        "worker_processes 1; pid {at}/origin.pid; daemon off; error_log /dev/null;\nevents {{ worker_connections 8192; }}\n\
         http {{ access_log off; keepalive_requests 100000000; open_file_cache max=10;\n\
         server {{ listen 127.0.0.1:{ORIGIN} backlog=4096; root {at}/www; }} }}\n"
    )
}

fn nginx_conf(at: &Path) -> String {
    let at = at.display();
    format!(
        "worker_processes 1; pid {at}/nginx.pid; daemon off; error_log /dev/null;\nevents {{ worker_connections 8192; }}\n\
         http {{ access_log off; keepalive_requests 100000000;\n\
         upstream o {{ server 127.0.0.1:{ORIGIN}; keepalive 512; keepalive_requests 100000000; }}\n\
         server {{ listen 127.0.0.1:19102 backlog=4096; listen 127.0.0.1:19103 ssl http2 backlog=4096;\n\
         ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets on; ssl_session_cache shared:S:10m;\n\
         location / {{ proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;\n\
         proxy_set_header Via \"1.1 Azure\"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
         proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Proto $scheme;\n\
         proxy_set_header X-Azure-ClientIP $remote_addr; proxy_set_header X-Azure-SocketIP $remote_addr;\n\
         proxy_set_header X-Azure-Ref $request_id; proxy_set_header X-Azure-RequestChain hops=1;\n\
         proxy_set_header X-Azure-FDID 00000000-0000-0000-0000-000000000000;\n\
         add_header X-Azure-Ref $request_id; add_header X-Cache CONFIG_NOCACHE; }} }} }}\n"
    )
}

fn haproxy_conf(at: &Path) -> String {
    let at = at.display();
    format!(
        "global\n nbthread 1\n maxconn 8192\n tune.ssl.default-dh-param 2048\n\
         defaults\n mode http\n timeout connect 5s\n timeout client 90s\n timeout server 60s\n http-reuse always\n\
         frontend f\n bind 127.0.0.1:19112 backlog 4096\n bind 127.0.0.1:19113 ssl crt {at}/both.pem alpn h2,http/1.1 backlog 4096\n\
         unique-id-format %{{+X}}o%ci%cp%Ts%rt\n unique-id-header X-Azure-Ref\n\
         http-request set-header Via \"1.1 Azure\"\n http-request set-header X-Forwarded-For %[src]\n\
         http-request set-header X-Forwarded-Host %[req.hdr(host)]\n http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}\n\
         http-request set-header X-Azure-ClientIP %[src]\n http-request set-header X-Azure-SocketIP %[src]\n\
         http-request set-header X-Azure-RequestChain hops=1\n\
         http-request set-header X-Azure-FDID 00000000-0000-0000-0000-000000000000\n\
         http-response set-header X-Azure-Ref %[unique-id]\n http-response set-header X-Cache CONFIG_NOCACHE\n default_backend b\n\
         backend b\n server o 127.0.0.1:{ORIGIN} pool-max-conn 512\n"
    )
}

fn routes(at: &Path) -> String {
    let at = at.display();
    format!(
        "[edge]\nhttp = [\"127.0.0.1:19122\"]\nhttps = [\"127.0.0.1:19123\"]\nadmin = \"127.0.0.1:19129\"\nworkers = 1\naccess_log = \"off\"\n\
         certificates_folder = \"{at}/certs\"\n\
         [certificates.bench]\ndomains = [\"localhost\", \"127.0.0.1\"]\ncert_file = \"{at}/cert.pem\"\nkey_file = \"{at}/key.pem\"\n\
         [origin_groups.g]\nhealth_probe = {{ path = \"/1k\" }}\n[origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\nhttp_port = {ORIGIN}\n\
         [routes.r]\ndomains = [\"localhost\", \"127.0.0.1\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n"
    )
}
