//! Session affinity: the cookie that names an origin, and when one is set (FD-D14 to FD-D26).

use subtle::ConstantTimeEq;

/// What the answer to the question "set a cookie?" needs to know (FD-D20, FD-D21).
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'r> {
    pub method: &'r str,
    pub status: u16,
    /// Every `Cache-Control` value of the response.
    pub no_store: bool,
    pub response_has_authorization: bool,
}

/// Whether the response counts as non-cacheable, so that a cookie may be set (FD-D21). `no-cache` alone does not
/// qualify, and neither does `private` (FD-D22: an ordinary 200 to a GET starts no session).
pub fn may_set(delivery: &Delivery<'_>) -> bool {
    let cacheable_method = matches!(delivery.method, "GET" | "HEAD");
    let cacheable_status = matches!(delivery.status, 200 | 203 | 206 | 300 | 301 | 410 | 416);
    delivery.no_store || delivery.response_has_authorization || !cacheable_method || !cacheable_status
}

/// Whether the value of a cookie names the origin whose cookie value this is; in constant time (FD-D17).
pub fn names(cookie: &str, origin_value: &str) -> bool {
    !origin_value.is_empty() && bool::from(cookie.as_bytes().ct_eq(origin_value.as_bytes()))
}
