//! Normalises a request path as the reading of FD-B13 says.

use std::borrow::Cow;

/// A path that climbs above its root, or is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path climbs above the root")]
pub struct ClimbsAboveRoot;

/// Decodes percent-encoded unreserved characters and removes dot segments; borrowed where nothing changed.
pub fn normalise(_path: &str) -> Result<Cow<'_, str>, ClimbsAboveRoot> {
    todo!()
}
