//! What a decision may ask of its caller: chance, turns, and a witness.

use crate::model::group::{GroupId, OriginId};
use crate::model::region::RegionId;

/// Chance and turns, handed in.
pub trait Dice {
    /// The next turn of a group's weighted round robin (FD-D11).
    fn turn(&mut self, group: GroupId) -> u64;
    /// A number below `of`, even over its range. `of` is at least 1.
    fn roll(&mut self, of: u32) -> u32;
}

/// Why an origin left the field, with the numbers that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// `enabled = false`.
    Disabled,
    /// Its region is drained.
    Drained(RegionId),
    /// Its region is isolated.
    Isolated(RegionId),
    /// The dial of its region sent this request elsewhere: `roll` was not below `dial` percent.
    Dialled { region: RegionId, dial: u8, roll: u32 },
    /// The probe window says down.
    Unhealthy,
    /// Tried already in this request.
    AlreadyTried,
    /// A better tier stands.
    LowerTier { priority: u8, best: u8 },
    /// Outside the latency window.
    TooSlow { latency_ms: u32, fastest_ms: u32, slack_ms: u16 },
    /// The affinity cookie names another origin of the pool.
    OtherSession,
    /// The draw went to another. `places`: how many of the rotation's equal places are this origin's.
    NotDrawn { places: u64 },
}

/// A watcher of the decision. The data path's compiles to nothing.
pub trait Witness {
    /// The field at the start.
    fn field(&mut self, _group: GroupId, _origins: &mut dyn Iterator<Item = OriginId>) {}
    /// An origin left the field.
    fn left(&mut self, _origin: OriginId, _why: Why) {}
    /// A filter would have left nobody and was skipped: everybody unhealthy (FD-C22), or everybody dialled away.
    fn skipped(&mut self, _filter: Skipped) {}
    /// The weighted draw: `turn` of `of` equal turns went to `origin`.
    fn drew(&mut self, _origin: OriginId, _turn: u64, _of: u64) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    Health,
    Dial,
}

/// The data path's witness.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Witness for Silent {}
