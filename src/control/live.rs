//! What serves now: readers pin it, one writer publishes. The only `ArcSwap` of the house.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::snapshot::Snapshot;
use crate::telemetry::metrics::TableMetrics;
use crate::tls::material::Material;

/// One generation with everything that serves it; swapped as a whole.
#[derive(Debug)]
pub struct Pinned {
    pub snapshot: Snapshot,
    pub tls: Arc<Material>,
    pub metrics: Arc<TableMetrics>,
}

#[derive(Debug)]
pub struct Live(ArcSwap<Pinned>);

impl Live {
    pub fn new(first: Pinned) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// Wait-free, for anyone.
    pub fn pin(&self) -> Arc<Pinned> {
        self.0.load_full()
    }

    /// Only `control::change` calls this.
    pub(super) fn publish(&self, next: Pinned) {
        self.0.store(Arc::new(next));
    }
}
