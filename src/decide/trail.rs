//! The witness that remembers every step of a pick, and its text.

use super::ports::{Skipped, Why, Witness};
use crate::model::group::{GroupId, OriginId};
use crate::model::table::Table;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail {
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Field { group: GroupId, origins: Vec<OriginId> },
    Left { origin: OriginId, why: Why },
    Skipped(Skipped),
    Drew { origin: OriginId, place: u64, of: u64 },
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
    fn drew(&mut self, origin: OriginId, place: u64, of: u64) {
        self.steps.push(Step::Drew { origin, place, of });
    }
}

impl Trail {
    /// A line per step, with names and numbers.
    pub fn lines(&self, table: &Table) -> Vec<String> {
        self.steps.iter().map(|step| line(step, table)).collect()
    }

    /// Why `origin` left the field, if it did.
    pub fn why(&self, origin: OriginId) -> Option<Why> {
        self.steps.iter().find_map(|step| match step {
            Step::Left { origin: who, why } if *who == origin => Some(*why),
            _ => None,
        })
    }
}

fn line(step: &Step, table: &Table) -> String {
    let name = |id: &OriginId| table.origin(*id).name.as_str();
    match step {
        Step::Field { group, origins } => {
            let names: Vec<&str> = origins.iter().map(name).collect();
            format!("candidates of origin group {}: {}", table.group(*group).name, names.join(", "))
        }
        Step::Left { origin, why } => format!("{} left: {}", name(origin), reason(*why, table)),
        Step::Skipped(Skipped::Health) => String::from(
            "nobody is healthy: every enabled origin counts as available, latency is skipped (FD-C22)",
        ),
        Step::Skipped(Skipped::Dial) => {
            String::from("the dial would have left nobody healthy and was skipped")
        }
        Step::Drew { origin, place, of } => {
            format!("weighted round robin: place {place} of {of} belongs to {} (FD-D11)", name(origin))
        }
    }
}

fn reason(why: Why, table: &Table) -> String {
    match why {
        Why::Disabled => String::from("it is disabled"),
        Why::Drained(region) => format!("region {} is drained", table.region(region).name),
        Why::Isolated(region) => format!("region {} is isolated", table.region(region).name),
        Why::Dialled { region, dial, roll } => {
            format!("region {} is dialled to {dial} %, and the roll was {roll}", table.region(region).name)
        }
        Why::Unhealthy => String::from("its probes say it is down"),
        Why::AlreadyTried => String::from("it was tried in this request"),
        Why::LowerTier { priority, best } => {
            format!("priority {priority}, and priority {best} is available (FD-D4)")
        }
        Why::TooSlow { latency_ms, fastest_ms, slack_ms } => {
            format!("{latency_ms} ms is more than {slack_ms} ms above the fastest, {fastest_ms} ms (FD-D7)")
        }
        Why::OtherSession => String::from("the affinity cookie names another origin"),
        Why::NotDrawn { places: 1 } => String::from("the draw went to another, 1 place is its own"),
        Why::NotDrawn { places } => format!("the draw went to another, {places} places are its own"),
    }
}
