//! Commands against a running edge: status, explain, apply, history, rollback, region.

use crate::support::{Folder, Serving, StandIn, get, table};

struct World {
    folder: Folder,
    edge: Serving,
    _stand_ins: Vec<StandIn>,
    text: String,
}

fn world() -> World {
    let stand_ins = vec![StandIn::start("from a"), StandIn::start("from b")];
    let text = table(&[stand_ins[0].port, stand_ins[1].port]);
    let folder = Folder::new();
    folder.write("routes.toml", &text);
    let edge = folder.serve();
    edge.until("/readyz", |status, _| status == 200);
    World { folder, edge, _stand_ins: stand_ins, text }
}

#[test]
fn it_serves_and_says_how_it_is() {
    let world = world();
    assert_eq!(get(world.edge.http, "a.test", "/"), (200, String::from("from a")));
    let line = world.edge.access_line();
    let line = &line["properties"];
    assert_eq!((&line["routingRuleName"], &line["origin"]), (&"r".into(), &"a".into()), "{line}");
    let ran = world.edge.ask(&world.folder, &["status"]).ended(0);
    ran.printed(&["edge edge-1, generation 1, ready", "REGION", "here", "VERDICT"]);
    assert_eq!(ran.err, "");
    let json = world.edge.ask(&world.folder, &["status", "--format", "json"]).ended(0).json();
    assert_eq!((&json["generation"], &json["origins"][1]["origin"]), (&1.into(), &"b".into()));
    let ran = world.edge.ask(&world.folder, &["explain", "http://a.test/"]).ended(0);
    ran.printed(&["to origin a in here", "generation 1"]);
    let ran = world.edge.ask(&world.folder, &["explain", "http://a.test/", "--down", "region:mars"]).ended(1);
    ran.said(&["region:mars", "known: region:here"]);
    assert_eq!(ran.out, "");
}

/// The swap from outside: dry run, apply, history, rollback, and a stale writer.
#[test]
fn apply_history_rollback() {
    let World { folder, edge, text, .. } = world();
    folder.write("new.toml", &text.replace("priority = 1\n", "priority = 3\n"));
    let ran = edge.ask(&folder, &["apply", "new.toml", "--dry-run"]).ended(0);
    ran.printed(&["this would replace generation 1:", "~ origin_groups.g.origins.a.priority: 1 -> 3"]);
    assert_eq!((edge.generation(), get(edge.http, "a.test", "/").1.as_str()), (1, "from a"));

    let ran = edge.ask(&folder, &["apply", "new.toml", "--base", "1"]).ended(0);
    ran.printed(&["generation 2 serves:", "~ origin_groups.g.origins.a.priority: 1 -> 3"]);
    assert_eq!(get(edge.http, "a.test", "/"), (200, String::from("from b")));
    edge.ask(&folder, &["apply", "new.toml"]).ended(0).printed(&["generation 2 serves already"]);

    let ran = edge.ask(&folder, &["apply", "routes.toml", "--base", "1"]).ended(1);
    ran.said(&["you started from generation 1, and 2 serves"]);
    assert_eq!((edge.generation(), ran.out.as_str()), (2, ""));

    let json = edge.ask(&folder, &["history", "--format", "json"]).ended(0).json();
    let list = json["generations"].as_array().expect("a list");
    assert_eq!((list.len(), &list[0]["generation"], &list[0]["by"]), (2, &2.into(), &"api".into()));
    assert_eq!((&list[0]["current"], &list[1]["by"]), (&true.into(), &"start".into()));
    edge.ask(&folder, &["history"]).ended(0).printed(&["GENERATION", "2*", "~ origin_groups.g.origins.a"]);

    let ran = edge.ask(&folder, &["rollback", "7"]).ended(1);
    ran.said(&["no generation is called \"7\"; known: 1, 2"]);
    let ran = edge.ask(&folder, &["rollback"]).ended(0);
    ran.printed(&["generation 3 serves:", "~ origin_groups.g.origins.a.priority: 3 -> 1"]);
    assert_eq!(get(edge.http, "a.test", "/"), (200, String::from("from a")));
    edge.ask(&folder, &["rollback", "2"]).ended(0).printed(&["generation 4 serves:"]);
    edge.ask(&folder, &["history"]).ended(0).printed(&["4*", "api: rollback to 2"]);
}

/// Law 5: a refused change changes nothing and says what is wrong, where, and what to do.
#[test]
fn a_refused_table_changes_nothing() {
    let World { folder, edge, text, .. } = world();
    folder.write("bad.toml", &(text.clone() + "patern = [\"/*\"]\nresponse_timeout_s = 1\n"));
    for arguments in [&["apply", "bad.toml"][..], &["apply", "bad.toml", "--dry-run"]] {
        let ran = edge.ask(&folder, arguments).ended(1);
        ran.said(&[
            "2 mistakes, nothing was changed",
            "error[unknown-key]",
            "did you mean `patterns`?",
            "(FD-A7)",
        ]);
        assert_eq!(ran.out, "");
    }
    folder.write("edge.toml", &text.replace("workers = 1", "workers = 2"));
    let ran = edge.ask(&folder, &["apply", "edge.toml"]).ended(1);
    ran.said(&["1 mistake,", "[edge] workers differs", "restart the edge"]);
    assert!(!ran.err.contains(":0:0"), "{ran:?}");
    assert_eq!((edge.generation(), get(edge.http, "a.test", "/").1.as_str()), (1, "from a"));
    edge.ask(&folder, &["apply", "none.toml"]).ended(2).said(&["none.toml"]);
}

/// Traffic by hand: drained, cut, dialled, back.
#[test]
fn regions_are_moved_by_hand() {
    let World { folder, edge, .. } = world();
    let rows: [(&[&str], &str, &str); 5] = [
        (&["drain"], "region here: drained, dial 100 %", "from b"),
        (&["restore"], "region here: active, dial 100 %", "from a"),
        (&["isolate"], "region here: isolated, dial 100 %", "from b"),
        (&["restore"], "region here: active, dial 100 %", "from a"),
        (&["dial", "0"], "region here: active, dial 0 %", "from b"),
    ];
    for (order, answer, served) in rows {
        let all: Vec<&str> = ["region", "here"].into_iter().chain(order.iter().copied()).collect();
        edge.ask(&folder, &all).ended(0).printed(&[answer]);
        assert_eq!(get(edge.http, "a.test", "/"), (200, served.to_owned()), "{order:?}");
    }
    edge.ask(&folder, &["status"]).ended(0).printed(&["0 %"]);
    edge.ask(&folder, &["region", "mars", "drain"]).ended(1).said(&["known: here, there"]);
}

/// Without the token nothing is changed; the program finds it in a file or in the environment.
#[test]
fn a_token_is_asked_for() {
    let stand_in = StandIn::start("from a");
    let folder = Folder::new();
    folder.write("token", "s3cret-token\n");
    folder.write(
        "routes.toml",
        &table(&[stand_in.port]).replace("workers", "admin_token_file = \"token\"\nworkers"),
    );
    let edge = folder.serve();
    edge.until("/readyz", |status, _| status == 200);
    let drain = ["region", "here", "drain"];
    let ran = edge.ask(&folder, &drain).ended(1);
    ran.said(&["A token is needed", "admin_token_file"]);
    assert!(!ran.err.contains("s3cret"));
    let url = edge.admin_url();
    let all: Vec<&str> = ["--admin", &url].into_iter().chain(drain).collect();
    folder.run_with(&all, &[("TIDEGATE_TOKEN", "wrong")]).ended(1).said(&["A token is needed"]);
    folder.run_with(&all, &[("TIDEGATE_TOKEN", "s3cret-token")]).ended(0).printed(&["drained"]);
    edge.ask(&folder, &["--token-file", "token", "region", "here", "restore"]).ended(0).printed(&["active"]);
    edge.ask(&folder, &["--token-file", "none", "region", "here", "restore"]).ended(2).said(&["none"]);
}

/// FD-L12, FD-C12: an origin whose name does not exist is told to the client, and to whoever looks at its health.
#[test]
fn an_origin_without_an_address() {
    let folder = Folder::new();
    let text = table(&[9001]).replace("host = \"127.0.0.1\"", "host = \"nowhere.invalid\"");
    folder.write(
        "routes.toml",
        &text.replace("[origin_groups.g]\n", "[origin_groups.g]\nhealth_probe = { interval_s = 5 }\n"),
    );
    let edge = folder.serve();
    let (status, body) = get(edge.http, "a.test", "/");
    assert_eq!(status, 502, "{body}");
    let body = edge.until("/v1/health", |_, body| body.contains("\"last_failure\":\"name not resolved"));
    let health: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let window = health["origins"][0]["window"].as_str().expect("a window");
    assert!(window.ends_with('F') && !window.contains('S'), "a failure like any other: {body}");
    edge.ask(&folder, &["status"]).ended(0).printed(&["name not resolved"]);
}
