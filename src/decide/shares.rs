//! Where many requests of one kind go: the pick, asked for every turn and every fall of the dials.

use std::collections::BTreeMap;

use super::pick::{Tried, pick_origin};
use super::ports::Dice;
use super::trail::{Step, Trail};
use crate::model::group::{GroupId, OriginId};
use crate::model::snapshot::Snapshot;

/// Where requests of this kind go, in percent, over all turns and all rolls of the dials.
pub fn shares(snapshot: &Snapshot, group: GroupId, affinity: [Option<&str>; 2]) -> Vec<(OriginId, f64)> {
    let dialled = dialled_regions(snapshot, group);
    let mut sums: BTreeMap<OriginId, f64> = BTreeMap::new();
    // Each dialled region independently takes part or not; there are few of them, so every combination is tried.
    for combination in 0_u32..1 << dialled.len() {
        let mut probability = 1.0;
        let mut rolls = Vec::new();
        for (bit, dial) in dialled.iter().enumerate() {
            let takes_part = combination >> bit & 1 == 1;
            probability *= if takes_part { f64::from(*dial) } else { f64::from(100 - *dial) } / 100.0;
            rolls.push(if takes_part { 0 } else { 99 });
        }
        if probability > 0.0 {
            turns(snapshot, group, affinity, &rolls, |id, share| {
                *sums.entry(id).or_default() += share * probability
            });
        }
    }
    sums.into_iter().map(|(id, share)| (id, share * 100.0)).collect()
}

/// The dials below 100 of the group's regions, in the order in which a pick rolls for them; at most ten.
fn dialled_regions(snapshot: &Snapshot, group: GroupId) -> Vec<u8> {
    let regions: Vec<_> =
        snapshot.table.group(group).origin_ids().filter_map(|id| snapshot.table.origin(id).region).collect();
    let here = |at: usize| regions.iter().any(|r| r.0 as usize == at);
    let wills = snapshot.regions.iter().enumerate();
    wills
        .filter(|(at, will)| will.dial.get() < 100 && here(*at))
        .map(|(_, will)| will.dial.get())
        .take(10)
        .collect()
}

struct Rolls<'r> {
    turn: u64,
    rolls: std::slice::Iter<'r, u32>,
}

impl Dice for Rolls<'_> {
    fn turn(&mut self, _: GroupId) -> u64 {
        self.turn
    }
    fn roll(&mut self, _: u32) -> u32 {
        self.rolls.next().copied().unwrap_or(0)
    }
}

/// One whole rotation under these rolls.
fn turns(
    snapshot: &Snapshot,
    group: GroupId,
    affinity: [Option<&str>; 2],
    rolls: &[u32],
    mut add: impl FnMut(OriginId, f64),
) {
    let mut of = 1;
    let mut turn = 0;
    let mut counts: BTreeMap<OriginId, u64> = BTreeMap::new();
    while turn < of {
        let mut dice = Rolls { turn, rolls: rolls.iter() };
        let mut trail = Trail::default();
        if let Some(pick) = pick_origin(snapshot, group, affinity, &Tried::default(), &mut dice, &mut trail) {
            *counts.entry(pick.origin).or_default() += 1;
        }
        let places = trail.steps.iter().find_map(|step| match step {
            Step::Drew { of, .. } => Some(*of),
            _ => None,
        });
        of = places.unwrap_or(1);
        turn += 1;
    }
    // Whole numbers far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    counts.into_iter().for_each(|(id, count)| add(id, count as f64 / of as f64));
}
