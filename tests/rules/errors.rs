//! Section L.1 as a table: every failure, its status in both generations of codes, and its one word.

use tidegate::model::settings::{ErrorCodes, Settings};
use tidegate::proxy::fail::{Failure, Retry, idempotent, page};

use Failure as F;

/// The rows of L.1, by their ids.
fn rows() -> Vec<(&'static str, Failure, u16, u16, &'static str)> {
    vec![
        ("FD-L1", F::Malformed("x"), 400, 400, "InvalidRequest"),
        ("FD-L2", F::NoRoute, 404, 400, "InvalidRequest"),
        ("FD-L3", F::LengthRequired, 411, 411, "InvalidRequest"),
        ("FD-L4", F::SniMismatch, 421, 421, "SSLMismatchedSNI"),
        ("FD-L7", F::OriginTimeout, 504, 503, "OriginTimeout"),
        ("FD-L8", F::OriginTls("SSLInvalidRootCA"), 502, 503, "SSLInvalidRootCA"),
        ("FD-L9", F::NoOrigin, 503, 503, "OriginError"),
        ("FD-L10", F::Refused, 502, 503, "OriginConnectionRefused"),
        ("FD-L10", F::Unreachable, 502, 503, "OriginConnectionError"),
        ("FD-L11", F::Aborted, 502, 503, "OriginConnectionAborted"),
        ("FD-L12", F::Dns("DNSNameNotResolved"), 502, 503, "DNSNameNotResolved"),
        ("FD-L13", F::InvalidResponse, 502, 503, "OriginInvalidResponse"),
        ("FD-L15", F::ResponseHeaderTooBig, 502, 503, "ResponseHeaderTooBig"),
        ("FD-L17", F::ClientGone, 499, 499, "ClientDisconnected"),
        ("FD-L18", F::TargetTooLong, 414, 400, "InvalidRequest"),
        ("FD-L18", F::HeadersTooLarge, 431, 400, "InvalidRequest"),
        ("FD-L18", F::BodyTooLarge, 413, 400, "InvalidRequest"),
        ("FD-L19", F::Connect, 405, 400, "InvalidRequest"),
        ("FD-L20", F::Internal, 500, 503, "UnspecifiedError"),
    ]
}

/// Every row of L.1; FD-L21: the words are those of L.2. FD-L22: L7 to L15 have an external error of the form
/// `0x<hex>, <text>`, L20 an internal one, the others neither.
#[test]
fn the_table_of_l1() {
    let settings = |error_codes| Settings { error_codes, ..Settings::default() };
    for (rule, failure, current, legacy, word) in rows() {
        assert_eq!(failure.status(&settings(ErrorCodes::Current)), current, "{rule} {failure:?}");
        assert_eq!(failure.status(&settings(ErrorCodes::Legacy)), legacy, "{rule} {failure:?}");
        assert_eq!(failure.error_info(), word, "{rule}");
        let number: u8 = rule.trim_start_matches("FD-L").parse().expect("a number");
        let external = failure.external_error();
        assert_eq!(external.is_some(), (7..=15).contains(&number), "{rule}");
        if let Some(text) = external {
            let (hex, said) = text.split_once(", ").expect("two parts");
            assert!(
                hex.strip_prefix("0x").is_some_and(|h| h.len() == 8 && u32::from_str_radix(h, 16).is_ok()),
                "{text}"
            );
            assert_eq!(said, word);
        }
        assert_eq!(failure.internal_error().is_some(), number == 20, "{rule}");
    }
}

/// FD-J1, FD-E44: only an origin that timed out is logged as 0.
#[test]
fn logged_statuses() {
    for (_, failure, current, _, _) in rows() {
        let want = if failure == F::OriginTimeout { 0 } else { current };
        assert_eq!(failure.logged_status(&Settings::default()), want);
    }
}

/// FD-D28 c, d, FD-D29: what may be tried again.
#[test]
fn retries() {
    for (_, failure, ..) in rows() {
        let want = match failure {
            F::Refused | F::Unreachable | F::OriginTls(_) | F::Dns(_) => Retry::Always,
            F::Aborted => Retry::IfIdempotent,
            _ => Retry::Never,
        };
        assert_eq!(failure.retry(), want, "{failure:?}");
    }
    let harmless = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "PROPFIND", "get"] {
        let parsed = http::Method::from_bytes(method.as_bytes()).expect("a method");
        assert_eq!(idempotent(&parsed), harmless.contains(&method), "{method}");
    }
}

/// FD-E23: a short HTML body with the status, the reason and the reference.
#[test]
fn pages_are_short_and_name_the_reference() {
    let text = page(404, F::NoRoute.detail(), "abc123");
    for part in ["404 Not Found", "no route serves", "Reference: abc123"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.len() < 400);
}
