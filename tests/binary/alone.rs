//! Commands that need no edge: help, check, and what they say of a file.

use crate::support::{Folder, table};

#[test]
fn without_arguments_it_helps() {
    let ran = Folder::new().run(&[]).ended(0);
    ran.printed(&["Usage:", "serve", "check", "explain", "apply", "rollback", "region", "demo"]);
    assert_eq!(ran.err, "");
}

#[test]
fn version_and_help_are_answers() {
    let folder = Folder::new();
    folder.run(&["--version"]).ended(0).printed(&[env!("CARGO_PKG_VERSION")]);
    for command in ["serve", "check", "explain", "status", "apply", "rollback", "history", "region", "demo"] {
        let ran = folder.run(&[command, "--help"]).ended(0);
        ran.printed(&["Usage:"]);
        assert_eq!(ran.err, "", "{command}");
    }
}

#[test]
fn wrong_usage_is_two() {
    let folder = Folder::new();
    let rows: &[(&[&str], &str)] = &[
        (&["serv"], "serv"),
        (&["check"], "FILE"),
        (&["explain"], "URL"),
        (&["explain", "http://a.test/", "--client", "nobody"], "--client"),
        (&["rollback", "yesterday"], "yesterday"),
        (&["region", "here"], "drain"),
        (&["region", "here", "dial", "101"], "101"),
        (&["status", "--format", "xml"], "xml"),
    ];
    for (arguments, text) in rows {
        let ran = folder.run(arguments).ended(2);
        ran.said(&[text]);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn a_good_table_passes() {
    let folder = Folder::new();
    folder.write("routes.toml", &table(&[9001, 9002]));
    let ran = folder.run(&["check", "routes.toml"]).ended(0);
    ran.printed(&["routes.toml: ok, 0 errors, 0 warnings", "1 route (1 composite)", "2 origins"]);
    assert_eq!(ran.err, "");
}

#[test]
fn a_broken_table_is_one() {
    let folder = Folder::new();
    folder.write("good.toml", &table(&[9001]));
    folder.write("bad.toml", &(table(&[9001]) + "patern = [\"/*\"]\n"));
    let ran = folder.run(&["check", "good.toml", "bad.toml"]).ended(1);
    ran.printed(&["good.toml: ok", "bad.toml: refused, 1 error, 0 warnings"]);
    ran.said(&["error[unknown-key]", "--> bad.toml:21:1", "did you mean `patterns`?"]);
    assert!(!ran.out.contains("did you mean"), "mistakes are no data: {ran:?}");
    assert!(!ran.err.contains('\u{1b}'), "no colours where nobody looks: {ran:?}");
}

#[test]
fn warnings_alone_pass() {
    let folder = Folder::new();
    folder.write("w.toml", "[origin_groups.g.origins.a]\nhost = \"a.test\"\n");
    let ran = folder.run(&["check", "w.toml"]).ended(0);
    ran.printed(&["w.toml: ok, 0 errors, 1 warning"]);
    ran.said(&["warning[unused-group]"]);
}

#[test]
fn no_file_cannot_be_checked() {
    let folder = Folder::new();
    let ran = folder.run(&["check", "nothing.toml"]).ended(2);
    ran.said(&["nothing.toml"]);
    assert_eq!(ran.out, "");
}

#[test]
fn check_as_json() {
    let folder = Folder::new();
    folder.write("good.toml", &table(&[9001]));
    folder.write("bad.toml", &(table(&[9001]) + "patern = [\"/*\"]\nresponse_timeout_s = 1\n"));
    let ran = folder.run(&["check", "--format", "json", "good.toml", "bad.toml"]).ended(1);
    assert_eq!(ran.err, "");
    let all = ran.json();
    assert_eq!((&all[0]["file"], &all[0]["ok"]), (&"good.toml".into(), &true.into()));
    assert_eq!((&all[1]["ok"], &all[0]["composite_routes"]), (&false.into(), &1.into()));
    let mistakes = all[1]["diagnostics"].as_array().expect("a list");
    let codes: Vec<&str> = mistakes.iter().map(|d| d["code"].as_str().expect("a code")).collect();
    assert_eq!(codes, ["unknown-key", "timeout-range"]);
    assert_eq!((&mistakes[0]["line"], &mistakes[1]["rule"]), (&21.into(), &"FD-A7".into()));
    assert_eq!(mistakes[0]["severity"], "error");
}

#[test]
fn expectations_are_run() {
    let folder = Folder::new();
    let expect = |origin: &str| {
        format!(
            "[[expect]]\nrequest = \"GET http://a.test/x\"\ndown = [\"region:here\"]\norigin = \"{origin}\"\n"
        )
    };
    folder.write("good.toml", &(table(&[9001, 9002]) + &expect("b")));
    folder.run(&["check", "good.toml"]).ended(0).printed(&["1 of 1 expectations hold"]);
    folder.write("bad.toml", &(table(&[9001, 9002]) + &expect("a")));
    let ran = folder.run(&["check", "bad.toml"]).ended(1);
    ran.printed(&["0 of 1 expectations hold"]);
    ran.said(&[
        "error[expectation]",
        "GET http://a.test/x",
        "expected origin a, got b 100 %",
        "--> bad.toml:27:1",
        "[[expect]]",
    ]);
}
