//! Numbers that own their range: a value of one of these types cannot be out of it.

use std::fmt;

use serde::Serialize;

/// A number outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is outside {min}..={max}")]
pub struct OutOfRange {
    pub value: i64,
    pub min: i64,
    pub max: i64,
}

macro_rules! bounded {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $min:literal ..= $max:literal, default $default:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            pub const MIN: i64 = $min;
            pub const MAX: i64 = $max;
            pub const DEFAULT: Self = Self($default);

            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = OutOfRange;
            fn try_from(value: i64) -> Result<Self, OutOfRange> {
                if (Self::MIN..=Self::MAX).contains(&value) {
                    // In range, so the cast keeps the value.
                    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                    return Ok(Self(value as $inner));
                }
                Err(OutOfRange { value, min: Self::MIN, max: Self::MAX })
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::DEFAULT
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

bounded! {
    /// Share inside the final pool (FD-D10). Default 50 (FD-A21).
    Weight(u16) = 1..=1000, default 50;
    /// Tier of an origin, lower is preferred (FD-D4).
    Priority(u8) = 1..=5, default 1;
    /// A share of traffic in percent.
    Percent(u8) = 0..=100, default 100;
    /// A TCP port.
    Port(u16) = 1..=65535, default 80;
    /// n: probe results kept per origin (A.5). 0: no origin ever becomes unhealthy (FD-A17).
    SampleSize(u8) = 0..=255, default 4;
    /// x: successes needed among the last n (A.5).
    SuccessfulSamples(u8) = 0..=255, default 3;
    /// Latency sensitivity in milliseconds (FD-D6).
    LatencySlackMs(u16) = 0..=1000, default 0;
    /// Probe interval in seconds (FD-C10).
    ProbeIntervalS(u8) = 5..=255, default 30;
    /// First-byte and gap timeout towards origins in seconds (FD-A7).
    OriginTimeoutS(u16) = 16..=240, default 60;
    /// Attempts per request, the first included (FD-D28).
    Attempts(u8) = 1..=5, default 2;
}
