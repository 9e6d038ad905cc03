//! What an operator has ordered at run time: it stands above the table and survives a swap, by name.

use std::collections::BTreeMap;

use super::moment::Moment;
use super::name::{GroupName, OriginName, RegionName};
use super::region::RegionWill;

/// A verdict forced for a drill, until it expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Override {
    pub up: bool,
    pub until: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orders {
    pub regions: BTreeMap<RegionName, RegionWill>,
    pub overrides: BTreeMap<(GroupName, OriginName), Override>,
}
