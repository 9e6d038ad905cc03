//! TLS as clients and origins meet it (section H on sockets).

use std::sync::Arc;

use rustls::pki_types::ServerName;

use crate::harness::client::tls_config;
use crate::harness::secure::{ANY, SecureOrigin};
use crate::harness::{Client, Origin, TestEdge};

fn table(port: u16) -> String {
    format!(
        "[certificates.one]\ndomains = [\"a.test\", \"*.w.test\"]\nself_signed = true\n\
         [origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\nhttp_port = {port}\n\
         [routes.r]\ndomains = [\"a.test\", \"b.w.test\", \"*.w.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n"
    )
}

fn ask(edge: &TestEdge, sni: &str, host: &str) -> crate::harness::Answer {
    let mut client = Client::tls(edge.https, sni, &edge.ca());
    client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    client.answer().expect("an answer")
}

/// FD-H15, FD-H14: the certificate by SNI, exact or by its wildcard. The TLS fields of section J.2. X-Forwarded-Proto is https.
#[test]
fn certificates_by_name() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port()));
    for name in ["a.test", "b.w.test", "c.w.test"] {
        let answer = ask(&edge, name, name);
        assert_eq!(answer.text(), "here", "{name}");
        let line = edge.line(answer.reference());
        assert_eq!((line["sni"].as_str(), line["requestProtocol"].as_str()), (Some(name), Some("HTTPS")));
        assert_eq!(line["securityProtocol"], "TLS 1.3");
        assert_eq!(line["securityCipher"], "TLS_AES_256_GCM_SHA384");
        assert!(line["securityCurves"].as_str().is_some_and(|c| !c.is_empty()), "{line}");
    }
    assert_eq!(origin.last().header("x-forwarded-proto"), Some("https"));
}

/// FD-H16, FD-L4: names of one table may share a connection; a name that is not of this table is 421,
/// SSLMismatchedSNI.
#[test]
fn fronting_is_refused() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port()));
    assert_eq!(ask(&edge, "a.test", "c.w.test").status, 200);
    let answer = ask(&edge, "a.test", "evil.test");
    assert_eq!(answer.status, 421);
    let line = edge.line(answer.reference());
    assert_eq!(
        (line["errorInfo"].as_str(), line["result"].as_str()),
        (Some("SSLMismatchedSNI"), Some("SSLMismatchedSNI"))
    );
    // Over plain HTTP there is no SNI to differ from.
    assert_eq!(crate::harness::get(edge.http, "evil.test", "/").status, 404);
}

/// FD-H1: TLS 1.2 and 1.3 are spoken; FD-H2: nothing below. Both resume sessions, again and again.
#[test]
fn versions_and_resumption() {
    let origin = Origin::fixed("here");
    let edge = TestEdge::start(&table(origin.port()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        use rustls::pki_types::pem::PemObject;
        roots.add_parsable_certificates(
            rustls::pki_types::CertificateDer::pem_file_iter(edge.ca()).expect("a file").flatten(),
        );
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Arc::new(config);
        let mut kinds = Vec::new();
        for _ in 0..4 {
            use std::io::{Read, Write};
            let tcp = std::net::TcpStream::connect(edge.https).expect("a connection");
            let connection = rustls::ClientConnection::new(
                config.clone(),
                ServerName::try_from("a.test").expect("a name"),
            )
            .expect("a connection");
            let mut tls = rustls::StreamOwned::new(connection, tcp);
            tls.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").expect("a request");
            let mut text = String::new();
            let _ = tls.read_to_string(&mut text);
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
            assert_eq!(tls.conn.protocol_version(), Some(version.version));
            kinds.push(tls.conn.handshake_kind());
        }
        assert_eq!(kinds[0], Some(rustls::HandshakeKind::Full));
        assert!(kinds[1..].iter().all(|k| *k == Some(rustls::HandshakeKind::Resumed)), "{kinds:?}");
    }
    // A ClientHello of TLS 1.0 gets an alert and nothing else.
    use std::io::{Read, Write};
    let mut old = std::net::TcpStream::connect(edge.https).expect("a connection");
    let mut hello = vec![22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0, 0x2f, 0, 0x35, 1, 0]);
    old.write_all(&hello).expect("a hello");
    let mut answer = Vec::new();
    let _ = old.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
}

/// FD-H13: a new certificate serves the next handshake, an established connection goes on; a broken file changes
/// nothing and is told.
#[test]
fn certificates_are_exchanged() {
    let origin = Origin::fixed("here");
    let folder = tempfile::tempdir().expect("a folder");
    let made = |serial: u64| {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
        params.serial_number = Some(serial.into());
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    };
    let (cert, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    let write = |(chain, secret): (String, String)| {
        std::fs::write(&cert, chain).expect("a file");
        std::fs::write(&key, secret).expect("a file");
    };
    write(made(1));
    let text = table(origin.port()).replace(
        "self_signed = true",
        &format!("cert_file = {:?}\nkey_file = {:?}", cert.display().to_string(), key.display().to_string()),
    );
    let edge = TestEdge::start(&text);
    let open = || {
        let config = Arc::new(tls_config(&cert, &[b"http/1.1"]).as_ref().clone());
        let tcp = std::net::TcpStream::connect(edge.https).expect("a connection");
        let connection =
            rustls::ClientConnection::new(config, ServerName::try_from("a.test").expect("a name"))
                .expect("a connection");
        let mut tls = rustls::StreamOwned::new(connection, tcp);
        use std::io::{Read, Write};
        tls.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("a request");
        let mut bytes = [0; 64];
        tls.read_exact(&mut bytes[..15]).expect("an answer");
        assert_eq!(&bytes[..15], b"HTTP/1.1 200 OK");
        let leaf = tls.conn.peer_certificates().expect("certificates")[0].to_vec();
        (tls, leaf)
    };
    let (mut old, first) = open();
    write(made(2));
    edge.control.reload_certificates();
    let (_new, second) = open();
    assert_ne!(first, second);
    use std::io::{Read, Write};
    old.write_all(b"GET /again HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("the old connection goes on");
    assert!(matches!(old.read(&mut [0; 512]), Ok(1..)));
    let mut events = edge.control.events();
    std::fs::write(&key, "no key at all").expect("a file");
    edge.control.reload_certificates();
    let told = events.try_recv().expect("an event");
    assert!(
        matches!(&*told, tidegate::control::event::Event::CertificatesRefused { message } if message.contains("k.pem")),
        "{told:?}"
    );
    assert_eq!(open().1, second);
}

/// FD-H25, FD-L8 on a socket: an origin whose chain nobody trusts is 502, 503 in `legacy`; trusted by `ca_file`, or by
/// `extra_roots`, it serves (FD-H22, FD-H27).
#[test]
fn origins_over_tls() {
    let origin = SecureOrigin::start(&ANY, None);
    let (port, ca_line) = (origin.port, origin.trusted());
    let text = |settings: &str, keys: &str| {
        format!(
            "{settings}[origin_groups.g.origins.o]\nhost = \"127.0.0.1\"\nhttps_port = {port}\n{keys}\n\
             [routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"https_only\"\n"
        )
    };
    let roots = format!("[tls]\nextra_roots = [{:?}]\n", origin.ca().display().to_string());
    for (settings, keys, status, word) in [
        ("", "", 502, "SSLInvalidRootCA"),
        ("[compat]\nerror_codes = \"legacy\"\n", "", 503, "SSLInvalidRootCA"),
        ("", ca_line.as_str(), 200, "NoError"),
        (roots.as_str(), "", 200, "NoError"),
        (
            "",
            &format!("{ca_line}\ncertificate_subjects = [\"other.test\"]"),
            502,
            "CertificateNameCheckFailed",
        ),
        (
            "",
            &format!("{ca_line}\ncertificate_name_check = false\ncertificate_subjects = [\"other.test\"]"),
            200,
            "NoError",
        ),
        ("[tls]\ninsecure_origins = true\n", "", 200, "NoError"),
    ] {
        let edge = TestEdge::start(&text(settings, keys));
        let answer = crate::harness::get(edge.http, "a.test", "/");
        let line = edge.line(answer.reference());
        assert_eq!((answer.status, line["errorInfo"].as_str()), (status, Some(word)), "{settings} {keys}");
        if status == 200 {
            assert_eq!(
                (line["originCryptProtocol"].as_str(), answer.text().as_str()),
                (Some("TLS 1.3"), "secure")
            );
        }
    }
}
