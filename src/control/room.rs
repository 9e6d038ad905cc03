//! What the control room owns, and how it publishes. Everything here happens under one lock that no request takes.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::broadcast;

use super::event::Event;
use super::history::History;
use super::live::{Pinned, Publisher};
use crate::ambient;
use crate::config::EdgeSettings;
use crate::config::diagnostic::Diagnostics;
use crate::health::monitor::Monitor;
use crate::model::orders::Orders;
use crate::model::region::RegionState;
use crate::model::snapshot::{Generation, Snapshot, wills};
use crate::model::table::Table;
use crate::telemetry::metrics::Metrics;
use crate::tls::material::{Folders, Material};

#[derive(Debug)]
pub struct Room {
    pub file: String,
    pub folder: PathBuf,
    pub edge: EdgeSettings,
    pub text: Arc<str>,
    pub publisher: Publisher,
    pub monitor: Monitor,
    pub orders: Orders,
    pub history: History,
    pub metrics: Arc<Metrics>,
    pub events: broadcast::Sender<Arc<Event>>,
}

/// TLS material for a table of this edge.
pub fn material(
    file: &str,
    folder: &std::path::Path,
    edge: &EdgeSettings,
    table: &Table,
    previous: Option<&Material>,
) -> Result<Arc<Material>, Diagnostics> {
    let certificates = folder.join(&edge.certificates_folder);
    Material::prepare(file, table, Folders { table: folder, certificates: &certificates }, previous)
        .map(Arc::new)
}

impl Room {
    pub fn pinned(&self) -> Arc<Pinned> {
        self.publisher.live().pin()
    }

    pub fn generation(&self) -> Generation {
        self.pinned().snapshot.generation
    }

    pub fn tell(&self, event: Event) {
        event.log();
        // Nobody may be listening.
        let _ = self.events.send(Arc::new(event));
    }

    /// A new table under the next generation. Verdicts, latencies and orders go on.
    pub fn swap(&mut self, table: Table, tls: Arc<Material>, text: Arc<str>) -> Generation {
        let old = self.pinned();
        let generation = Generation(old.snapshot.generation.0 + 1);
        self.monitor.adopt(&table, ambient::now());
        let metrics = self.metrics.for_table(&table, Some(&old.snapshot.table));
        let health = Arc::new(self.monitor.view());
        let snapshot = Snapshot::new(generation, Arc::new(table), health, &self.orders);
        self.publisher.publish(Pinned { snapshot, tls, metrics });
        self.text = text;
        self.show();
        generation
    }

    /// The same table with the present health, orders and TLS material; nothing where nothing changed.
    pub fn refresh(&mut self, tls: Option<Arc<Material>>) {
        let old = self.pinned();
        let health = self.monitor.view();
        let regions = wills(&old.snapshot.table, &self.orders);
        let same = health == *old.snapshot.health && regions == old.snapshot.regions;
        if same && tls.is_none() {
            return;
        }
        let snapshot = Snapshot { health: Arc::new(health), regions, ..old.snapshot.clone() };
        let tls = tls.unwrap_or_else(|| old.tls.clone());
        self.publisher.publish(Pinned { snapshot, tls, metrics: old.metrics.clone() });
        self.show();
    }

    /// Tells what turned since last time.
    pub fn tell_transitions(&mut self) {
        while let Some(turned) = self.monitor.poll_transition() {
            let cause = turned.cause.as_ref().map(ToString::to_string);
            let (group, origin) = (turned.group.to_string(), turned.origin.to_string());
            self.tell(Event::Transition { group, origin, up: turned.up, cause });
        }
    }

    /// Gauges of what serves.
    pub fn show(&self) {
        let pinned = self.pinned();
        let snapshot = &pinned.snapshot;
        self.metrics.generation.set(i64::try_from(snapshot.generation.0).unwrap_or(i64::MAX));
        for id in snapshot.table.origin_ids() {
            let origin = snapshot.table.origin(id);
            let up = origin.enabled && snapshot.health.of(id).up;
            self.metrics.origin_up(
                snapshot.table.group(origin.group).name.as_str(),
                origin.name.as_str(),
                up,
            );
        }
        for (region, will) in snapshot.table.regions.iter().zip(snapshot.regions.iter()) {
            let dial = if will.state == RegionState::Active { will.dial.get() } else { 0 };
            self.metrics.region_dial(region.name.as_str(), dial);
        }
    }
}
