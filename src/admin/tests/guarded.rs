//! The guard by itself: token, host, origin.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::admin::guard;

fn allowed(headers: &[(&'static str, &str)], mutation: bool, token: Option<&str>, address: &str) -> u16 {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header"));
    }
    let address = address.parse().expect("an address");
    guard::allowed(&map, mutation, token, address).map_or_else(|problem| problem.status, |()| 200)
}

/// Only the whole token opens, whatever its neighbours; reading over loopback needs none.
#[test]
fn token() {
    let (local, open) = ("127.0.0.1:8900", "0.0.0.0:8900");
    let host = ("host", "127.0.0.1:8900");
    for (given, right) in [
        ("Bearer s3cret", true),
        ("bearer s3cret", true),
        ("Bearer s3creT", false),
        ("Bearer s3cre", false),
        ("Bearer s3cret1", false),
        ("Bearer  ", false),
        ("Bearer", false),
        ("s3cret", false),
        ("Basic s3cret", false),
    ] {
        let status = if right { 200 } else { 401 };
        for (mutation, address) in [(true, local), (true, open), (false, open)] {
            assert_eq!(
                allowed(&[host, ("authorization", given)], mutation, Some("s3cret"), address),
                status,
                "{given}"
            );
        }
    }
    assert_eq!(allowed(&[host], true, Some("s3cret"), local), 401);
    assert_eq!(allowed(&[host], false, Some("s3cret"), local), 200);
    assert_eq!(allowed(&[host], false, Some("s3cret"), open), 401);
    assert_eq!(allowed(&[host], true, None, local), 200);
}

/// DNS rebinding: a foreign name that was pointed here is not served, an address or localhost is.
#[test]
fn hosts() {
    for (host, bound, status) in [
        ("127.0.0.1:8900", "127.0.0.1:8900", 200),
        ("127.0.0.1", "127.0.0.1:8900", 200),
        ("localhost:8900", "127.0.0.1:8900", 200),
        ("LOCALHOST", "127.0.0.1:8900", 200),
        ("[::1]:8900", "[::1]:8900", 200),
        ("10.0.0.5:8900", "10.0.0.5:8900", 200),
        ("10.0.0.5:8900", "0.0.0.0:8900", 200),
        ("10.0.0.5:8900", "127.0.0.1:8900", 421),
        ("evil.test", "127.0.0.1:8900", 421),
        ("evil.test:8900", "0.0.0.0:8900", 421),
        ("localhost.evil.test", "127.0.0.1:8900", 421),
        ("127.0.0.1.evil.test", "127.0.0.1:8900", 421),
        ("", "127.0.0.1:8900", 421),
    ] {
        for mutation in [false, true] {
            assert_eq!(allowed(&[("host", host)], mutation, None, bound), status, "{host:?} at {bound}");
        }
    }
    assert_eq!(allowed(&[], false, None, "127.0.0.1:8900"), 421);
}

/// A page of another site changes nothing; the API's own page may.
#[test]
fn origins_of_pages() {
    let host = ("host", "127.0.0.1:8900");
    for (origin, status) in [
        ("http://127.0.0.1:8900", 200),
        ("http://127.0.0.1:8901", 403),
        ("http://evil.test", 403),
        ("https://127.0.0.1.evil.test:8900", 403),
        ("null", 403),
        ("", 403),
    ] {
        assert_eq!(allowed(&[host, ("origin", origin)], true, None, "127.0.0.1:8900"), status, "{origin:?}");
    }
    assert_eq!(allowed(&[host, ("origin", "http://evil.test")], false, None, "127.0.0.1:8900"), 200);
}
