//! Arguments as they are typed, and the texts that people read.

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use super::client::{Answer, refusal};
use super::{Cli, Command, change, explain, status};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("tidegate").chain(line.split_whitespace()))
}

#[test]
fn the_command_line_is_whole() {
    Cli::command().debug_assert();
}

/// What a line means: a part of the parsed arguments.
#[test]
fn arguments() {
    for (line, part) in [
        ("serve", "config: \"routes.toml\""),
        ("serve --config x.toml", "config: \"x.toml\""),
        ("check a.toml b.toml", "files: [\"a.toml\", \"b.toml\"]"),
        ("explain http://a.test/", "at: \"live\""),
        ("explain http://a.test/", "method: \"GET\""),
        ("explain http://a.test/ --at x.toml", "at: \"x.toml\""),
        ("explain http://a.test/ --down region:x,origin:y", "down: [\"region:x\", \"origin:y\"]"),
        ("explain http://a.test/ --down region:x --down origin:y", "down: [\"region:x\", \"origin:y\"]"),
        ("explain http://a.test/ --client 192.0.2.1", "client: Some(192.0.2.1)"),
        ("explain http://a.test/ --affinity v", "affinity: Some(\"v\")"),
        ("apply x.toml", "dry_run: false, base: None"),
        ("apply x.toml --dry-run", "dry_run: true"),
        ("apply x.toml --base 7", "base: Some(7)"),
        ("rollback", "generation: None"),
        ("rollback 3", "generation: Some(3)"),
        ("region we drain", "name: \"we\", order: Drain"),
        ("region we isolate", "order: Isolate"),
        ("region we restore", "order: Restore"),
        ("region we dial 0", "percent: 0"),
        ("region we dial 100", "percent: 100"),
        ("demo", "config: \"routes.toml\""),
        ("status --admin http://127.0.0.1:9", "admin: Some(\"http://127.0.0.1:9\")"),
        ("--admin http://127.0.0.1:9 status", "admin: Some(\"http://127.0.0.1:9\")"),
        ("history --format json", "format: Json"),
        ("history", "format: Text"),
        ("history --token-file t", "token_file: Some(\"t\")"),
    ] {
        let parsed = format!("{:?}", parse(line).unwrap_or_else(|e| panic!("{line}: {e}")));
        assert!(parsed.contains(part), "{line}: {part} is not in {parsed}");
    }
    assert!(parse("").is_ok_and(|cli| cli.command.is_none()));
    assert!(parse("status").is_ok_and(|cli| matches!(cli.command, Some(Command::Status))));
}

#[test]
fn wrong_arguments() {
    for line in [
        "serv",
        "check",
        "explain",
        "explain http://a.test/ --client nobody",
        "apply",
        "apply x.toml --base last",
        "rollback -1",
        "rollback last",
        "region",
        "region we",
        "region we dial",
        "region we dial 101",
        "region we dial -1",
        "region we drain now",
        "status now",
        "status --format xml",
    ] {
        let error = parse(line).expect_err(line);
        assert!(error.use_stderr(), "{line}");
    }
    for line in ["--help", "--version", "help region", "region --help"] {
        assert!(!parse(line).expect_err(line).use_stderr(), "{line} is an answer");
    }
}

fn health() -> Value {
    let origin = |name: &str, region: &str, priority: u8, verdict: &str, source: &str| {
        json!({
            "group": "bot", "origin": name, "region": region, "enabled": true, "verdict": verdict, "source": source,
            "window": "SSSS", "successes_required": 3, "latency_ms": 12, "last_failure": null,
            "next_probe_in_s": 3.4, "since_s": 61.2, "priority": priority, "weight": 50,
        })
    };
    let mut down = origin("bot-northeurope", "northeurope", 2, "down", "probe");
    down["window"] = json!("SFFF");
    down["latency_ms"] = Value::Null;
    down["last_failure"] = json!("connection refused");
    down["since_s"] = json!(7260.0);
    let forced = origin("bot-spare", "northeurope", 3, "down", "override");
    let mut single = origin("qna", "", 1, "up", "no_probe");
    for (key, value) in [("group", json!("qna")), ("region", Value::Null), ("window", json!(""))] {
        single[key] = value;
    }
    for key in ["latency_ms", "next_probe_in_s"] {
        single[key] = Value::Null;
    }
    json!({
        "edge": "edge-1", "ready": true, "generation": 7,
        "regions": [
            { "name": "westeurope", "display_name": "West Europe", "state": "active", "dial": 25 },
            { "name": "northeurope", "display_name": "North Europe", "state": "drained", "dial": 100 },
        ],
        "origins": [origin("bot-westeurope", "westeurope", 1, "up", "probe"), down, forced, single],
    })
}

#[test]
fn status_text() {
    insta::assert_snapshot!(status::text(&health()), @r"
    edge edge-1, generation 7, ready

    REGION               STATE      DIAL
    westeurope           active     25 %
    northeurope          drained   100 %

    GROUP / ORIGIN               REGION          P    W  VERDICT         WINDOW   LATENCY    SINCE     NEXT  LAST FAILURE
    bot
      bot-westeurope             westeurope      1   50  up              SSSS       12 ms     61 s      3 s
      bot-northeurope            northeurope     2   50  down            SFFF           -  121 min      3 s  connection refused
      bot-spare                  northeurope     3   50  down (override) SSSS       12 ms     61 s      3 s
    qna
      qna                        -               1   50  up (no_probe)                  -     61 s        -
    ");
    let starting = json!({ "edge": "edge-1", "ready": false, "generation": 1, "regions": [], "origins": [] });
    assert!(status::text(&starting).starts_with("edge edge-1, generation 1, not ready\n"));
}

fn forwarded() -> Value {
    json!({
        "generation": 7, "decision": "forward", "status": null, "route": "bot", "origin_group": "bot",
        "origin": "bot-westeurope", "region": "westeurope", "why": "weighted",
        "origin_url": "http://127.1.0.1:9001/api?x=1",
        "shares": [["bot-westeurope", 75.0], ["bot-spare", 25.0]],
        "steps": ["GET http://bot.contoso.test/api, generation 7", "route bot by domain bot.contoso.test and an exact pattern (FD-B2)"],
    })
}

#[test]
fn explain_text() {
    insta::assert_snapshot!(explain::text(&forwarded()), @r"
    to origin bot-westeurope in westeurope, because weighted
      as http://127.1.0.1:9001/api?x=1
      over many requests: bot-westeurope 75.0 %, bot-spare 25.0 %
    step by step:
      GET http://bot.contoso.test/api, generation 7
      route bot by domain bot.contoso.test and an exact pattern (FD-B2)
    ");
    let mut alone = forwarded();
    (alone["region"], alone["shares"]) = (Value::Null, json!([["bot-westeurope", 100.0]]));
    let text = explain::text(&alone);
    assert!(text.starts_with("to origin bot-westeurope, because weighted\n"), "{text}");
    assert!(!text.contains("over many requests"), "one origin has no shares: {text}");
    let heads = [
        (
            json!({ "decision": "redirect", "status": 301, "route": "bot" }),
            "redirected with 301 by route bot",
        ),
        (json!({ "decision": "no_route", "status": 404 }), "answered 404: no route"),
        (
            json!({ "decision": "no_origin", "status": 503, "origin_group": "bot" }),
            "answered 503: no origin of bot may take it",
        ),
    ];
    for (body, head) in heads {
        assert_eq!(explain::text(&body).lines().next(), Some(head));
    }
}

fn changes() -> Value {
    json!([
        { "kind": "changed", "what": "origin_groups.bot.origins.a.weight", "from": "50", "to": "7" },
        { "kind": "added", "what": "routes.qna", "from": null, "to": null },
        { "kind": "removed", "what": "origin_groups.bot.origins.b.region", "from": "northeurope", "to": null },
    ])
}

#[test]
fn history_text() {
    let at = |seconds: u8| format!("2026-01-02T03:04:{seconds:02}.000Z");
    let body = json!({ "generations": [
        { "generation": 12, "at": at(9), "by": "api: rollback to 10", "changes": changes(), "current": true },
        { "generation": 11, "at": at(8), "by": "file", "changes": [changes()[0]], "current": false },
        { "generation": 10, "at": at(7), "by": "start", "changes": [], "current": false },
    ] });
    insta::assert_snapshot!(change::past(&body), @r"
    GENERATION  WHEN                      BY
           12*  2026-01-02T03:04:09.000Z  api: rollback to 10
      ~ origin_groups.bot.origins.a.weight: 50 -> 7
      + routes.qna
      - origin_groups.bot.origins.b.region: northeurope
           11   2026-01-02T03:04:08.000Z  file
      ~ origin_groups.bot.origins.a.weight: 50 -> 7
           10   2026-01-02T03:04:07.000Z  start
    ");
}

#[test]
fn outcome_texts() {
    let warning =
        json!([{ "code": "slow-failover", "message": "a dead origin of bot is noticed after up to 90 s" }]);
    let applied =
        json!({ "outcome": "applied", "generation": 12, "changes": changes(), "warnings": warning });
    insta::assert_snapshot!(change::outcome(&applied), @r"
    generation 12 serves:
      ~ origin_groups.bot.origins.a.weight: 50 -> 7
      + routes.qna
      - origin_groups.bot.origins.b.region: northeurope
    warning[slow-failover]: a dead origin of bot is noticed after up to 90 s
    ");
    let dry = json!({ "outcome": "would_apply", "generation": 12, "changes": [], "warnings": [] });
    assert_eq!(change::outcome(&dry), "this would replace generation 12:\n");
    let same = json!({ "outcome": "unchanged", "generation": 12, "changes": [], "warnings": [] });
    assert_eq!(change::outcome(&same), "generation 12 serves already, nothing to change\n");
}

#[test]
fn refusal_text() {
    let body = json!({
        "title": "The table was refused", "detail": "2 mistakes, nothing was changed",
        "diagnostics": [
            { "severity": "error", "code": "weight-range", "message": "weight 0 is outside 1..=1000", "rule": "FD-D10",
              "help": "to stop traffic to an origin, set `enabled = false`", "file": "routes.toml", "line": 14, "column": 10 },
            { "severity": "error", "code": "edge-needs-restart", "message": "[edge] http differs from what this edge was started with",
              "help": null, "rule": null, "file": "routes.toml", "line": 0, "column": 0 },
        ],
    });
    insta::assert_snapshot!(refusal(&Answer { status: 422, body }, None), @r"
    The table was refused: 2 mistakes, nothing was changed
      routes.toml:14:10: error[weight-range]: weight 0 is outside 1..=1000 (FD-D10); to stop traffic to an origin, set `enabled = false`
      routes.toml: error[edge-needs-restart]: [edge] http differs from what this edge was started with
    ");
}
