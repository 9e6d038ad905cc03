//! The state machine over all probed addresses: keeps history across table changes, by what is probed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

pub use super::probe::{ProbeFailure, ProbeOrder, ProbeResult, ProbeTarget};
use super::window::Window;
use crate::model::group::{LoadBalancing, OriginId};
use crate::model::health_view::{HealthView, OriginHealth};
use crate::model::moment::Moment;
use crate::model::name::{GroupName, OriginName};
use crate::model::orders::{Orders, Override};
use crate::model::table::Table;

/// A verdict that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub group: GroupName,
    pub origin: OriginName,
    pub up: bool,
    /// The failure that tipped it, where it went down.
    pub cause: Option<ProbeFailure>,
    pub at: Moment,
}

/// What `/v1/health` shows of one origin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OriginReport {
    pub group: String,
    pub origin: String,
    pub region: Option<String>,
    pub enabled: bool,
    /// `up` or `down`: what decisions use.
    pub verdict: &'static str,
    /// `probe`, `override`, `no_probe` or `disabled`: where the verdict comes from.
    pub source: &'static str,
    /// Oldest first: `S` success, `F` failure, `-` not yet.
    pub window: String,
    pub successes_required: u8,
    pub latency_ms: Option<u32>,
    pub last_failure: Option<String>,
    /// Seconds since the last result.
    pub last_result_s_ago: Option<f64>,
    /// Seconds until the next probe.
    pub next_probe_in_s: Option<f64>,
    /// Seconds since the verdict last changed.
    pub since_s: f64,
    pub probes_ok: u64,
    pub probes_failed: u64,
    /// Priority, weight as in the table, for whoever reads the report.
    pub priority: u8,
    pub weight: u16,
}

/// One probe stream.
#[derive(Debug, Clone)]
struct Stream {
    window: Window,
    interval: Duration,
    timeout: Duration,
    due: Moment,
    origin: OriginId,
    last_failure: Option<ProbeFailure>,
    last_result: Option<Moment>,
    ok: u64,
    failed: u64,
}

/// One origin that is watched.
#[derive(Debug, Clone)]
struct Watched {
    group: GroupName,
    origin: OriginName,
    region: Option<String>,
    enabled: bool,
    /// None: probes off, or the group is not probed.
    target: Option<ProbeTarget>,
    load_balancing: LoadBalancing,
    /// What the probes say.
    up: bool,
    /// What decisions were told last.
    told: bool,
    since: Moment,
    priority: u8,
    weight: u16,
}

/// All windows and schedules of one edge.
#[derive(Debug)]
pub struct Monitor {
    seed: u64,
    fresh: bool,
    idle_factor: u32,
    missing_succeed: bool,
    streams: BTreeMap<ProbeTarget, Stream>,
    watched: Vec<Watched>,
    overrides: BTreeMap<(GroupName, OriginName), Override>,
    told: VecDeque<Transition>,
}

/// Transitions that nobody has fetched yet; more than origins can turn between two looks.
const TOLD_MAX: usize = 4096;

impl Monitor {
    /// `seed` spreads the first probes over their interval.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            fresh: true,
            idle_factor: 1,
            missing_succeed: true,
            streams: BTreeMap::new(),
            watched: Vec::new(),
            overrides: BTreeMap::new(),
            told: VecDeque::new(),
        }
    }

    /// Takes a table: what is still probed keeps its history (FD-C21), the rest is forgotten, what is new is
    /// scheduled. An edge's very first probes come within a second, so that it learns quickly; later ones are
    /// spread over one interval.
    pub fn adopt(&mut self, table: &Table, now: Moment) {
        self.missing_succeed = table.settings.missing_samples_succeed;
        let mut streams: BTreeMap<ProbeTarget, Stream> = BTreeMap::new();
        let mut watched = Vec::with_capacity(table.origins.len());
        let known: BTreeMap<_, _> = self.watched.iter().map(|w| ((&w.group, &w.origin), w)).collect();
        for id in table.origin_ids() {
            let (group, origin) = (&table.group(table.origin(id).group).name, &table.origin(id).name);
            let one = watch(table, id, known.get(&(group, origin)).copied(), now);
            if let (Some(target), Some(probe)) = (&one.target, &table.group(table.origin(id).group).probe) {
                let interval = Duration::from_secs(probe.interval.get().into());
                match streams.get_mut(target) {
                    // FD-C11: one stream at the smallest interval feeds all.
                    Some(stream) => {
                        stream.interval = stream.interval.min(interval);
                        stream.timeout = stream.timeout.min(probe.timeout);
                    }
                    None => {
                        let stream = self.stream(target, id, interval, probe.timeout, now);
                        streams.insert(target.clone(), stream);
                    }
                }
            }
            watched.push(one);
        }
        for stream in streams.values_mut() {
            // A shorter interval acts at once.
            stream.due = stream.due.min(now + stream.interval);
        }
        self.streams = streams;
        self.watched = watched;
        self.fresh = false;
        self.judge(now, None);
    }

    fn stream(
        &self,
        target: &ProbeTarget,
        origin: OriginId,
        interval: Duration,
        timeout: Duration,
        now: Moment,
    ) -> Stream {
        if let Some(old) = self.streams.get(target) {
            return Stream { interval, timeout, origin, ..old.clone() };
        }
        let spread = if self.fresh { interval.min(Duration::from_secs(1)) } else { interval };
        Stream {
            window: Window::default(),
            interval,
            timeout,
            due: now + spread.mul_f64(self.phase(target)),
            origin,
            last_failure: None,
            last_result: None,
            ok: 0,
            failed: 0,
        }
    }

    /// A place in the interval, from 0 to 1, that is another for every target and seed.
    fn phase(&self, target: &ProbeTarget) -> f64 {
        // FNV-1a: the same on every machine and in every run.
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ self.seed;
        for byte in format!("{}:{}{}", target.host, target.port, target.path).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        f64::from(u32::try_from(hash >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    /// FD-C29: an edge without client traffic probes `factor` times slower; 1 is the configured pace.
    pub fn set_idle_factor(&mut self, factor: u8) {
        self.idle_factor = u32::from(factor.max(1));
    }

    /// The operator's forced verdicts.
    pub fn order(&mut self, orders: &Orders, now: Moment) {
        self.overrides.clone_from(&orders.overrides);
        self.judge(now, None);
    }

    /// The next probe that is due, if any; asking again gives the next one. The one after it keeps the schedule,
    /// whatever becomes of this one (FD-C14).
    pub fn poll_probe(&mut self, now: Moment) -> Option<ProbeOrder> {
        let (target, stream) = self.streams.iter_mut().find(|(_, stream)| stream.due <= now)?;
        let pace = stream.interval * self.idle_factor;
        // After a long pause of the process the missed probes are not made up for.
        while stream.due <= now {
            stream.due = stream.due + pace;
        }
        Some(ProbeOrder { target: target.clone(), timeout: stream.timeout, origin: stream.origin })
    }

    /// When `poll_probe` has something again, or a forced verdict expires.
    pub fn next_due(&self) -> Option<Moment> {
        let probes = self.streams.values().map(|stream| stream.due);
        probes.chain(self.overrides.values().map(|o| o.until)).min()
    }

    /// Results of targets that have left the table meanwhile are ignored.
    pub fn handle_result(&mut self, result: ProbeResult, now: Moment) {
        let Some(stream) = self.streams.get_mut(&result.target) else { return };
        stream.last_result = Some(now);
        match result.outcome {
            Ok(latency) => {
                stream.window.push(Some(latency));
                stream.ok += 1;
                stream.last_failure = None;
            }
            Err(failure) => {
                stream.window.push(None);
                stream.failed += 1;
                stream.last_failure = Some(failure);
            }
        }
        self.judge(now, Some(&result.target));
    }

    /// Forced verdicts that are over are dropped.
    pub fn expire(&mut self, now: Moment) {
        let before = self.overrides.len();
        self.overrides.retain(|_, order| order.until > now);
        if self.overrides.len() != before {
            self.judge(now, None);
        }
    }

    /// Evaluates every origin (of one target), and tells what turned.
    fn judge(&mut self, now: Moment, only: Option<&ProbeTarget>) {
        for one in &mut self.watched {
            if only.is_some() && one.target.as_ref() != only {
                continue;
            }
            let stream = one.target.as_ref().and_then(|target| self.streams.get(target));
            one.up = stream.is_none_or(|s| s.window.healthy(one.load_balancing, self.missing_succeed));
            let forced =
                self.overrides.get(&(one.group.clone(), one.origin.clone())).filter(|o| o.until > now);
            let verdict = forced.map_or(one.up, |o| o.up);
            if verdict == one.told {
                continue;
            }
            one.told = verdict;
            one.since = now;
            let cause = stream.filter(|_| !verdict && forced.is_none()).and_then(|s| s.last_failure.clone());
            if self.told.len() == TOLD_MAX {
                self.told.pop_front();
            }
            let (group, origin) = (one.group.clone(), one.origin.clone());
            self.told.push_back(Transition { group, origin, up: verdict, cause, at: now });
        }
    }

    /// The origins that a target's results are for.
    pub fn watchers(&self, target: &ProbeTarget) -> Vec<(GroupName, OriginName)> {
        let mine = self.watched.iter().filter(|one| one.target.as_ref() == Some(target));
        mine.map(|one| (one.group.clone(), one.origin.clone())).collect()
    }

    pub fn poll_transition(&mut self) -> Option<Transition> {
        self.told.pop_front()
    }

    /// What decisions use now, by the ids of the adopted table.
    pub fn view(&self) -> HealthView {
        let health = |one: &Watched| {
            let stream = one.target.as_ref().and_then(|target| self.streams.get(target));
            let n = one.load_balancing.sample_size.get();
            OriginHealth { up: one.told, latency_ms: stream.and_then(|s| s.window.latency_ms(n)) }
        };
        HealthView { origins: self.watched.iter().map(health).collect() }
    }

    pub fn report(&self, now: Moment) -> Vec<OriginReport> {
        self.watched.iter().map(|one| self.report_one(one, now)).collect()
    }

    fn report_one(&self, one: &Watched, now: Moment) -> OriginReport {
        let stream = one.target.as_ref().and_then(|target| self.streams.get(target));
        let forced = self.overrides.contains_key(&(one.group.clone(), one.origin.clone()));
        let n = one.load_balancing.sample_size.get();
        let source = match (forced, one.enabled, stream) {
            (true, ..) => "override",
            (_, false, _) => "disabled",
            (.., None) => "no_probe",
            _ => "probe",
        };
        OriginReport {
            group: one.group.to_string(),
            origin: one.origin.to_string(),
            region: one.region.clone(),
            enabled: one.enabled,
            verdict: if one.told { "up" } else { "down" },
            source,
            window: stream.map_or(String::new(), |s| s.window.letters(n)),
            successes_required: one.load_balancing.successful_samples_required.get(),
            latency_ms: stream.and_then(|s| s.window.latency_ms(n)),
            last_failure: stream.and_then(|s| s.last_failure.as_ref()).map(ToString::to_string),
            last_result_s_ago: stream.and_then(|s| s.last_result).map(|at| (now - at).as_secs_f64()),
            next_probe_in_s: stream.map(|s| s.due.since(now).as_secs_f64()),
            since_s: (now - one.since).as_secs_f64(),
            probes_ok: stream.map_or(0, |s| s.ok),
            probes_failed: stream.map_or(0, |s| s.failed),
            priority: one.priority,
            weight: one.weight,
        }
    }
}

/// An origin of a table as it is watched from now on; `old`: as it was watched so far.
fn watch(table: &Table, id: OriginId, old: Option<&Watched>, now: Moment) -> Watched {
    let origin = table.origin(id);
    let group = table.group(origin.group);
    let probed = group.attached || table.settings.probe_unattached_groups;
    let target = group.probe.as_ref().filter(|_| probed && origin.enabled).map(|probe| ProbeTarget {
        host: origin.host.clone(),
        port: origin.port(probe.protocol).get(),
        scheme: probe.protocol,
        path: probe.path.clone(),
        method: probe.method,
        host_header: origin.host_header.clone().unwrap_or_else(|| origin.host.to_string()),
    });
    Watched {
        group: group.name.clone(),
        origin: origin.name.clone(),
        region: origin.region.map(|r| table.region(r).name.to_string()),
        enabled: origin.enabled,
        target,
        load_balancing: group.load_balancing,
        up: true,
        told: old.is_none_or(|w| w.told),
        since: old.map_or(now, |w| w.since),
        priority: origin.priority.get(),
        weight: origin.weight.get(),
    }
}
