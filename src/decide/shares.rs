//! Where many requests of one kind go: one pick for every fall of the dials. A whole rotation gives every place once
//! (FD-D11), so that the places which a pick tells of say what its other turns would have come to.

use std::collections::BTreeMap;

use super::pick::{Tried, pick_origin};
use super::ports::{Dice, Why};
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
            rotation(snapshot, group, affinity, &rolls, |id, share| {
                *sums.entry(id).or_default() += share * probability;
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

struct Rolls<'r>(std::slice::Iter<'r, u32>);

impl Dice for Rolls<'_> {
    fn turn(&mut self, _: GroupId) -> u64 {
        0
    }
    fn roll(&mut self, _: u32) -> u32 {
        self.0.next().copied().unwrap_or(0)
    }
}

/// One whole rotation under these rolls: every origin of the pool with its part of 1.
fn rotation(
    snapshot: &Snapshot,
    group: GroupId,
    affinity: [Option<&str>; 2],
    rolls: &[u32],
    mut add: impl FnMut(OriginId, f64),
) {
    let mut trail = Trail::default();
    let mut dice = Rolls(rolls.iter());
    let Some(pick) = pick_origin(snapshot, group, affinity, &Tried::default(), &mut dice, &mut trail) else {
        return;
    };
    let drawn = trail.steps.iter().find_map(|step| match step {
        Step::Drew { of, .. } => Some(*of),
        _ => None,
    });
    // Without a draw there is no choice: every turn would go there.
    let of = drawn.unwrap_or(1);
    let mut left = of;
    for step in &trail.steps {
        if let Step::Left { origin, why: Why::NotDrawn { places } } = step {
            add(*origin, part(*places, of));
            left = left.saturating_sub(*places);
        }
    }
    add(pick.origin, part(left, of));
}

/// Whole numbers far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn part(places: u64, of: u64) -> f64 {
    places as f64 / of as f64
}
