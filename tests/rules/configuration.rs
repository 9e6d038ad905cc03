//! Section A as configuration, the limits of section K, and what a file may say of domains and probes.

use tidegate::config;
use tidegate::config::diff::diff;
use tidegate::model::domain::{DomainName, Validation};
use tidegate::model::route::{Forwarding, Scheme};

use crate::support::{checked, codes, group, only, refused, route, table};

const ONE: &str = "[origin_groups.g.origins.o]\nhost = \"o.test\"\n";

fn with(extra: &str) -> String {
    format!("{ONE}{extra}\n[routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\n")
}

/// FD-A1: enumerated values compare without case.
#[test]
fn words_compare_without_case() {
    let text = with("[compat]\nerror_codes = \"LEGACY\"\n")
        + "forwarding_protocol = \"Https_ONLY\"\nprotocols = [\"HTTPS\"]\n";
    let table = table(&text);
    assert_eq!(table.routes[0].forwarding, Forwarding::HttpsOnly);
    assert!(table.routes[0].https && !table.routes[0].http);
    assert_eq!(only(&(with("") + "forwarding_protocol = \"ftp\"\n")).0, "unknown-word");
}

/// FD-A4: an origin that nobody can reach is saved like any other.
#[test]
fn reachability_is_not_checked() {
    assert_eq!(table("[origin_groups.g.origins.o]\nhost = \"no.such.host.invalid\"\n").origins.len(), 1);
}

/// FD-A6: letters, digits and hyphens, alphanumeric at both ends, at most 90; endpoints at most 46.
#[test]
fn names() {
    let route =
        |name: &str| format!("{ONE}[routes.\"{name}\"]\ndomains = [\"a.test\"]\norigin_group = \"g\"\n");
    for good in ["r", "r-1", "R9", &"x".repeat(90)] {
        assert_eq!(table(&route(good)).routes[0].name.as_str(), good);
    }
    for bad in ["", "-r", "r-", "r_1", "r.1", "ä", &"x".repeat(91)] {
        assert_eq!(only(&route(bad)), ("name", Some("FD-A6")), "{bad:?}");
    }
    let endpoint = |n: usize| format!("[endpoints.{}]\n", "e".repeat(n));
    assert!(config::read("t", &endpoint(46)).is_ok());
    assert_eq!(only(&endpoint(47)), ("name", Some("FD-A6")));
}

/// FD-A7: 16 to 240 seconds. FD-E42: the timeout is the profile's.
#[test]
fn origin_timeout() {
    for (value, good) in [(15, false), (16, true), (240, true), (241, false)] {
        let text = with(&format!("[profile]\norigin_response_timeout_s = {value}\n"));
        match config::read("t", &text) {
            Ok(checked) => assert!(good && checked.table.settings.response_timeout.get() == value, "{value}"),
            Err(d) => assert!(!good && d.0[0].rule == Some("FD-A7"), "{value}"),
        }
    }
    // FD-E40: 60 s without a word about it.
    assert_eq!(table(&with("")).settings.response_timeout.get(), 60);
}

/// FD-A9: the default domain serves only through `link_to_default_domain`. FD-A10: its name has a hash that is
/// stable, pseudo-random, and not the operator's. FD-A11: a disabled endpoint has no routes.
#[test]
fn endpoints() {
    let text = |enabled: bool, link: bool| {
        format!(
            "{ONE}[endpoints.shop]\nenabled = {enabled}\n[routes.r]\nendpoint = \"shop\"\ndomains = [\"a.test\"]\n\
             link_to_default_domain = {link}\norigin_group = \"g\"\n"
        )
    };
    let linked = table(&text(true, true));
    let DomainName::Exact(host) = &linked.domains[1].name else { panic!("a default domain is exact") };
    assert!(host.as_str().starts_with("shop-") && host.as_str().ends_with(".z01.azurefd.test"), "{host}");
    assert_eq!(host.as_str().len(), "shop-.z01.azurefd.test".len() + 16);
    assert_eq!(route(&linked, Scheme::Https, host.as_str(), "/").as_deref(), Some("r"));
    assert_eq!(table(&text(true, true)).domains[1].name, linked.domains[1].name);
    let other = table(&text(true, true).replace("shop", "shop2")).domains[1].name.to_string();
    assert_ne!(other.split('-').nth(1), host.as_str().split('-').nth(1));
    assert_eq!(route(&table(&text(true, false)), Scheme::Https, host.as_str(), "/"), None);
    assert_eq!(route(&table(&text(false, true)), Scheme::Https, "a.test", "/"), None);
    assert_eq!(only(&(with("") + "link_to_default_domain = true\n")), ("no-endpoint", Some("FD-A9")));
}

/// FD-A12: one domain in several routes of one endpoint, not in two endpoints.
#[test]
fn a_domain_belongs_to_one_endpoint() {
    let text = |second: &str| {
        format!(
            "{ONE}[endpoints.e]\n[endpoints.f]\n[routes.r]\nendpoint = \"e\"\ndomains = [\"a.test\"]\norigin_group = \"g\"\n\
             [routes.s]\nendpoint = \"{second}\"\ndomains = [\"a.test\"]\npatterns = [\"/s\"]\norigin_group = \"g\"\n"
        )
    };
    assert_eq!(table(&text("e")).routes.len(), 2);
    assert_eq!(only(&text("f")), ("domain-endpoint", Some("FD-A12")));
}

/// FD-A14: only an approved domain receives traffic; one that is being validated again goes on serving.
/// FD-A16: ownership is given unless the file says otherwise.
#[test]
fn validation_states() {
    let text = |state: &str| with(&format!("[domains.\"a.test\"]\n{state}\n"));
    for (state, serves) in [
        ("", true),
        ("state = \"approved\"", true),
        ("state = \"pending_revalidation\"", true),
        ("state = \"pending\"", false),
        ("state = \"timed_out\"", false),
        ("state = \"rejected\"", false),
    ] {
        let table = table(&text(state));
        assert_eq!(route(&table, Scheme::Https, "a.test", "/").is_some(), serves, "{state}");
    }
    assert_eq!(table(&with("")).domains[0].validation, Validation::Approved);
}

/// FD-A17: more successes than samples are refused. FD-A18: 4, 3 and 0 are the defaults.
#[test]
fn sample_settings() {
    let text = |lb: &str| format!("[origin_groups.g]\nload_balancing = {{ {lb} }}\n{ONE}");
    let lb = table(&text("")).groups[0].load_balancing;
    let numbers =
        (lb.sample_size.get(), lb.successful_samples_required.get(), lb.additional_latency_ms.get());
    assert_eq!(numbers, (4, 3, 0));
    let many = "sample_size = 2, successful_samples_required = 3";
    assert_eq!(only(&text(many)), ("sample-order", Some("FD-A17")));
    assert_eq!(only(&text("sample_size = 256")), ("sample-range", Some("FD-A17")));
    // The named setting of FD-M.2 moves the default.
    let portal = table(&format!("[lb]\ndefault_sensitivity_ms = 50\ndefault_weight = 1000\n{}", text("")));
    assert_eq!(portal.groups[0].load_balancing.additional_latency_ms.get(), 50);
    assert_eq!(portal.origins[0].weight.get(), 1000);
}

/// FD-A19: accepted, stored, shown in a diff, and without effect on decisions.
#[test]
fn restoration_time_is_stored() {
    let text = |minutes: u8| format!("[origin_groups.g]\ntraffic_restoration_min = {minutes}\n{ONE}");
    assert_eq!(table(&text(7)).groups[0].traffic_restoration_min, 7);
    assert_eq!(diff(&table(&text(7)), &table(&text(8))).len(), 1);
    assert_eq!(only(&text(51)), ("restoration-range", Some("FD-A19")));
}

/// FD-A20: an address is unique in its group, and may be in two groups.
#[test]
fn addresses_are_unique_in_a_group() {
    let two = group("", &[("a", ""), ("b", "")]).replace("127.9.0.2", "127.9.0.1");
    assert_eq!(only(&two), ("duplicate-origin", Some("FD-A20")));
    let other = format!("{}[origin_groups.h.origins.x]\nhost = \"127.9.0.1\"\n", group("", &[("a", "")]));
    assert_eq!(table(&other).origins.len(), 2);
}

/// FD-A21: weight 50 and priority 1 without a word about them.
#[test]
fn weight_and_priority_defaults() {
    let origin = &table(ONE).origins[0];
    assert_eq!((origin.weight.get(), origin.priority.get()), (50, 1));
}

/// FD-A24: the last enabled origin may be disabled; the file is accepted, with a warning.
#[test]
fn a_group_may_have_no_enabled_origin() {
    let checked = checked(&with("enabled = false\n"));
    assert!(checked.warnings.0.iter().any(|d| d.code == "no-origin" && d.rule == Some("FD-A24")));
}

/// FD-A25: a route serves at least one domain.
#[test]
fn a_route_has_a_domain() {
    assert_eq!(only(&format!("{ONE}[routes.r]\norigin_group = \"g\"\n")), ("no-domain", Some("FD-A25")));
}

/// FD-A26: the redirect needs both protocols.
#[test]
fn redirect_needs_both_protocols() {
    let text = |protocols: &str| with("") + &format!("https_redirect = true\nprotocols = {protocols}\n");
    assert!(table(&text("[\"http\", \"https\"]")).routes[0].https_redirect);
    for one in ["[\"https\"]", "[\"http\"]"] {
        assert_eq!(only(&text(one)), ("redirect-protocols", Some("FD-A26")), "{one}");
    }
}

/// FD-A27: one (protocol, host, pattern) belongs to one route. FD-B13: patterns that differ in case are the same.
#[test]
fn conflicts_are_refused() {
    let text = |protocols: &str, pattern: &str| {
        with("")
            + &format!(
                "patterns = [\"/a\"]\n[routes.s]\ndomains = [\"A.test\"]\npatterns = [\"{pattern}\"]\n\
             protocols = [{protocols}]\norigin_group = \"g\"\n"
            )
    };
    assert_eq!(codes(&text("\"http\", \"https\"", "/A")), ["duplicate-pattern"]);
    assert_eq!(refused(&text("\"http\"", "/a")).0[0].rule, Some("FD-A27"));
    assert_eq!(table(&text("\"http\"", "/b")).routes.len(), 2);
}

/// FD-B11: the only wildcard form is `/*` at the end.
#[test]
fn pattern_forms() {
    for (pattern, good) in [
        ("/", true),
        ("/*", true),
        ("/a", true),
        ("/a/", true),
        ("/a/*", true),
        ("a", false),
        ("*", false),
        ("/a*", false),
        ("/*/a", false),
        ("/a/*.png", false),
        ("/a/**", false),
        ("/a?b", false),
    ] {
        let text = with("") + &format!("patterns = [\"{pattern}\"]\n");
        match config::read("t", &text) {
            Ok(_) => assert!(good, "{pattern}"),
            Err(d) => assert!(!good && d.0[0].rule == Some("FD-B11"), "{pattern}"),
        }
    }
}

/// FD-B19: the example of the article, 2,000 + 800 = 2,800 of 5,000; and one above the limit.
#[test]
fn composite_limit() {
    let list = |prefix: &str, n: usize, suffix: &str| {
        (0..n).map(|i| format!("\"{prefix}{i}{suffix}\"")).collect::<Vec<_>>().join(",")
    };
    let text = |https: usize, paths: usize| {
        format!(
            "{ONE}[routes.one]\ndomains = [{}]\npatterns = [{}]\nprotocols = [\"https\"]\norigin_group = \"g\"\n\
             [routes.two]\ndomains = [{}]\npatterns = [{}]\norigin_group = \"g\"\n",
            list("a", https, ".test"),
            list("/p", paths, ""),
            list("b", 20, ".test"),
            list("/q", 20, "")
        )
    };
    assert_eq!(config::composite_routes(&table(&text(40, 50))), 2_800);
    assert_eq!(config::composite_routes(&table(&text(84, 50))), 5_000);
    assert_eq!(only(&text(85, 50)), ("over-limit", Some("FD-B19")));
}

/// FD-C10: 5 to 255, 30 without a word about it, and the named setting for another default.
#[test]
fn probe_interval() {
    let text = |settings: &str, keys: &str| {
        format!("{settings}\n[origin_groups.g]\nhealth_probe = {{ {keys} }}\n{ONE}")
    };
    let interval = |settings: &str, keys: &str| {
        table(&text(settings, keys)).groups[0].probe.clone().expect("a probe").interval.get()
    };
    assert_eq!(interval("", ""), 30);
    assert_eq!(interval("[probe]\ndefault_interval_s = 100", ""), 100);
    assert_eq!((interval("", "interval_s = 5"), interval("", "interval_s = 255")), (5, 255));
    for bad in ["interval_s = 4", "interval_s = 256"] {
        assert_eq!(only(&text("", bad)), ("interval-range", Some("FD-C10")));
    }
}

/// FD-C14: min(interval, 10 s), settable. FD-C2: HEAD unless stated, `not_set` means HEAD.
#[test]
fn probe_timeout_and_method() {
    let probe = |settings: &str, keys: &str| {
        table(&format!("{settings}\n[origin_groups.g]\nhealth_probe = {{ {keys} }}\n{ONE}")).groups[0]
            .probe
            .clone()
            .expect("a probe")
    };
    assert_eq!(probe("", "interval_s = 5").timeout.as_secs(), 5);
    assert_eq!(probe("", "interval_s = 60").timeout.as_secs(), 10);
    assert_eq!(probe("[probe]\ntimeout_s = 3", "").timeout.as_secs(), 3);
    assert_eq!(probe("[probe]\ntimeout_s = 3", "timeout_s = 2").timeout.as_secs(), 2);
    for (keys, method) in [("", "HEAD"), ("method = \"not_set\"", "HEAD"), ("method = \"get\"", "GET")] {
        assert_eq!(probe("", keys).method.as_str(), method);
    }
}

/// FD-C24: probes may be off only with at most one enabled origin.
#[test]
fn probes_off() {
    let two = |second: &str| format!("{ONE}[origin_groups.g.origins.p]\nhost = \"p.test\"\n{second}");
    assert_eq!(only(&two("")), ("probes-off", Some("FD-C24")));
    assert_eq!(table(&two("enabled = false\n")).origins.len(), 2);
}

/// FD-D4, FD-D6, FD-D10: ranges of priority, latency sensitivity and weight.
#[test]
fn ranges_of_selection() {
    for (key, good, bad, rule) in
        [("priority", [1, 5], [0, 6], "FD-D4"), ("weight", [1, 1000], [0, 1001], "FD-D10")]
    {
        for value in good {
            assert_eq!(table(&format!("{ONE}{key} = {value}\n")).origins.len(), 1);
        }
        for value in bad {
            assert_eq!(refused(&format!("{ONE}{key} = {value}\n")).0[0].rule, Some(rule), "{key} {value}");
        }
    }
    let slack =
        |ms: i32| format!("[origin_groups.g]\nload_balancing = {{ additional_latency_ms = {ms} }}\n{ONE}");
    assert_eq!(table(&slack(1000)).groups.len(), 1);
    assert_eq!(only(&slack(1001)), ("latency-range", Some("FD-D6")));
}

/// Every named setting of FD-M.2 that has a meaning here is read, near the thing that it changes.
#[test]
fn named_settings() {
    let text = "[compat]\nerror_codes = \"legacy\"\nno_route_status = 400\nhttps_redirect_status = 308\n\
        [probe]\ndefault_interval_s = 100\ntimeout_s = 4\nidle_slowdown = 3\nunattached_groups = \"skip\"\n\
        [health]\nmissing_samples = \"failure\"\nall_unhealthy = \"round_robin_all\"\n\
        [lb]\ndefault_sensitivity_ms = 50\ndefault_weight = 500\n[retry]\nmax_attempts = 5\nnon_idempotent_after_send = true\n\
        [affinity]\ncookie_format = \"plain\"\nforward_cookies = true\nkey = \"secret\"\n\
        [origin]\nconnect_timeout_s = 2\ndefault_response_timeout_s = 30\n[client]\nkeep_alive_s = 120\nstall_s = 20\nheader_s = 7\n\
        [client_ip]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n[tls]\nextra_roots = [\"ca.pem\"]\ninsecure_origins = true\n";
    let settings = table(text).settings;
    let standard = tidegate::model::settings::Settings::default();
    let (new, old) = (format!("{settings:#?}"), format!("{standard:#?}"));
    let same: Vec<&str> =
        new.lines().zip(old.lines()).filter(|(a, b)| a == b).map(|(a, _)| a.trim()).collect();
    // What is left is what these sections do not set.
    assert!(
        !same.iter().any(|l| l.starts_with("probe_")
            || l.starts_with("client_")
            || l.starts_with("connect_")
            || l.starts_with("attempts")),
        "{same:?}"
    );
    assert_eq!(settings.no_route_status, Some(400));
    assert!(settings.retry_non_idempotent && settings.forward_affinity_cookies && settings.insecure_origins);
}

/// The root's own table passes without a word.
#[test]
fn the_root_table_is_clean() {
    let checked = checked(include_str!("../../routes.toml"));
    assert!(checked.warnings.is_empty(), "{}", config::render::lines(&checked.warnings));
    assert!(checked.table.expects.len() > 4);
}

/// A table against itself has no difference; one against another names what differs.
#[test]
fn diffs_name_changes() {
    let old = table(include_str!("../../routes.toml"));
    assert_eq!(diff(&old, &old), []);
    let text = include_str!("../../routes.toml").replace(
        "host      = \"127.2.0.1\"\nhttp_port = 9001\npriority  = 2",
        "host      = \"127.2.0.1\"\nhttp_port = 9001\npriority  = 3",
    );
    let changes = diff(&old, &table(&text));
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].what, "origin_groups.bot.origins.bot-northeurope.priority");
    assert_eq!((changes[0].from.as_deref(), changes[0].to.as_deref()), (Some("2"), Some("3")));
    let without: String =
        include_str!("../../routes.toml").split("[routes.qna]").next().unwrap_or("").to_owned();
    assert!(diff(&old, &table(&without)).iter().any(|c| c.what == "routes.qna" && c.from.is_none()));
}
