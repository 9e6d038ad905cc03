//! The path that an origin sees (FD-B25 to FD-B29).

use std::borrow::Cow;

use crate::model::router::Found;

/// `path` is the normalised request path, `found` how the route matched it.
pub fn forwarded<'p>(_origin_path: Option<&str>, _found: Found, _path: &'p str) -> Cow<'p, str> {
    todo!()
}
