//! One worker: a thread with a runtime of its own, its view of what serves, its connections to origins.
//! Nothing here is shared with another worker but what [`Shared`] holds.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::line::Presences;
use super::pool::{Slot, SlotKey};
use crate::control::live::{Live, Pinned};
use crate::decide::ports::Dice;
use crate::model::group::{GroupId, OriginId};
use crate::model::name::HostName;
use crate::model::region::RegionState;
use crate::model::route::Scheme;
use crate::model::snapshot::Turns;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::Metrics;

/// What all workers of an edge share.
#[derive(Debug)]
pub struct Shared {
    pub live: Arc<Live>,
    pub metrics: Arc<Metrics>,
    pub log: AccessLog,
    /// The edge's name: `pop` in the access line.
    pub edge: String,
    /// HTTP/2 with prior knowledge on plain listeners.
    pub h2c: bool,
    /// Port of the first TLS listener: where the built-in redirect leads.
    pub https_port: Option<u16>,
    /// Connections of clients now.
    pub connections: AtomicUsize,
    /// WebSockets now.
    pub websockets: AtomicUsize,
    /// No more requests on connections that are open: the edge drains.
    pub draining: AtomicBool,
}

/// One generation as this worker uses it.
#[derive(Debug)]
pub struct View {
    pub pinned: Arc<Pinned>,
    /// By origin and scheme. Shared by all views of one table and TLS material.
    slots: Rc<[[Rc<Slot>; 2]]>,
}

impl View {
    pub fn slot(&self, origin: OriginId, scheme: Scheme) -> &Rc<Slot> {
        &self.slots[origin.0 as usize][scheme as usize]
    }

    fn build(shared: &Shared, old: Option<&Self>) -> Self {
        let pinned = shared.live.pin();
        let table = &pinned.snapshot.table;
        let same = |view: &&Self| {
            Arc::ptr_eq(&view.pinned.snapshot.table, table) && Arc::ptr_eq(&view.pinned.tls, &pinned.tls)
        };
        if let Some(view) = old.filter(same) {
            let slots = view.slots.clone();
            return Self { pinned, slots };
        }
        let mut known: HashMap<(&HostName, u16, Scheme), Vec<&Rc<Slot>>> = HashMap::new();
        for slot in old.iter().flat_map(|view| view.slots.iter().flatten()) {
            known.entry((&slot.key.host, slot.key.port, slot.key.scheme)).or_default().push(slot);
        }
        let gauge = &shared.metrics.idle_to_origins;
        let slot = |id: OriginId, scheme: Scheme| {
            let origin = table.origin(id);
            let tls = (scheme == Scheme::Https)
                .then(|| pinned.tls.origin(id).map(|tls| tls.config.clone()))
                .flatten();
            let (host, port) = (origin.host.clone(), origin.port(scheme).get());
            let there = known.get(&(&host, port, scheme)).cloned().unwrap_or_default();
            let key = SlotKey { host, port, scheme, http: origin.http, tls };
            there
                .into_iter()
                .find(|slot| slot.key == key)
                .map_or_else(|| Slot::new(key, gauge.clone()), Rc::clone)
        };
        let slots = table.origin_ids().map(|id| [slot(id, Scheme::Http), slot(id, Scheme::Https)]).collect();
        Self { pinned, slots }
    }

    /// FD-N7: what is idle to an origin that takes no traffic is closed.
    fn close_unused(&self) {
        let snapshot = &self.pinned.snapshot;
        for id in snapshot.table.origin_ids() {
            let origin = snapshot.table.origin(id);
            let active =
                origin.region.is_none_or(|region| snapshot.will(region).state == RegionState::Active);
            if !(origin.enabled && active && snapshot.health.of(id).up) {
                self.slots[id.0 as usize].iter().for_each(|slot| slot.close_idle(true));
            }
        }
    }
}

/// A worker's own state. Lives and dies on its thread.
#[derive(Debug)]
pub struct Worker {
    pub shared: Arc<Shared>,
    pub presences: Rc<Presences>,
    view: RefCell<Rc<View>>,
    random: Cell<u64>,
    reference: Cell<u64>,
    reference_seed: u64,
}

impl Worker {
    pub fn new(shared: Arc<Shared>, seed: u64) -> Self {
        let view = Rc::new(View::build(&shared, None));
        Self {
            shared,
            presences: Rc::default(),
            view: RefCell::new(view),
            random: Cell::new(seed | 1),
            reference: Cell::new(0),
            reference_seed: mixed(seed),
        }
    }

    /// What serves now. A request keeps what it got here from its arrival to its log line (law 3).
    pub fn view(&self) -> Rc<View> {
        let mut view = self.view.borrow_mut();
        if !self.shared.live.is(&view.pinned) {
            let next = View::build(&self.shared, Some(&view));
            next.close_unused();
            *view = Rc::new(next);
        }
        view.clone()
    }

    /// Takes over what was published: closes what serves no more, ends exchanges with isolated regions, forgets
    /// connections that have been idle for too long. Called on every change and every few seconds.
    pub fn tidy(&self) {
        let view = self.view();
        view.slots.iter().flatten().for_each(|slot| slot.close_idle(false));
        let snapshot = &view.pinned.snapshot;
        let isolated = |name: &crate::model::name::RegionName| {
            let id = snapshot.table.region_named(name.as_str());
            id.is_some_and(|id| snapshot.will(id).state == RegionState::Isolated)
        };
        self.presences.cut(isolated);
    }

    /// Whether any connection to an origin is kept that may grow old.
    pub fn keeps_connections(&self) -> bool {
        self.view.borrow().slots.iter().flatten().any(|slot| slot.keeps_any())
    }

    /// A pseudo-random number: good for sharing traffic, not for secrets.
    pub fn random(&self) -> u64 {
        // xorshift64*
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next tracking reference: opaque and unique (FD-E16).
    pub fn reference(&self) -> Reference {
        let count = self.reference.get().wrapping_add(1);
        self.reference.set(count);
        let mut text = [0_u8; 32];
        for (half, value) in [self.reference_seed, mixed(self.reference_seed ^ count)].into_iter().enumerate()
        {
            for (at, digit) in text[half * 16..half * 16 + 16].iter_mut().enumerate() {
                *digit = b"0123456789abcdef"[(value >> (60 - 4 * at) & 15) as usize];
            }
        }
        Reference(text)
    }
}

/// splitmix64's finaliser: one to one, so that different counts stay different.
const fn mixed(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The text of `X-Azure-Ref`.
#[derive(Debug, Clone, Copy)]
pub struct Reference([u8; 32]);

impl Reference {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The data path's chance: this worker's numbers, the edge's turns.
pub struct WorkerDice<'w> {
    pub worker: &'w Worker,
    pub turns: &'w Turns,
}

impl Dice for WorkerDice<'_> {
    fn turn(&mut self, group: GroupId) -> u64 {
        self.turns.take(group)
    }

    fn roll(&mut self, of: u32) -> u32 {
        // The high half times the range: even enough for any range far below 2^32.
        let product = (self.worker.random() >> 32) * u64::from(of.max(1));
        u32::try_from(product >> 32).unwrap_or(0)
    }
}
