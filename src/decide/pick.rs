//! The origin of a request: availability, priority, latency, affinity, weight (FD-D1).

use super::affinity;
use super::ports::{Dice, Skipped, Why, Witness};
use super::reason::Reason;
use super::turn::Rotation;
use crate::model::group::{GroupId, Origin, OriginId};
use crate::model::region::{RegionId, RegionState};
use crate::model::settings::AllUnhealthy;
use crate::model::snapshot::Snapshot;

/// Origins tried already in one request; at most five (the range of `retry.max_attempts`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    ids: [Option<OriginId>; 5],
}

impl Tried {
    /// Remembers one more; a sixth is forgotten.
    pub fn add(&mut self, id: OriginId) {
        if let Some(free) = self.ids.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(id);
        }
    }

    pub fn contains(&self, id: OriginId) -> bool {
        self.ids.contains(&Some(id))
    }
}

/// The chosen origin and the short reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    pub origin: OriginId,
    pub reason: Reason,
    /// The affinity cookie named this origin, so none has to be set (FD-D20).
    pub session_kept: bool,
}

/// The origins that are still in question: one bit each, in the order of the file.
#[derive(Debug, Clone, Copy)]
struct Field<'t> {
    origins: &'t [Origin],
    first: u32,
    bits: [u64; WORDS],
}

/// Room for the highest number of origins that a group may be allowed to have.
pub const ORIGINS_MAX: usize = 512;
const WORDS: usize = ORIGINS_MAX / 64;

impl<'t> Field<'t> {
    fn of(snapshot: &'t Snapshot, group: GroupId) -> Self {
        let (from, to) = snapshot.table.group(group).origins;
        let to = to.min(from + ORIGINS_MAX as u32);
        let mut field = Self {
            origins: &snapshot.table.origins[from as usize..to as usize],
            first: from,
            bits: [0; WORDS],
        };
        for at in 0..field.origins.len() {
            field.bits[at / 64] |= 1 << (at % 64);
        }
        field
    }

    fn id(&self, at: usize) -> OriginId {
        OriginId(self.first + u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn places(self) -> impl Iterator<Item = usize> + Clone {
        let bits = self.bits;
        bits.into_iter().enumerate().flat_map(|(word, mut left)| {
            std::iter::from_fn(move || {
                let at = (left != 0).then(|| word * 64 + left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at)
            })
        })
    }

    fn len(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }

    fn only(&self) -> Option<usize> {
        if self.len() == 1 { self.places().next() } else { None }
    }

    /// Keeps the origins for which `why` has nothing to say.
    fn keep(&mut self, witness: &mut impl Witness, why: impl Fn(OriginId, &Origin) -> Option<Why>) {
        for at in self.places() {
            if let Some(why) = why(self.id(at), &self.origins[at]) {
                self.bits[at / 64] &= !(1 << (at % 64));
                witness.left(self.id(at), why);
            }
        }
    }

    /// Whether any origin passes.
    fn any(&self, passes: impl Fn(OriginId, &Origin) -> bool) -> bool {
        self.places().any(|at| passes(self.id(at), &self.origins[at]))
    }
}

/// Picks an origin of `group`, or None where nobody is left (FD-L9). No allocation.
pub fn pick_origin(
    snapshot: &Snapshot,
    group: GroupId,
    affinity: [Option<&str>; 2],
    tried: &Tried,
    dice: &mut dyn Dice,
    witness: &mut impl Witness,
) -> Option<Pick> {
    let mut field = Field::of(snapshot, group);
    let alone = field.origins.len() == 1;
    witness.field(group, &mut field.places().map(|at| field.id(at)));
    field.keep(witness, |_, origin| (!origin.enabled).then_some(Why::Disabled));
    field.keep(witness, |_, origin| stopped(snapshot, origin));
    // FD-D28 a: who failed is no candidate, and the order of FD-D1 is run again among the others.
    field.keep(witness, |id, _| tried.contains(id).then_some(Why::AlreadyTried));
    dial(snapshot, &mut field, dice, witness);
    let blind = health(snapshot, group, alone, &mut field, witness);
    let settings = &snapshot.table.settings;
    let around = blind && settings.all_unhealthy == AllUnhealthy::RoundRobinAll;
    if !around {
        tier(&mut field, witness);
        if !blind {
            latency(snapshot, group, &mut field, witness);
        }
    }
    let reason = if blind { Reason::AllUnhealthy } else { Reason::OnlyOneLeft };
    if let Some(at) = session(&field, affinity, witness) {
        let reason = if blind { reason } else { Reason::Affinity };
        return Some(Pick { origin: field.id(at), reason, session_kept: true });
    }
    if let Some(at) = field.only() {
        let reason = if alone { Reason::OnlyOrigin } else { reason };
        return Some(Pick { origin: field.id(at), reason, session_kept: false });
    }
    let at = draw(&field, group, around, dice, witness)?;
    let reason = if blind { reason } else { Reason::Weight };
    Some(Pick { origin: field.id(at), reason, session_kept: false })
}

/// The operator's will: a drained or isolated region takes no new request, whoever else is left.
fn stopped(snapshot: &Snapshot, origin: &Origin) -> Option<Why> {
    let region = origin.region?;
    match snapshot.will(region).state {
        RegionState::Active => None,
        RegionState::Drained => Some(Why::Drained(region)),
        RegionState::Isolated => Some(Why::Isolated(region)),
    }
}

/// Regions that are dialled down leave by lot, once per region and request, unless nobody healthy were left.
fn dial(snapshot: &Snapshot, field: &mut Field<'_>, dice: &mut dyn Dice, witness: &mut impl Witness) {
    for (at, will) in snapshot.regions.iter().enumerate().filter(|(_, will)| will.dial.get() < 100) {
        let region = RegionId(u32::try_from(at).unwrap_or(u32::MAX));
        let here = |origin: &Origin| origin.region == Some(region);
        if !field.any(|_, origin| here(origin)) {
            continue;
        }
        let (roll, dial) = (dice.roll(100), will.dial.get());
        if roll < dial.into() {
            continue;
        }
        if field.any(|id, origin| !here(origin) && snapshot.health.of(id).up) {
            field.keep(witness, |_, origin| here(origin).then_some(Why::Dialled { region, dial, roll }));
        } else {
            witness.skipped(Skipped::Dial);
        }
    }
}

/// Keeps the healthy (FD-D1 step 1). True: nobody is, and everybody stays (FD-C22).
fn health(
    snapshot: &Snapshot,
    group: GroupId,
    alone: bool,
    field: &mut Field<'_>,
    witness: &mut impl Witness,
) -> bool {
    // FD-C25: without probes there is nothing to know. FD-C26: with a single origin health changes nothing.
    if alone || snapshot.table.group(group).probe.is_none() && !field.any(|id, _| !snapshot.health.of(id).up)
    {
        return false;
    }
    if field.is_empty() || field.any(|id, _| snapshot.health.of(id).up) {
        field.keep(witness, |id, _| (!snapshot.health.of(id).up).then_some(Why::Unhealthy));
        return false;
    }
    witness.skipped(Skipped::Health);
    true
}

/// FD-D4.
fn tier(field: &mut Field<'_>, witness: &mut impl Witness) {
    let Some(best) = field.places().map(|at| field.origins[at].priority).min() else { return };
    field.keep(witness, |_, origin| {
        let lower = origin.priority > best;
        lower.then_some(Why::LowerTier { priority: origin.priority.get(), best: best.get() })
    });
}

/// FD-D6, FD-D7, FD-D9: inclusive, relative to the fastest of the tier; who was never measured stays.
fn latency(snapshot: &Snapshot, group: GroupId, field: &mut Field<'_>, witness: &mut impl Witness) {
    let known = |id: OriginId| snapshot.health.of(id).latency_ms;
    let Some(fastest_ms) = field.places().filter_map(|at| known(field.id(at))).min() else { return };
    let slack_ms = snapshot.table.group(group).load_balancing.additional_latency_ms.get();
    field.keep(witness, |id, _| {
        let latency_ms = known(id)?;
        let slow = latency_ms - fastest_ms > u32::from(slack_ms);
        slow.then_some(Why::TooSlow { latency_ms, fastest_ms, slack_ms })
    });
}

/// FD-D1 step 4, FD-D19, FD-D23, FD-D24: `ASLBSA` where it fits, else `ASLBSACORS`.
fn session(field: &Field<'_>, affinity: [Option<&str>; 2], witness: &mut impl Witness) -> Option<usize> {
    let named =
        |cookie: &str| field.places().find(|at| affinity::names(cookie, &field.origins[*at].affinity_value));
    let at = affinity.into_iter().flatten().find_map(named)?;
    field
        .places()
        .filter(|other| *other != at)
        .for_each(|other| witness.left(field.id(other), Why::OtherSession));
    Some(at)
}

/// FD-D10, FD-D11.
fn draw(
    field: &Field<'_>,
    group: GroupId,
    equal: bool,
    dice: &mut dyn Dice,
    witness: &mut impl Witness,
) -> Option<usize> {
    let weight = |at: usize| if equal { 1 } else { u32::from(field.origins[at].weight.get()) };
    let weights = field.places().map(weight);
    let rotation = Rotation::of(weights.clone())?;
    let turn = dice.turn(group);
    let place = rotation.place(turn);
    let at = field.places().nth(rotation.holder(weights, place)?)?;
    witness.drew(field.id(at), place, rotation.places);
    field.places().filter(|other| *other != at).for_each(|other| {
        witness.left(field.id(other), Why::NotDrawn { places: rotation.share(weight(other)) })
    });
    Some(at)
}
