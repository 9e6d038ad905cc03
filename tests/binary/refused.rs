//! What keeps `tidegate serve` from serving: exit 2, nothing on stdout, and what to do on stderr.

use std::net::TcpListener;

use crate::support::{Folder, Ran, table};

fn refused(folder: &Folder) -> Ran {
    let ran = folder.run(&["serve"]).ended(2);
    assert_eq!(ran.out, "", "{ran:?}");
    ran
}

#[test]
fn no_table() {
    refused(&Folder::new()).said(&["routes.toml", "No such file", "--config FILE"]);
}

#[test]
fn a_broken_table() {
    let folder = Folder::new();
    folder.write("routes.toml", &(table(&[9001]) + "patern = [\"/*\"]\n"));
    refused(&folder).said(&[
        "error[unknown-key]: `patern` is not a key of [routes.r]",
        "--> routes.toml:21:1",
        "did you mean `patterns`?",
        "the edge was not started: 1 mistake to mend",
    ]);
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for key in ["http", "admin"] {
        let folder = Folder::new();
        let free = format!("{key} = {}", if key == "http" { "[\"127.0.0.1:0\"]" } else { "\"127.0.0.1:0\"" });
        let used = free.replace("127.0.0.1:0", &address);
        folder.write("routes.toml", &table(&[9001]).replace(&free, &used));
        let ran = refused(&folder);
        ran.said(&[&format!("[edge] {key}: {address} cannot be bound"), "stop it, or choose another port"]);
    }
}

#[test]
fn an_address_of_another_machine() {
    let folder = Folder::new();
    folder.write("routes.toml", &table(&[9001]).replace("[\"127.0.0.1:0\"]", "[\"192.0.2.1:0\"]"));
    refused(&folder)
        .said(&["[edge] http: 192.0.2.1:0 cannot be bound", "this machine does not have that address"]);
}

/// Every certificate that cannot be used is told, with its path, in one go.
#[test]
fn unreadable_certificates() {
    let folder = Folder::new();
    let certificates = "[certificates.gone]\ndomains = [\"a.test\"]\ncert_file = \"gone.pem\"\nkey_file = \"gone.key\"\n\
                        [certificates.broken]\ndomains = [\"b.test\"]\ncert_file = \"broken.pem\"\nkey_file = \"broken.key\"\n";
    folder.write("broken.pem", "this is no certificate\n");
    folder.write("broken.key", "this is no key\n");
    folder.write("routes.toml", &(table(&[9001]) + certificates));
    refused(&folder).said(&[
        "error[certificate-file]",
        "gone.pem: No such file",
        "relative ones start at the folder of routes.toml",
        "broken.pem: there is no certificate in it",
        "the leaf first, then its intermediates",
        "2 mistakes to mend",
    ]);
}

#[test]
fn a_certificates_folder_that_cannot_be_made() {
    let folder = Folder::new();
    folder.write("certs", "a file where the folder should be");
    folder.write("routes.toml", &table(&[9001]));
    refused(&folder).said(&["error[development-certificate]", "certs", "make the folder writable"]);
}

#[test]
fn a_token_that_cannot_be_read() {
    let folder = Folder::new();
    let text = table(&[9001]).replace("workers", "admin_token_file = \"token\"\nworkers");
    folder.write("routes.toml", &text);
    refused(&folder).said(&["[edge] admin_token_file cannot be used", "token"]);
}

#[test]
fn nobody_answers() {
    let folder = Folder::new();
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    for command in [
        &["status"][..],
        &["history"],
        &["rollback"],
        &["explain", "http://a.test/"],
        &["region", "x", "drain"],
    ] {
        let url = format!("http://{free}");
        let arguments: Vec<&str> = command.iter().copied().chain(["--admin", url.as_str()]).collect();
        let ran = folder.run(&arguments).ended(2);
        ran.said(&["no edge answers at", &url, "tidegate serve", "--admin"]);
        assert_eq!(ran.out, "", "{ran:?}");
    }
}
