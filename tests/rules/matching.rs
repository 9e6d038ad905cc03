//! Section B: which route a request matches, and what path its origin sees.

use tidegate::decide::origin_path::forwarded;
use tidegate::decide::request::{Decision, NoRoute};
use tidegate::model::route::Scheme;
use tidegate::model::router::Found;

use crate::support::{decide, route, table};

const ONE: &str = "[origin_groups.g.origins.o]\nhost = \"o.test\"\n";

fn routes(list: &[(&str, &str)]) -> String {
    let mut text = ONE.to_owned();
    for (name, keys) in list {
        text.push_str(&format!("[routes.{name}]\norigin_group = \"g\"\n{keys}\n"));
    }
    text
}

/// The vectors of B.2. FD-B2, FD-B8, FD-B9: an exact pattern is exact, also with a slash at its end. FD-B10: an equal
/// pattern, else the longest prefix. FD-B12: `P/*` takes `P/` and not `P`. FD-B13: letters' case is ignored.
#[test]
fn the_most_specific_path_wins() {
    let patterns = [
        ("R1", "/"),
        ("R2", "/*"),
        ("R3", "/shop"),
        ("R4", "/shop/"),
        ("R5", "/shop/*"),
        ("R6", "/shop/cart"),
        ("R7", "/help/"),
    ];
    let list: Vec<(&str, String)> =
        patterns.iter().map(|(n, p)| (*n, format!("domains = [\"a.test\"]\npatterns = [\"{p}\"]"))).collect();
    let list: Vec<(&str, &str)> = list.iter().map(|(n, k)| (*n, k.as_str())).collect();
    let table = table(&routes(&list));
    for (path, want) in [
        ("/", "R1"),
        ("/sho", "R2"),
        ("/shop", "R3"),
        ("/SHOP", "R3"),
        ("/shopping", "R2"),
        ("/shop/", "R4"),
        ("/shop/c", "R5"),
        ("/shop/cart", "R6"),
        ("/shop/cart/9", "R5"),
        ("/help", "R2"),
        ("/help/", "R7"),
        ("/help/x", "R2"),
    ] {
        assert_eq!(route(&table, Scheme::Https, "a.test", path).as_deref(), Some(want), "{path}");
    }
    // Longer than the stack buffer of the lower-casing: the same answer.
    let long = format!("/SHOP/{}", "X".repeat(2000));
    assert_eq!(route(&table, Scheme::Https, "a.test", &long).as_deref(), Some("R5"));
}

/// FD-B1: only enabled routes take part. FD-B3: an HTTP request never matches an HTTPS-only route.
#[test]
fn protocols_and_disabled_routes() {
    let table = table(&routes(&[
        ("s", "domains = [\"s.test\"]\nprotocols = [\"https\"]"),
        ("d", "domains = [\"d.test\"]\nenabled = false"),
    ]));
    assert_eq!(route(&table, Scheme::Http, "s.test", "/"), None);
    assert_eq!(route(&table, Scheme::Https, "s.test", "/").as_deref(), Some("s"));
    assert_eq!(route(&table, Scheme::Https, "d.test", "/"), None);
}

/// FD-B4: an exact host beats a wildcard. FD-B5: a wildcard takes exactly one more label. FD-B6: a chosen host is
/// final. FD-B7: but the protocol is looked at before.
#[test]
fn hosts() {
    let table = table(&routes(&[
        ("exact", "domains = [\"a.d.test\"]\npatterns = [\"/only\"]\nprotocols = [\"https\"]"),
        ("wild", "domains = [\"*.d.test\"]"),
    ]));
    for (scheme, host, path, want) in [
        (Scheme::Https, "a.d.test", "/only", Some("exact")),
        (Scheme::Https, "a.d.test", "/other", None),
        (Scheme::Http, "a.d.test", "/other", Some("wild")),
        (Scheme::Https, "b.d.test", "/other", Some("wild")),
        (Scheme::Https, "x.b.d.test", "/", None),
        (Scheme::Https, "d.test", "/", None),
        (Scheme::Https, ".d.test", "/", None),
    ] {
        assert_eq!(route(&table, scheme, host, path).as_deref(), want, "{scheme:?} {host}{path}");
    }
}

/// FD-B14: the four ways to have no route. FD-B16: a domain needs an association of its own. FD-B17: there is no
/// implicit catch-all.
#[test]
fn no_route() {
    let table = table(
        &(routes(&[
            ("r", "domains = [\"a.test\"]\npatterns = [\"/api/*\"]\nprotocols = [\"https\"]"),
            ("off", "domains = [\"off.test\"]\nenabled = false"),
        ]) + "[domains.\"bare.test\"]\n"),
    );
    let why = |scheme, host, path| match decide(&table, scheme, host, path) {
        Decision::NoRoute(why) => Some(why),
        _ => None,
    };
    assert_eq!(why(Scheme::Https, "x.test", "/"), Some(NoRoute::UnknownHost));
    assert!(matches!(why(Scheme::Https, "off.test", "/"), Some(NoRoute::NoRouteForHost(_))));
    assert!(matches!(why(Scheme::Https, "bare.test", "/"), Some(NoRoute::NoRouteForHost(_))));
    assert!(matches!(why(Scheme::Http, "a.test", "/api/x"), Some(NoRoute::Protocol(_))));
    assert!(matches!(why(Scheme::Https, "a.test", "/other"), Some(NoRoute::Path(_))));
    assert_eq!(why(Scheme::Https, "a.test", "/api/x"), None);
}

/// FD-B20: only plain HTTP is redirected. FD-B23: the protocol towards the origin.
#[test]
fn redirect_and_forwarding() {
    let table = table(&routes(&[
        ("redirect", "domains = [\"r.test\"]\nhttps_redirect = true"),
        ("plain", "domains = [\"p.test\"]\nforwarding_protocol = \"http_only\""),
        ("secure", "domains = [\"s.test\"]\nforwarding_protocol = \"https_only\""),
        ("same", "domains = [\"m.test\"]"),
    ]));
    assert!(matches!(decide(&table, Scheme::Http, "r.test", "/"), Decision::Redirect(_)));
    let scheme = |client, host| match decide(&table, client, host, "/") {
        Decision::Forward { scheme, .. } => Some(scheme),
        _ => None,
    };
    use Scheme::{Http, Https};
    for (client, host, want) in [
        (Https, "r.test", Https),
        (Http, "p.test", Http),
        (Https, "p.test", Http),
        (Http, "s.test", Https),
        (Https, "s.test", Https),
        (Http, "m.test", Http),
        (Https, "m.test", Https),
    ] {
        assert_eq!(scheme(client, host), Some(want), "{client:?} {host}");
    }
}

/// The vectors of B.5, and FD-B25 to FD-B29: no origin path changes nothing; with one, it stands for the prefix, with
/// one `/` at the joint; a trailing slash is kept; letters' case is kept.
#[test]
fn origin_paths() {
    let prefix = |p: &str| Found::Prefix(p.len());
    for (origin_path, found, path, want, rule) in [
        (Some("/fwd/"), prefix("/"), "/", "/fwd/", "B.5"),
        (Some("/fwd/"), prefix("/"), "/a/b", "/fwd/a/b", "B.5"),
        (Some("/fwd/"), prefix("/foo/"), "/foo/", "/fwd/", "B.5"),
        (Some("/fwd/"), prefix("/foo/"), "/FOO/Bar", "/fwd/Bar", "FD-B29"),
        (Some("/fwd/"), Found::Exact, "/foo", "/fwd/", "FD-B27"),
        (None, prefix("/docs/"), "/docs/a", "/docs/a", "FD-B25"),
        (Some("/v2/"), prefix("/docs/"), "/docs/a/b", "/v2/a/b", "FD-B26"),
        (Some("/v2"), prefix("/docs/"), "/docs/a/b", "/v2/a/b", "FD-B26"),
        (Some("/"), prefix("/docs/"), "/docs/a", "/a", "FD-B26"),
        (Some("v2"), prefix("/docs/"), "/docs/a/c/", "/v2/a/c/", "FD-B28"),
        (Some("/V2"), Found::Exact, "/docs", "/V2", "FD-B27"),
    ] {
        assert_eq!(forwarded(origin_path, found, path), want, "{rule}: {origin_path:?} {path}");
    }
}
