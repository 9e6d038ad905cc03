//! Normalises a request path as the reading of FD-B13 says.

use std::borrow::Cow;

/// A path that climbs above its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path climbs above the root")]
pub struct ClimbsAboveRoot;

/// Decodes percent-encoded unreserved characters, then removes dot segments; `%2F` stays. Borrowed where nothing
/// changed, so that the original bytes are forwarded.
///
/// # Errors
/// [`ClimbsAboveRoot`] for a `..` that has nothing to remove.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, ClimbsAboveRoot> {
    let decoded = decode_unreserved(path);
    if !decoded.split('/').any(|segment| segment == "." || segment == "..") {
        return Ok(decoded);
    }
    let mut kept: Vec<&str> = Vec::new();
    // What is before the first slash is empty: a path starts with one.
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop().ok_or(ClimbsAboveRoot)?;
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    Ok(Cow::Owned(format!("/{}", kept.join("/"))))
}

/// RFC 3986 2.3: an escaped letter, digit, `-`, `.`, `_` or `~` means the character itself.
fn decode_unreserved(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    let mut changed = false;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let character = code.and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
        match character {
            Some(c) if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~') => {
                out.push(c);
                rest = &rest[at + 3..];
                changed = true;
            }
            _ => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    if changed { Cow::Owned(out) } else { Cow::Borrowed(path) }
}
