//! Session affinity: the cookie that names an origin, and when one is set (FD-D14 to FD-D26).

/// What the answer to the question "set a cookie?" needs to know (FD-D20, FD-D21).
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'r> {
    pub method: &'r str,
    pub status: u16,
    /// Every `Cache-Control` value of the response.
    pub no_store: bool,
    pub response_has_authorization: bool,
}

/// Whether the response counts as non-cacheable, so that a cookie may be set (FD-D21).
pub fn may_set(_delivery: &Delivery<'_>) -> bool {
    todo!()
}
