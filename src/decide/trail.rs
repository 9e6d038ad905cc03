//! The witness that remembers every step of a pick.

use super::ports::{Skipped, Why, Witness};
use crate::model::group::{GroupId, OriginId};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail {
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Field { group: GroupId, origins: Vec<OriginId> },
    Left { origin: OriginId, why: Why },
    Skipped(Skipped),
    Drew { origin: OriginId, turn: u64, of: u64 },
}

impl Witness for Trail {
    fn field(&mut self, group: GroupId, origins: &mut dyn Iterator<Item = OriginId>) {
        self.steps.push(Step::Field { group, origins: origins.collect() });
    }
    fn left(&mut self, origin: OriginId, why: Why) {
        self.steps.push(Step::Left { origin, why });
    }
    fn skipped(&mut self, filter: Skipped) {
        self.steps.push(Step::Skipped(filter));
    }
    fn drew(&mut self, origin: OriginId, turn: u64, of: u64) {
        self.steps.push(Step::Drew { origin, turn, of });
    }
}
