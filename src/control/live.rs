//! What serves now: readers pin it, one writer publishes. The only `ArcSwap` of the house.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::model::snapshot::Snapshot;
use crate::telemetry::metrics::TableMetrics;
use crate::tls::material::Material;

/// One generation with everything that serves it; swapped as a whole.
#[derive(Debug, Clone)]
pub struct Pinned {
    pub snapshot: Snapshot,
    pub tls: Arc<Material>,
    pub metrics: Arc<TableMetrics>,
}

#[derive(Debug)]
pub struct Live {
    now: ArcSwap<Pinned>,
    /// Counts publications, so that whoever sleeps can be told.
    published: watch::Sender<u64>,
}

impl Live {
    fn new(first: Pinned) -> Self {
        Self { now: ArcSwap::from_pointee(first), published: watch::Sender::new(0) }
    }

    /// Wait-free, for anyone.
    pub fn pin(&self) -> Arc<Pinned> {
        self.now.load_full()
    }

    /// Whether `pinned` is still what serves. Cheaper than pinning once more.
    pub fn is(&self, pinned: &Arc<Pinned>) -> bool {
        Arc::ptr_eq(&self.now.load(), pinned)
    }

    /// Wakes on every publication.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }
}

/// The one that may publish. There is one per edge, and it cannot be copied.
#[derive(Debug)]
pub struct Publisher {
    live: Arc<Live>,
}

impl Publisher {
    pub fn new(first: Pinned) -> Self {
        Self { live: Arc::new(Live::new(first)) }
    }

    pub const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    pub fn publish(&mut self, next: Pinned) {
        self.live.now.store(Arc::new(next));
        self.live.published.send_modify(|count| *count += 1);
    }
}
