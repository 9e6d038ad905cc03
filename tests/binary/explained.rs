//! `tidegate explain --at FILE`: a decision without an edge.

use crate::support::{Folder, table};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("t.toml", &table(&[9001, 9002]));
    folder
}

#[test]
fn a_request_goes_somewhere() {
    let ran = folder().run(&["explain", "http://a.test/x?q=1", "--at", "t.toml"]).ended(0);
    ran.printed(&[
        "to origin a in here",
        "http://127.0.0.1:9001/x?q=1",
        "step by step:",
        "route r by domain a.test",
    ]);
    assert_eq!(ran.err, "");
}

#[test]
fn what_is_down_is_taken_as_down() {
    let folder = folder();
    for down in ["region:here", "origin:a", "origin:g/a"] {
        let ran = folder.run(&["explain", "http://a.test/", "--at", "t.toml", "--down", down]).ended(0);
        ran.printed(&["to origin b in there"]);
    }
    let json =
        folder.run(&["--format", "json", "explain", "http://a.test/", "--at", "t.toml"]).ended(0).json();
    assert_eq!((&json["decision"], &json["origin"]), (&"forward".into(), &"a".into()));
    assert_eq!(json["shares"][0][0], "a");
}

/// FD-B14, FD-L2: the answer is no, and says why.
#[test]
fn no_route_is_no() {
    let folder = folder();
    let ran = folder.run(&["explain", "http://other.test/", "--at", "t.toml"]).ended(1);
    ran.printed(&["answered 404: no route", "the host is not configured"]);
    let ran = folder.run(&["explain", "https://a.test/", "--at", "t.toml"]).ended(1);
    ran.printed(&["accept the other protocol only"]);
}

#[test]
fn questions_that_cannot_be_asked_are_two() {
    let folder = folder();
    folder.write("bad.toml", "[routes.r]\n");
    let rows: &[(&[&str], &str)] = &[
        (&["explain", "ftp://a.test/", "--at", "t.toml"], "neither http:// nor https://"),
        (
            &["explain", "http://a.test/", "--at", "t.toml", "--down", "region:mars"],
            "known: region:here, region:there",
        ),
        (&["explain", "http://a.test/", "--at", "none.toml"], "none.toml"),
        (&["explain", "http://a.test/", "--at", "bad.toml"], "error[missing-key]"),
    ];
    for (arguments, text) in rows {
        let ran = folder.run(arguments).ended(2);
        ran.said(&[text]);
        assert_eq!(ran.out, "", "{arguments:?}");
        assert!(!ran.err.contains("the edge was not started"), "no edge was to be started: {ran:?}");
    }
}
