//! The normalisation below FD-B13: what is decoded, what is removed, what is refused.

use std::borrow::Cow;

use proptest::prelude::*;
use tidegate::decide::path::normalise;

/// FD-B13's reading: percent-encoded unreserved characters are decoded, dot segments removed, `%2F` stays, and a path
/// that climbs above the root is refused.
#[test]
fn vectors() {
    for (path, want) in [
        ("/", Some("/")),
        ("/a/b", Some("/a/b")),
        ("/a//b/", Some("/a//b/")),
        ("/%61%2Db", Some("/a-b")),
        ("/a%2Fb", Some("/a%2Fb")),
        ("/a%2fb%20c", Some("/a%2fb%20c")),
        ("/a/./b", Some("/a/b")),
        ("/a/../b", Some("/b")),
        ("/a/b/..", Some("/a/")),
        ("/a/.", Some("/a/")),
        ("/a/%2e%2E/b", Some("/b")),
        ("/%2e/a", Some("/a")),
        ("/a/...", Some("/a/...")),
        ("/..", None),
        ("/a/../../b", None),
        ("/%2e%2e/etc", None),
        ("/a%", Some("/a%")),
        ("/a%zz%6", Some("/a%zz%6")),
    ] {
        assert_eq!(normalise(path).ok().as_deref(), want, "{path}");
    }
}

/// FD-B13's reading: the original bytes are forwarded when normalising changed nothing.
#[test]
fn unchanged_paths_are_borrowed() {
    for path in ["/", "/a/b", "/a%2Fb", "/%20", "/a/...", "/A"] {
        assert!(matches!(normalise(path), Ok(Cow::Borrowed(p)) if p == path), "{path}");
    }
}

proptest! {
    /// Normalising twice is normalising once, no dot segment is left, and no text panics.
    #[test]
    fn normal_paths_are_normal(path in "/[a-c./%2eE0-9]{0,24}") {
        if let Ok(once) = normalise(&path) {
            prop_assert!(once.starts_with('/'));
            prop_assert!(!once.split('/').any(|s| s == "." || s == ".."));
            if !once.contains('%') {
                let twice = normalise(&once).map(Cow::into_owned).unwrap_or_default();
                prop_assert_eq!(twice, once.into_owned());
            }
        }
    }
}
