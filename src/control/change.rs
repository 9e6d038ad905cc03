//! Every change of what serves, as one function each, behind one lock that the data path never takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast;

use super::event::Event;
use super::live::Live;
use crate::config::diagnostic::Diagnostics;
use crate::config::diff::Change;
use crate::health::monitor::{OriginReport, ProbeOrder, ProbeResult};
use crate::model::region::{RegionState, RegionWill};
use crate::model::snapshot::Generation;
use crate::telemetry::metrics::Metrics;

/// How a change ended. A refused change changed nothing.
#[derive(Debug, Clone)]
pub enum Outcome {
    Unchanged(Generation),
    Applied {
        generation: Generation,
        changes: Vec<Change>,
        warnings: Diagnostics,
    },
    Refused(Diagnostics),
    /// The writer started from another generation than the one that serves.
    Conflict {
        base: Generation,
        current: Generation,
    },
}

/// One generation of the past.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEntry {
    pub generation: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// `file`, `signal`, `api`, `rollback to N`, `start`.
    pub by: String,
    pub changes: Vec<Change>,
    /// Whether its text is still kept.
    pub can_roll_back: bool,
    pub current: bool,
}

/// Something that is not there, with what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {what} is called {name:?}; known: {known}")]
pub struct Unknown {
    pub what: &'static str,
    pub name: String,
    pub known: String,
}

/// The control room of one edge.
#[derive(Debug)]
pub struct Control {}

/// Where an edge starts from.
#[derive(Debug)]
pub struct Start {
    /// Name of the file in diagnostics, such as `routes.toml`.
    pub file: String,
    pub text: String,
    /// Folder that relative paths start at.
    pub folder: PathBuf,
    pub metrics: Arc<Metrics>,
}

impl Control {
    /// Checks, prepares and publishes the first generation.
    ///
    /// # Errors
    /// Every mistake of the file and of the files it names.
    pub fn start(_start: Start) -> Result<Arc<Self>, Diagnostics> {
        todo!()
    }

    pub fn live(&self) -> &Arc<Live> {
        todo!()
    }

    pub fn metrics(&self) -> &Arc<Metrics> {
        todo!()
    }

    /// The whole change. `base`: the generation that the writer started from; None: whatever serves.
    pub fn apply(&self, _text: &str, _base: Option<Generation>, _by: &str) -> Outcome {
        todo!()
    }

    /// The gate without the swap: what `apply` would answer.
    pub fn check(&self, _text: &str) -> Outcome {
        todo!()
    }

    /// Back to `to`, or to the generation before the present one, as a new generation.
    pub fn rollback(&self, _to: Option<Generation>, _by: &str) -> Result<Outcome, Unknown> {
        todo!()
    }

    /// Newest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        todo!()
    }

    /// Generation and text of what serves.
    pub fn table(&self) -> (Generation, Arc<str>) {
        todo!()
    }

    /// Orders a region's state and dial; None keeps the present value. `RegionState::Active` with dial 100 restores.
    pub fn order_region(
        &self,
        _name: &str,
        _state: Option<RegionState>,
        _dial: Option<crate::model::bounds::Percent>,
        _by: &str,
    ) -> Result<RegionWill, Unknown> {
        todo!()
    }

    /// Forces a verdict for `lasting`; None lifts it.
    pub fn force_verdict(
        &self,
        _group: &str,
        _origin: &str,
        _verdict: Option<bool>,
        _lasting: Duration,
        _by: &str,
    ) -> Result<(), Unknown> {
        todo!()
    }

    pub fn health(&self) -> Vec<OriginReport> {
        todo!()
    }

    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        todo!()
    }

    /// The certificates' files changed: prepares them anew for the present table; a broken file changes nothing.
    pub fn reload_certificates(&self) {
        todo!()
    }

    /// For the prober: every probe due now, and how long until the next.
    pub fn probes_due(&self) -> (Vec<ProbeOrder>, Duration) {
        todo!()
    }

    /// For the prober.
    pub fn probe_done(&self, _result: ProbeResult) {
        todo!()
    }
}
