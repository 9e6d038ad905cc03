//! A generation's table, the health view and the operator's orders, pinned together by a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::group::GroupId;
use super::health_view::HealthView;
use super::orders::Orders;
use super::region::{RegionId, RegionWill};
use super::table::Table;

/// Counts the swaps of one edge, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The turn of every group's weighted round robin: one counter per group and process (FD-D11).
#[derive(Debug, Default)]
pub struct Turns(Box<[AtomicU64]>);

impl Turns {
    pub fn new(groups: usize) -> Self {
        Self((0..groups).map(|_| AtomicU64::new(0)).collect())
    }

    /// The group's next turn.
    pub fn take(&self, group: GroupId) -> u64 {
        // Only the count matters, no other memory hangs on it.
        self.0.get(group.0 as usize).map_or(0, |turn| turn.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Debug, Clone)]
pub struct Snapshot {
    pub generation: Generation,
    pub table: Arc<Table>,
    pub health: Arc<HealthView>,
    /// State and dial of every region, by [`RegionId`]: the table's will with the operator's orders above it.
    pub regions: Arc<[RegionWill]>,
    pub turns: Arc<Turns>,
}

impl Snapshot {
    /// What `table` looks like under `orders` at the start of its life.
    pub fn new(generation: Generation, table: Arc<Table>, health: Arc<HealthView>, orders: &Orders) -> Self {
        let regions = wills(&table, orders);
        let turns = Arc::new(Turns::new(table.groups.len()));
        Self { generation, table, health, regions, turns }
    }

    pub fn will(&self, region: RegionId) -> RegionWill {
        self.regions.get(region.0 as usize).copied().unwrap_or_default()
    }
}

/// Every region's will: the operator's where one was given, else the table's.
pub fn wills(table: &Table, orders: &Orders) -> Arc<[RegionWill]> {
    table.regions.iter().map(|r| orders.regions.get(&r.name).copied().unwrap_or(r.will)).collect()
}
