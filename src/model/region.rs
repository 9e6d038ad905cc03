//! Regions: the things that fail as one, and what an operator wants of them.

use serde::{Deserialize, Serialize};

use super::bounds::Percent;
use super::name::RegionName;

/// Index of a region in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionId(pub u32);

/// What an operator wants of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionState {
    /// Takes traffic as its health and settings allow.
    #[default]
    Active,
    /// No new requests; those in flight and open streams finish.
    Drained,
    /// No new requests, and those in flight and open streams are cut.
    Isolated,
}

impl RegionState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Drained => "drained",
            Self::Isolated => "isolated",
        }
    }
}

/// State and dial of a region. `dial` is the percentage it gets of the traffic that it would otherwise get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RegionWill {
    pub state: RegionState,
    pub dial: Percent,
}

/// A region as routes.toml states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    pub name: RegionName,
    pub display_name: String,
    /// What the file wants; an operator's later order stands above it.
    pub will: RegionWill,
}
