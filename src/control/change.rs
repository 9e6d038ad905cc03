//! Every change of what serves, as one function each, behind one lock that the data path never takes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};

use super::event::Event;
use super::gate::prepare;
use super::history::{History, HistoryEntry, Kept};
use super::live::{Live, Pinned, Publisher};
use super::room::{Room, material};
use crate::ambient;
use crate::config::diagnostic::Diagnostics;
use crate::config::diff::Change;
use crate::config::{self, Checked, EdgeSettings};
use crate::health::monitor::{Monitor, OriginReport, ProbeOrder, ProbeResult};
use crate::model::bounds::Percent;
use crate::model::limits::{EVENT_QUEUE, PROBES_IN_FLIGHT};
use crate::model::moment::Moment;
use crate::model::orders::{Orders, Override};
use crate::model::region::{RegionState, RegionWill};
use crate::model::snapshot::{Generation, Snapshot};
use crate::telemetry::access_log::record::rfc3339;
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

/// Something that is not there, with what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {what} is called {name:?}; known: {known}")]
pub struct Unknown {
    pub what: &'static str,
    pub name: String,
    pub known: String,
}

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

/// The control room of one edge.
#[derive(Debug)]
pub struct Control {
    room: Mutex<Room>,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    file: String,
    folder: PathBuf,
    edge: EdgeSettings,
    events: broadcast::Sender<Arc<Event>>,
    probes: Notify,
}

impl Control {
    /// Checks, prepares and publishes the first generation.
    ///
    /// # Errors
    /// Every mistake of the file and of the files it names.
    pub fn start(start: Start) -> Result<Arc<Self>, Diagnostics> {
        let Start { file, text, folder, metrics } = start;
        let checked = config::read(&file, &text)?;
        let tls = material(&file, &folder, &checked.edge, &checked.table, None)?;
        let mut history = History::open(checked.edge.history_file.as_ref().map(|path| folder.join(path)));
        let text: Arc<str> = text.into();
        let generation =
            Generation(history.last().map_or(1, |last| last.generation + u64::from(*last.text != *text)));
        let mut monitor = Monitor::new(ambient::seed());
        monitor.adopt(&checked.table, ambient::now());
        let table_metrics = metrics.for_table(&checked.table, None);
        let health = Arc::new(monitor.view());
        let table = Arc::new(checked.table);
        let snapshot = Snapshot::new(generation, table, health, &Orders::default());
        let publisher = Publisher::new(Pinned { snapshot, tls, metrics: table_metrics });
        if history.last().is_none_or(|last| last.generation < generation.0) {
            history.add(kept(generation, "start", Vec::new(), text.clone()));
        }
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let live = publisher.live().clone();
        let room = Room {
            file: file.clone(),
            folder: folder.clone(),
            edge: checked.edge.clone(),
            text,
            publisher,
            monitor,
            orders: Orders::default(),
            history,
            metrics: metrics.clone(),
            events: events.clone(),
        };
        room.show();
        let (edge, probes) = (checked.edge, Notify::new());
        Ok(Arc::new(Self { room: Mutex::new(room), live, metrics, file, folder, edge, events, probes }))
    }

    /// A panic under the lock would have left whole values behind: every change publishes last.
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub const fn live(&self) -> &Arc<Live> {
        &self.live
    }

    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub const fn edge(&self) -> &EdgeSettings {
        &self.edge
    }

    /// Where relative paths of the table start.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The whole change. `base`: the generation that the writer started from; None: whatever serves.
    pub fn apply(&self, text: &str, base: Option<Generation>, by: &str) -> Outcome {
        let started = ambient::now();
        // Reading takes as long as the text is long: it happens before anybody has to wait for it.
        let read = config::read(&self.file, text);
        let mut room = self.room();
        let outcome = attempt(&mut room, text, read, base, by);
        let word = match &outcome {
            Outcome::Applied { generation, changes, .. } => {
                room.tell(Event::Swap {
                    generation: generation.0,
                    by: by.to_owned(),
                    changes: changes.len(),
                });
                "applied"
            }
            Outcome::Unchanged(_) => "unchanged",
            Outcome::Refused(diagnostics) => {
                let errors = diagnostics.0.len();
                let first = diagnostics.0.first().map_or(String::new(), |d| d.message.clone());
                room.tell(Event::Refusal { by: by.to_owned(), errors, first });
                "refused"
            }
            Outcome::Conflict { base, current } => {
                room.tell(Event::Conflict { by: by.to_owned(), base: base.0, current: current.0 });
                "conflict"
            }
        };
        self.metrics.changed(word);
        room.tell_transitions();
        drop(room);
        if word == "applied" {
            self.metrics.swap_duration.observe((ambient::now() - started).as_secs_f64());
            self.probes.notify_one();
        }
        outcome
    }

    /// The gate without the swap: what `apply` would answer.
    pub fn check(&self, text: &str) -> Outcome {
        let read = config::read(&self.file, text);
        let room = self.room();
        match read.and_then(|checked| prepare(&room, checked)) {
            Err(diagnostics) => Outcome::Refused(diagnostics),
            Ok(ready) if ready.same => Outcome::Unchanged(room.generation()),
            Ok(ready) => Outcome::Applied {
                generation: room.generation(),
                changes: ready.changes,
                warnings: ready.warnings,
            },
        }
    }

    /// Back to `to`, or to the generation before the present one, as a new generation.
    ///
    /// # Errors
    /// That generation is not kept.
    pub fn rollback(&self, to: Option<Generation>, by: &str) -> Result<Outcome, Unknown> {
        let (found, known) = {
            let room = self.room();
            (room.history.text(to, room.generation()), room.history.known())
        };
        let name = to.map_or_else(|| String::from("the one before"), |g| g.to_string());
        let (generation, text) = found.ok_or(Unknown { what: "generation", name, known })?;
        Ok(self.apply(&text, None, &format!("{by}: rollback to {generation}")))
    }

    /// Newest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        let room = self.room();
        room.history.list(room.generation())
    }

    /// Generation and text of what serves.
    pub fn table(&self) -> (Generation, Arc<str>) {
        let room = self.room();
        (room.generation(), room.text.clone())
    }

    /// Orders a region's state and dial; None keeps the present value.
    ///
    /// # Errors
    /// No such region.
    pub fn order_region(
        &self,
        name: &str,
        state: Option<RegionState>,
        dial: Option<Percent>,
        by: &str,
    ) -> Result<RegionWill, Unknown> {
        let mut room = self.room();
        let pinned = room.pinned();
        let table = &pinned.snapshot.table;
        let known = || table.regions.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ");
        let id = table.region_named(name).ok_or_else(|| Unknown {
            what: "region",
            name: name.to_owned(),
            known: known(),
        })?;
        let now = pinned.snapshot.will(id);
        let will = RegionWill { state: state.unwrap_or(now.state), dial: dial.unwrap_or(now.dial) };
        room.orders.regions.insert(table.region(id).name.clone(), will);
        room.refresh(None);
        let (state, dial) = (will.state.as_str(), will.dial.get());
        room.tell(Event::Region { region: name.to_owned(), state, dial, by: by.to_owned() });
        Ok(will)
    }

    /// Forces a verdict for `lasting`; None lifts it.
    ///
    /// # Errors
    /// No such group or origin.
    pub fn force_verdict(
        &self,
        group: &str,
        origin: &str,
        verdict: Option<bool>,
        lasting: Duration,
        by: &str,
    ) -> Result<(), Unknown> {
        let mut room = self.room();
        let pinned = room.pinned();
        let table = &pinned.snapshot.table;
        let groups = || table.groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>().join(", ");
        let unknown = |what, name: &str, known| Unknown { what, name: name.to_owned(), known };
        let group_id = table.group_named(group).ok_or_else(|| unknown("origin group", group, groups()))?;
        let names = || {
            table
                .group(group_id)
                .origin_ids()
                .map(|o| table.origin(o).name.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let id = table.origin_named(group_id, origin).ok_or_else(|| unknown("origin", origin, names()))?;
        let key = (table.group(group_id).name.clone(), table.origin(id).name.clone());
        match verdict {
            Some(up) => room.orders.overrides.insert(key, Override { up, until: ambient::now() + lasting }),
            None => room.orders.overrides.remove(&key),
        };
        let orders = room.orders.clone();
        room.monitor.order(&orders, ambient::now());
        room.refresh(None);
        let verdict = verdict.map(|up| if up { "up" } else { "down" });
        room.tell(Event::Override {
            group: group.to_owned(),
            origin: origin.to_owned(),
            verdict,
            by: by.to_owned(),
        });
        room.tell_transitions();
        self.probes.notify_one();
        Ok(())
    }

    pub fn health(&self) -> Vec<OriginReport> {
        self.room().monitor.report(ambient::now())
    }

    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    pub fn tell(&self, event: Event) {
        self.room().tell(event);
    }

    /// The certificates' files changed: prepares them anew for the present table; a broken file changes nothing.
    pub fn reload_certificates(&self) {
        let mut room = self.room();
        let pinned = room.pinned();
        match material(&room.file, &room.folder, &room.edge, &pinned.snapshot.table, Some(&pinned.tls)) {
            Ok(tls) => {
                let files = tls.watched().len();
                room.refresh(Some(tls));
                room.tell(Event::Certificates { files });
            }
            Err(diagnostics) => {
                let message = diagnostics.0.iter().map(|d| d.message.as_str()).collect::<Vec<_>>().join("; ");
                room.tell(Event::CertificatesRefused { message });
            }
        }
    }

    /// For the prober: every probe due now, and when to ask again.
    pub fn probes_due(&self) -> (Vec<ProbeOrder>, Option<Moment>) {
        let mut room = self.room();
        let now = ambient::now();
        room.monitor.expire(now);
        room.orders.overrides.retain(|_, order| order.until > now);
        let due = std::iter::from_fn(|| room.monitor.poll_probe(now)).take(PROBES_IN_FLIGHT).collect();
        room.refresh(None);
        room.tell_transitions();
        (due, room.monitor.next_due())
    }

    /// Wakes the prober before its time: the table or an order changed.
    pub async fn probes_changed(&self) {
        self.probes.notified().await;
    }

    /// FD-C29: how much slower probes come while no client does.
    pub fn set_idle(&self, idle: bool) {
        let mut room = self.room();
        let factor = room.pinned().snapshot.table.settings.probe_idle_slowdown;
        room.monitor.set_idle_factor(if idle { factor } else { 1 });
    }

    /// For the prober.
    pub fn probe_done(&self, result: ProbeResult) {
        let mut room = self.room();
        let ok = result.outcome.is_ok();
        for (group, origin) in room.monitor.watchers(&result.target) {
            self.metrics.probed(group.as_str(), origin.as_str(), ok);
        }
        room.monitor.handle_result(result, ambient::now());
        room.refresh(None);
        room.tell_transitions();
    }
}

fn attempt(
    room: &mut Room,
    text: &str,
    read: Result<Checked, Diagnostics>,
    base: Option<Generation>,
    by: &str,
) -> Outcome {
    let current = room.generation();
    if let Some(base) = base.filter(|base| *base != current) {
        return Outcome::Conflict { base, current };
    }
    let ready = match read.and_then(|checked| prepare(room, checked)) {
        Ok(ready) => ready,
        Err(diagnostics) => return Outcome::Refused(diagnostics),
    };
    let text: Arc<str> = text.into();
    if ready.same {
        // Comments may have changed: the text is what the next reader gets.
        room.text = text;
        return Outcome::Unchanged(current);
    }
    let generation = room.swap(ready.table, ready.tls, text.clone());
    room.history.add(kept(generation, by, ready.changes.clone(), text));
    Outcome::Applied { generation, changes: ready.changes, warnings: ready.warnings }
}

fn kept(generation: Generation, by: &str, changes: Vec<Change>, text: Arc<str>) -> Kept {
    Kept { generation: generation.0, at: rfc3339(ambient::wall()), by: by.to_owned(), changes, text }
}
