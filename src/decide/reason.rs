//! The one short field that says why this origin, in the access line.

/// Why an origin was picked, or why none was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The only origin of the group: health changes nothing (FD-C26).
    OnlyOrigin,
    /// The only one left after the filters.
    OnlyOneLeft,
    /// The affinity cookie named it.
    Affinity,
    /// The weighted draw.
    Weight,
    /// Nobody is healthy, everybody counts as available (FD-C22).
    AllUnhealthy,
}

impl Reason {
    /// As written in the access line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnlyOrigin => "only-origin",
            Self::OnlyOneLeft => "only-one-left",
            Self::Affinity => "affinity",
            Self::Weight => "weight",
            Self::AllUnhealthy => "all-unhealthy",
        }
    }
}
