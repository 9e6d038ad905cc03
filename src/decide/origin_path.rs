//! The path that an origin sees (FD-B25 to FD-B29).

use std::borrow::Cow;

use crate::model::router::Found;

/// `path` is the normalised request path, `found` how the route matched it. Without an origin path nothing changes;
/// with one it stands for the pattern's prefix, or for the whole of an exact pattern. The remainder keeps the
/// client's letters, there is one `/` at the joint, and the result starts with one.
pub fn forwarded<'p>(origin_path: Option<&str>, found: Found, path: &'p str) -> Cow<'p, str> {
    let Some(origin_path) = origin_path else { return Cow::Borrowed(path) };
    let lead = if origin_path.starts_with('/') { "" } else { "/" };
    match found {
        Found::Exact => Cow::Owned(format!("{lead}{origin_path}")),
        Found::Prefix(length) => {
            let remainder = path.get(length..).unwrap_or("");
            let base = origin_path.strip_suffix('/').unwrap_or(origin_path);
            Cow::Owned(format!("{lead}{base}/{}", remainder.strip_prefix('/').unwrap_or(remainder)))
        }
    }
}
