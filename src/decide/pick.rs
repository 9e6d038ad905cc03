//! The origin of a request: availability, priority, latency, affinity, weight (FD-D1).

use super::ports::{Dice, Witness};
use super::reason::Reason;
use crate::model::group::{GroupId, OriginId};
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

/// Picks an origin of `group`, or None where nobody is left (FD-L9). No allocation.
pub fn pick_origin(
    _snapshot: &Snapshot,
    _group: GroupId,
    _affinity: [Option<&str>; 2],
    _tried: &Tried,
    _dice: &mut dyn Dice,
    _witness: &mut impl Witness,
) -> Option<Pick> {
    todo!()
}
